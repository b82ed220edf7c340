// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows from outside the database how many batches were committed, so that a start notices when
 * recovery dropped some (FORMAT.md, "A hole in the log"). Confined to the opening thread, then to
 * {@code spool-commit}.
 */
final class WalWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(WalWatch.class);
    private static final int BYTES = 12;

    private final Path spool;
    private final Path links;
    private final FileChannel commits;
    private final long before;
    private final byte[] slot = new byte[BYTES];
    private boolean writable = true;

    private WalWatch(Path spool, FileChannel commits, long before) {
        this.spool = spool;
        this.commits = commits;
        this.before = before;
        links = spool.resolve("wal-before-start");
    }

    /** Called before the database is opened: its logs are still as the last run left them. */
    static WalWatch begin(Path spool) {
        try {
            Folders.make(spool);
            FileChannel commits = FileChannel.open(spool.resolve("commits"),
                    StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            Folders.sync(spool);
            ByteBuffer slot = ByteBuffer.allocate(BYTES);
            int read = commits.read(slot, 0);
            boolean whole = read == BYTES && slot.getInt(8) == RecordWriter.crc(slot.array(), 8);
            return new WalWatch(spool, commits, whole ? slot.getLong(0) : 0);
        } catch (IOException unusable) {
            throw new SpoolException("spool directory " + spool + " cannot be used: " + unusable,
                    unusable);
        }
    }

    /**
     * Keeps the logs through the opening, as hard links. Only once the database's lock would be
     * ours; a failure costs the keepsake, not the start.
     */
    void keepLogs() {
        try {
            forget(links);
            Path db = spool.resolve("db");
            if (!Files.isDirectory(db)) {
                return;
            }
            Files.createDirectories(links);
            for (Path log : list(db)) {
                if (log.toString().endsWith(".log")) {
                    Files.createLink(links.resolve(String.valueOf(log.getFileName())), log);
                }
            }
        } catch (IOException | UnsupportedOperationException refused) {
            LOG.warn("logs not kept through the start reason=\"{}\"", refused.toString());
        }
    }

    /**
     * How many committed batches are missing after recovery; 0 when all is well. Keeps the logs of
     * before when some are.
     */
    long missing(long recovered) {
        long missing = Math.max(0, before - recovered);
        try {
            if (missing > 0 && Files.isDirectory(links)) {
                Files.move(links, spool.resolve("wal-kept-" + before));
            } else {
                forget(links);
            }
        } catch (IOException refused) {
            LOG.warn("kept logs not tidied reason=\"{}\"", refused.toString());
        }
        return missing;
    }

    /** The opening failed: whoever has the spool keeps its logs. */
    void forgetLogs() {
        try {
            forget(links);
        } catch (IOException refused) {
            LOG.warn("kept logs not tidied reason=\"{}\"", refused.toString());
        }
    }

    void committed(long batch) {
        ByteBuffer.wrap(slot).putLong(0, batch);
        RecordWriter.sealCrc(slot);
        try {
            commits.write(ByteBuffer.wrap(slot), 0);
            writable = true;
        } catch (IOException refused) {
            if (writable) {
                LOG.warn("batch number not noted reason=\"{}\"", refused.toString());
            }
            writable = false;
        }
    }

    @Override
    public void close() {
        try {
            commits.close();
        } catch (IOException refused) {
            LOG.warn("batch number file not closed reason=\"{}\"", refused.toString());
        }
    }

    private static void forget(Path directory) throws IOException {
        if (Files.isDirectory(directory)) {
            for (Path file : list(directory)) {
                Files.delete(file);
            }
            Files.delete(directory);
        }
    }

    private static List<Path> list(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.toList();
        }
    }
}
