// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/**
 * Watches the room on the spool's disk: bytes and files. Looked at about once a second on a thread
 * that may block; in between the last answer holds, so {@code min-free} must cover what arrives
 * meanwhile.
 */
final class Admission {
    private final Path directory;
    private final LongSupplier unwritten;
    private final SpoolConfig limits;
    private final FreeInodes inodes;
    private volatile String refusal = "";
    private volatile long sizeBytes;
    private volatile long freeBytes = Long.MAX_VALUE;
    private volatile long freeInodes = Long.MAX_VALUE;

    /** @param unwritten bytes in memory that will become data files */
    Admission(Path directory, SpoolConfig config, LongSupplier unwritten) {
        this.directory = directory;
        this.unwritten = unwritten;
        limits = config;
        inodes = new FreeInodes(directory);
    }

    /** Why new mail is refused; empty when there is room. */
    Optional<String> refusal() {
        String why = refusal;
        return why.isEmpty() ? Optional.empty() : Optional.of(why);
    }

    long sizeBytes() {
        return sizeBytes;
    }

    long freeBytes() {
        return freeBytes;
    }

    /** {@link Long#MAX_VALUE} when there is no limit or it is unknown. */
    long freeInodes() {
        return freeInodes;
    }

    void look() {
        try {
            freeBytes = Files.getFileStore(directory).getUsableSpace();
            sizeBytes = sizeOf(directory) + unwritten.getAsLong();
            freeInodes = inodes.count();
        } catch (IOException unreadable) {
            refusal = "room on the spool's disk is unknown: " + unreadable;
            return;
        }
        if (freeBytes < limits.minFree()) {
            refusal = "only " + freeBytes + " bytes are free on the spool's disk, min-free is "
                    + limits.minFree();
        } else if (limits.maxSize() > 0 && sizeBytes > limits.maxSize()) {
            refusal = "the spool has " + sizeBytes + " bytes, max-size is " + limits.maxSize();
        } else if (freeInodes < limits.minFreeInodes()) {
            refusal = "only " + freeInodes + " files can still be made on the spool's disk,"
                    + " min-free-inodes is " + limits.minFreeInodes();
        } else {
            refusal = "";
        }
    }

    /** Of the data files: the logs are bounded by themselves and used again. */
    private static long sizeOf(Path directory) throws IOException {
        long size = 0;
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                String name = file.toString();
                try {
                    size += name.endsWith(".sst") || name.endsWith(".blob") ? Files.size(file) : 0;
                } catch (NoSuchFileException gone) {
                    // Compaction removed it in between.
                }
            }
        }
        return size;
    }
}
