// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the batches that are in the log and not in the database: the database is not synced with
 * each of them, so it may lack the newest ones after the death of the machine. One thread, used
 * once, before anything is written to the log.
 */
final class LogRedo {
    /*
     * The database names the place of its newest batch. What follows in that slot came later; where
     * it ends, the slot that begins with a later batch goes on. A batch whose predecessor is not
     * the one before it replaces what stands between: that was reported as failed.
     */
    private static final Logger LOG = LoggerFactory.getLogger(LogRedo.class);

    /**
     * A batch that is not in the database.
     *
     * @param from where it begins
     * @param offset of its head, behind its chunks
     */
    private record Found(int slot, long from, long offset, LogEntry head) {
        long number() {
            return head.number();
        }
    }

    private final LogFiles files;
    private final Progress progress;
    private final Deque<Found> found = new ArrayDeque<>();
    private long newest;

    private LogRedo(LogFiles files, Progress progress) {
        this.files = files;
        this.progress = progress;
        newest = progress.batch();
    }

    /** How many committed batches the database lacks. */
    static int missing(LogFiles files, Progress progress) {
        return new LogRedo(files, progress).find().size();
    }

    /**
     * Writes to the database what it lacks, and brings it to the disk.
     *
     * @param newest number of the last batch that is to be written
     * @throws SpoolException when it cannot be written
     */
    static void apply(Store store, LogFiles files, Progress progress, long newest) {
        LogRedo redo = new LogRedo(files, progress);
        Deque<Found> missing = redo.find();
        missing.removeIf(batch -> batch.number() > newest);
        if (missing.isEmpty()) {
            return;
        }
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
                missing.size(), missing.getLast().number());
    }

    private Deque<Found> find() {
        Progress.LogMark mark = progress.log();
        if (mark.isNone()) {
            return found;
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
        return found;
    }

    /** Reads a slot on from an offset for as long as it goes on from what was found. */
    private void follow(int slot, long from) {
        long begins = from;
        long offset = from;
        while (true) {
            LogEntry head = files.head(slot, offset);
            if (head == null || head.run() != progress.log().run()) {
                return;
            }
            if (head.kind() == LogEntry.Kind.BATCH) {
                if (head.number() <= newest
                        || files.changes(slot, begins, offset, head) == null) {
                    return;
                }
                // One that follows another than is known was refused by the database.
                if (isKnown(head.second())) {
                    while (!found.isEmpty() && found.getLast().number() > head.second()) {
                        found.removeLast();
                    }
                    found.add(new Found(slot, begins, offset, head));
                }
                newest = head.number();
                begins = head.end(offset);
            }
            offset = head.end(offset);
        }
    }

    private boolean isKnown(long number) {
        return number == (found.isEmpty() ? progress.batch() : found.getLast().number())
                || number == progress.batch()
                || found.stream().anyMatch(one -> one.number() == number);
    }

    /** The slot that goes on: of those that begin later, the first. */
    private @Nullable Integer next(Set<Integer> seen) {
        @Nullable
        Integer best = null;
        long first = Long.MAX_VALUE;
        List<Integer> slots = files.slots();
        for (int slot : slots) {
            LogEntry head = seen.contains(slot) ? null : files.head(slot, 0);
            if (head != null && head.kind() == LogEntry.Kind.SLOT
                    && head.run() == progress.log().run() && head.number() > newest
                    && head.number() < first && isKnown(head.second())) {
                best = slot;
                first = head.number();
            }
        }
        return best;
    }
}
