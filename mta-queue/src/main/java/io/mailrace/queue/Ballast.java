// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A file that only takes room: opening a database needs some, so on a disk that is full to the last
 * byte the ballast is thrown away first, and a spool can start, deliver, and so free the disk.
 * Confined to the opening thread, then to the chore that looks at the room.
 */
final class Ballast {
    private static final Logger LOG = LoggerFactory.getLogger(Ballast.class);
    static final int BYTES = 16 << 20;
    private static final int BLOCK = 1 << 20;

    private final Path file;

    Ballast(Path spool) {
        file = spool.resolve("ballast");
    }

    /** Throws it away when the disk is full; whether there is more room now. */
    boolean drop() {
        try {
            if (!Files.exists(file) || Files.getFileStore(file).getUsableSpace() >= BYTES) {
                return false;
            }
            Files.delete(file);
            LOG.warn("disk is full: the spool opens with the room kept for that file={}", file);
            return true;
        } catch (IOException refused) {
            LOG.warn("ballast not dropped reason=\"{}\"", refused.toString());
            return false;
        }
    }

    /** Takes it aboard when it is missing. Call while there is plenty of room. */
    void load() {
        if (Files.exists(file)) {
            return;
        }
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE_NEW,
                StandardOpenOption.WRITE)) {
            ByteBuffer zeros = ByteBuffer.allocate(BLOCK);
            for (int written = 0; written < BYTES; written += BLOCK) {
                out.write(zeros.clear());
            }
            out.force(true);
        } catch (IOException refused) {
            LOG.warn("no room kept for a full disk reason=\"{}\"", refused.toString());
        }
    }
}
