// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What one process wrote to the log behind a batch. One thread, used once. */
final class LogRun {
    /*
     * Where a slot ends, the slot of the run that begins with a later batch goes on. Each batch
     * names the one committed before it. So the way back from the newest to the one behind which
     * all this comes is what was committed; batches beside that way were refused by the database
     * and reported as failed.
     */

    /**
     * A batch that stands in the log whole.
     *
     * @param from where it begins
     * @param offset of its head, behind its chunks
     */
    record Found(int slot, long from, long offset, LogEntry head) {
        /** What it changes; null when it is not whole any more. */
        byte @Nullable [] changes(LogFiles files) {
            return files.changes(slot, from, offset, head);
        }

        /** Where the next one begins. */
        long end() {
            return head.end(offset);
        }
    }

    private final LogFiles files;
    private final Map<Integer, LogEntry> slots;
    private final long run;
    private final long after;
    private final Set<Integer> read = new HashSet<>();
    private final NavigableMap<Long, Found> found = new TreeMap<>();

    /**
     * @param slots with what they begin
     * @param after number of the batch behind which the run is looked at
     */
    LogRun(LogFiles files, Map<Integer, LogEntry> slots, long run, long after) {
        this.files = files;
        this.slots = slots;
        this.run = run;
        this.after = after;
    }

    /** Reads a slot on from an offset for as long as later batches follow. */
    void read(int slot, long from) {
        read.add(slot);
        long begins = from;
        long offset = from;
        while (true) {
            LogEntry head = files.head(slot, offset);
            if (head == null || head.run() != run) {
                return;
            }
            if (head.kind() == LogEntry.Kind.BATCH) {
                Found batch = new Found(slot, begins, offset, head);
                if (head.number() <= highest() || batch.changes(files) == null) {
                    return;
                }
                found.put(head.number(), batch);
                begins = batch.end();
            }
            offset = head.end(offset);
        }
    }

    /**
     * Reads the slots that go on, too.
     *
     * @param newest number of the last batch that is wanted
     * @return the batches that were committed, from the first on
     */
    Deque<Found> way(long newest) {
        for (Optional<Integer> next = next(); next.isPresent(); next = next()) {
            read(next.get(), 0);
        }
        Set<Long> reached = new HashSet<>(Set.of(after));
        long last = after;
        for (Found batch : found.headMap(newest, true).values()) {
            if (reached.contains(batch.head.second())) {
                last = batch.head.number();
                reached.add(last);
            }
        }
        Deque<Found> way = new ArrayDeque<>();
        for (Found batch = found.get(last); batch != null; batch = found.get(
                batch.head.second())) {
            way.addFirst(batch);
        }
        return way;
    }

    private long highest() {
        return found.isEmpty() ? after : found.lastKey();
    }

    /** The slot that goes on: of those that begin later, the first. */
    private Optional<Integer> next() {
        return slots.entrySet().stream().filter(slot -> !read.contains(slot.getKey()))
                .filter(slot -> slot.getValue().run() == run
                        && slot.getValue().number() > highest())
                .min(Comparator.comparingLong(slot -> slot.getValue().number()))
                .map(Map.Entry::getKey);
    }
}
