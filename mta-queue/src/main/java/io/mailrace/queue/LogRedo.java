// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the batches that are in the log and not in the database: the database is not synced with
 * each of them, so it may lack the newest ones after the death of the machine. One thread, used
 * once, while nobody writes to the log.
 */
final class LogRedo {
    /*
     * The database names the place of its newest batch. What follows in that slot came later; where
     * it ends, the slot that begins with a later batch goes on. Each batch names the one committed
     * before it. So the way back from the newest to the one the database has is what was committed;
     * batches beside that way were refused by the database and reported as failed.
     */
    private static final Logger LOG = LoggerFactory.getLogger(LogRedo.class);

    /**
     * A batch that is not in the database.
     *
     * @param from where it begins
     * @param offset of its head, behind its chunks
     */
    private record Found(int slot, long from, long offset, LogEntry head) {}

    private final LogFiles files;
    private final Progress progress;
    private final NavigableMap<Long, Found> found = new TreeMap<>();

    private LogRedo(LogFiles files, Progress progress) {
        this.files = files;
        this.progress = progress;
    }

    /** Numbers of the committed batches the database lacks, in order. */
    static List<Long> missing(LogFiles files, Progress progress) {
        return new LogRedo(files, progress).find(Long.MAX_VALUE).stream()
                .map(batch -> batch.head.number()).toList();
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
        Deque<Found> missing = new LogRedo(files, progress).find(newest);
        if (missing.isEmpty()) {
            return;
        }
        secure(files, missing);
        try {
            for (Found one : missing) {
                byte[] changes = files.changes(one.slot, one.from, one.offset, one.head);
                if (changes == null) {
                    throw new SpoolException("log of the spool changed while it was read");
                }
                try (WriteBatch batch = new WriteBatch(changes)) {
                    store.write(batch, false);
                }
            }
            store.sync();
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk("batches of the log cannot be written: "
                    + refused.getMessage(), refused);
        }
        LOG.info("took batches from the log that the database lacked count={} newest={}",
                missing.size(), missing.getLast().head.number());
    }

    /**
     * What was read may be in the memory of the machine only: a process died before its sync, or a
     * sync failed. The database must not rely on it before it is on the disk.
     */
    private static void secure(LogFiles files, Deque<Found> missing) {
        Map<Integer, Long> ends = new TreeMap<>();
        missing.forEach(one -> ends.merge(one.slot, one.head.end(one.offset), Math::max));
        ends.forEach(files::writeAgain);
    }

    /** Notes that no batch of the log is newer than the database. */
    static void leave(Store store) throws RocksDBException {
        Progress progress = readable(store);
        if (progress != null && !progress.log().isNone()) {
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

    private Deque<Found> find(long newest) {
        Progress.LogMark mark = progress.log();
        if (mark.isNone()) {
            return new ArrayDeque<>();
        }
        LogEntry anchor = files.head(mark.slot(), mark.offset());
        if (anchor == null || anchor.kind() != LogEntry.Kind.BATCH
                || anchor.number() != progress.batch() || anchor.run() != mark.run()) {
            // Then nothing that was synced came later, or damage: the count of batches tells.
            LOG.warn("the log of the spool does not hold the newest batch of its database"
                    + " batch={}", progress.batch());
        } else {
            follow(mark.slot(), anchor.end(mark.offset()));
        }
        Set<Integer> seen = new HashSet<>(Set.of(mark.slot()));
        for (@Nullable
        Integer next = next(seen); next != null; next = next(seen)) {
            seen.add(next);
            follow(next, 0);
        }
        files.close();
        return wayTo(newest);
    }

    /** Reads a slot on from an offset for as long as later batches follow. */
    private void follow(int slot, long from) {
        long begins = from;
        long offset = from;
        while (true) {
            LogEntry head = files.head(slot, offset);
            if (head == null || head.run() != progress.log().run()) {
                return;
            }
            if (head.kind() == LogEntry.Kind.BATCH) {
                if (head.number() <= highest()
                        || files.changes(slot, begins, offset, head) == null) {
                    return;
                }
                found.put(head.number(), new Found(slot, begins, offset, head));
                begins = head.end(offset);
            }
            offset = head.end(offset);
        }
    }

    private long highest() {
        return found.isEmpty() ? progress.batch() : found.lastKey();
    }

    /** The slot that goes on: of those that begin later, the first. */
    private @Nullable Integer next(Set<Integer> seen) {
        @Nullable
        Integer best = null;
        long first = Long.MAX_VALUE;
        for (int slot : files.slots()) {
            LogEntry head = seen.contains(slot) ? null : files.head(slot, 0);
            if (head != null && head.kind() == LogEntry.Kind.SLOT
                    && head.run() == progress.log().run() && head.number() > highest()
                    && head.number() < first) {
                best = slot;
                first = head.number();
            }
        }
        return best;
    }

    /** The batches from the one the database has to the newest that can be reached from it. */
    private Deque<Found> wayTo(long newest) {
        for (long last : found.headMap(newest, true).descendingKeySet()) {
            Deque<Found> way = new ArrayDeque<>();
            long at = last;
            for (Found batch = found.get(at); batch != null; batch = found.get(at)) {
                way.addFirst(batch);
                at = batch.head.second();
            }
            if (at == progress.batch()) {
                return way;
            }
        }
        return new ArrayDeque<>();
    }
}
