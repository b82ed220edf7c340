// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the batches that are in the log and not in the database: the database gets them later and
 * is not synced with each of them, so it lacks the newest ones after the death of the process, more
 * after that of the machine. One thread, used once, while nobody writes to the log.
 */
final class LogRedo {
    /*
     * The database names the place of its newest batch. What follows it in the log is read run by
     * run: the rest of that of the newest batch, then those that say that they go on from where
     * another ends. The number of a batch alone does not tell: after a loss numbers are given a
     * second time. A run that begins where another one does committed nothing, or it would have
     * been taken before the other one began.
     */
    private static final Logger LOG = LoggerFactory.getLogger(LogRedo.class);

    private final LogFiles files;
    private final Progress progress;
    /** With what they begin. */
    private final Map<Integer, LogEntry> slots = new TreeMap<>();

    private LogRedo(LogFiles files, Progress progress) {
        this.files = files;
        this.progress = progress;
    }

    /** Numbers of the committed batches the database lacks, in order. */
    static List<Long> missing(LogFiles files, Progress progress, long newest) {
        return new LogRedo(files, progress).find(newest).stream()
                .map(batch -> batch.head().number()).toList();
    }

    /**
     * Writes to the database what it lacks, and brings it to the disk.
     *
     * @param newest number of the last batch that is to be written
     * @throws SpoolException when it cannot be written
     */
    static void apply(Store store, long newest) {
        Progress progress = readable(store);
        if (progress == null) {
            return;
        }
        LogFiles files = store.log();
        Deque<LogRun.Found> missing = new LogRedo(files, progress).find(newest);
        if (missing.isEmpty()) {
            return;
        }
        secure(files, missing);
        try {
            for (LogRun.Found one : missing) {
                byte[] changes = one.changes(files);
                if (changes == null) {
                    throw new SpoolException("log of the spool changed while it was read");
                }
                try (WriteBatch batch = new WriteBatch(changes)) {
                    store.redo(batch);
                }
            }
            store.redone();
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk("batches of the log cannot be written: "
                    + refused.getMessage(), refused);
        }
        LOG.info("took batches from the log that the database lacked count={} newest={}",
                missing.size(), missing.getLast().head().number());
    }

    /**
     * What was read may be in the memory of the machine only: a process died before its sync, or a
     * sync failed. The database must not rely on it before it is on the disk.
     */
    private static void secure(LogFiles files, Deque<LogRun.Found> missing) {
        Map<Integer, Long> ends = new TreeMap<>();
        missing.forEach(one -> ends.merge(one.slot(), one.end(), Math::max));
        ends.forEach(files::writeAgain);
    }

    /** Notes that no batch of any log is newer than the database. */
    static void leave(Store store) throws RocksDBException {
        Progress progress = readable(store);
        if (progress != null) {
            try (WriteBatch batch = new WriteBatch()) {
                batch.put(store.handle(Store.Family.STATE), Keys.PROGRESS,
                        progress.withoutLog().encode());
                store.write(batch, true);
            }
        }
    }

    /** Null when it is damaged: then nothing of the log is taken, and no spool starts on it. */
    private static @Nullable Progress readable(Store store) {
        try {
            return store.progress();
        } catch (SpoolException damaged) {
            if (damaged.mayPass()) {
                throw damaged;
            }
            LOG.error("how far the spool has come cannot be read reason=\"{}\"",
                    damaged.getMessage());
            return null;
        }
    }

    /** The batches from the one the database has to the newest that can be reached from it. */
    private Deque<LogRun.Found> find(long newest) {
        for (int slot : files.slots()) {
            LogEntry head = files.head(slot, 0);
            if (head != null && head.kind() == LogEntry.Kind.SLOT) {
                slots.put(slot, head);
            }
        }
        Deque<LogRun.Found> way = new ArrayDeque<>();
        Set<Long> runs = new HashSet<>();
        long batch = progress.batch();
        long run = progress.log().run();
        Deque<LogRun.Found> more = behindMark(newest);
        if (more.isEmpty()) {
            more = ofLaterRun(batch, run, runs, newest);
        }
        while (!more.isEmpty()) {
            way.addAll(more);
            batch = more.getLast().head().number();
            run = more.getLast().head().run();
            more = ofLaterRun(batch, run, runs, newest);
        }
        files.close();
        return way;
    }

    private Deque<LogRun.Found> behindMark(long newest) {
        Progress.LogMark mark = progress.log();
        if (!mark.isInLog()) {
            return new ArrayDeque<>();
        }
        LogRun run = new LogRun(files, slots, mark.run(), progress.batch());
        LogEntry anchor = files.head(mark.slot(), mark.offset());
        if (anchor == null || anchor.kind() != LogEntry.Kind.BATCH
                || anchor.number() != progress.batch() || anchor.run() != mark.run()) {
            // Then nothing that was synced came later, or damage: the count of batches tells.
            LOG.warn("the log of the spool does not hold the newest batch of its database"
                    + " batch={}", progress.batch());
        } else {
            run.read(mark.slot(), anchor.end(mark.offset()));
        }
        return run.way(newest);
    }

    /**
     * What the process committed that began where a batch ends.
     *
     * @param run of that batch
     * @param seen these runs do not follow; it and those that are looked at are added
     */
    private Deque<LogRun.Found> ofLaterRun(long batch, long run, Set<Long> seen, long newest) {
        seen.add(run);
        for (Map.Entry<Integer, LogEntry> slot : slots.entrySet()) {
            LogEntry head = slot.getValue();
            if (head.second() == batch && !seen.contains(head.run())
                    && files.runBefore(slot.getKey(), head).equals(OptionalLong.of(run))) {
                seen.add(head.run());
                Deque<LogRun.Found> way = new LogRun(files, slots, head.run(), batch).way(newest);
                if (!way.isEmpty()) {
                    return way;
                }
            }
        }
        return new ArrayDeque<>();
    }
}
