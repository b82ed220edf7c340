// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The journal on the families {@code event} and {@code event-of}. Any thread. Whatever of it is
 * damaged is stepped over, or its readers would stand before that for as long as it is kept.
 */
final class Journal implements EventJournal {
    private static final Logger LOG = LoggerFactory.getLogger(Journal.class);
    /**
     * Who reads gets no more once the events take so many bytes on disk. Most are small, but one of
     * a thousand recipients with a long reply each takes two megabytes.
     */
    static final int PAGE_BYTES = 1 << 20;
    private static final int MAX_WAITING = 10_000;
    private static final int MAX_READER_NAME = 200;
    private static final int MAX_GAPS = 1000;

    private final Store store;
    private final TimeSource time;
    private final SpoolConfig.Events retention;
    private final Consumer<Operation> commits;
    private final SpoolMeters meters;
    private final AtomicInteger waiting = new AtomicInteger();
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    private final Map<String, Long> positions = new ConcurrentHashMap<>();
    /** What is damaged and has been told, by file and place; at most {@value #MAX_GAPS}. */
    private final Set<String> gaps = ConcurrentHashMap.newKeySet();
    private volatile long newest;
    /** No event before this is kept. Moves with the retention. */
    private volatile long oldest;

    Journal(Store store, TimeSource time, QueueConfig config, long newest,
            Consumer<Operation> commits, SpoolMeters meters) {
        this.store = store;
        this.time = time;
        retention = config.spool().events();
        this.newest = newest;
        this.commits = commits;
        this.meters = meters;
    }

    /** Takes up a reader's position at start. */
    void restore(String reader, long sequence) {
        positions.put(reader, sequence);
    }

    @Override
    public void append(Event event) {
        if (waiting.incrementAndGet() > MAX_WAITING) {
            waiting.decrementAndGet();
            meters.eventDropped();
            return;
        }
        SpoolId id = event instanceof Event.OfMessage of ? of.id() : null;
        commits.accept(new Operation.Append(new Operation.Recorded(id, EventCodec.encode(event)),
                new Operation.Told(Runnable::run, new Counted())));
    }

    /** An appended event has left the input, written or not. */
    private final class Counted implements CommitListener {
        @Override
        public void committed() {
            waiting.decrementAndGet();
        }

        @Override
        public void failed(SpoolException why) {
            waiting.decrementAndGet();
            meters.eventDropped();
        }
    }

    @Override
    public List<Recorded> after(long sequence, int max) {
        Page page = new Page();
        if (max > 0 && sequence < newest) {
            store.scanAround(Store.Family.EVENT,
                    Keys.event(Math.max(Math.max(0, sequence) + 1, oldest)),
                    Keys.event(newest + 1), (key, value) -> {
                        page.add(Keys.longAt(key, 0), value);
                        return page.events.size() < max && !page.full();
                    }, (after, next, why) -> damaged(why));
        }
        return page.events;
    }

    @Override
    public long newest() {
        return newest;
    }

    @Override
    public History ofMessage(SpoolId id, int max) {
        Page page = new Page();
        Deque<Long> latest = new ArrayDeque<>();
        boolean[] leftOut = {false};
        int last = Keys.bucketOf(newest);
        // What is older is gone: its removal is on its way to the disk.
        long first = oldest();
        for (int bucket = Keys.bucketOf(first); bucket <= last; bucket++) {
            store.scanAround(Store.Family.EVENT_OF, Keys.eventOf(bucket, id.value(), 0),
                    Keys.eventOf(bucket, id.value(), Long.MAX_VALUE), (key, value) -> {
                        long sequence = Keys.longAt(key, 12);
                        if (sequence >= first && !page.begins(sequence)) {
                            latest.addLast(sequence);
                        }
                        if (latest.size() >= max) {
                            latest.removeFirst();
                            leftOut[0] = true;
                        }
                        return true;
                    }, (after, next, why) -> damaged(why));
        }
        // How it began, and then how it ended: what has no room is what was between.
        while (!latest.isEmpty() && (page.events.size() == 1 || !page.full())) {
            page.add(latest.removeLast());
        }
        page.events.sort(Comparator.comparingLong(Recorded::sequence));
        return new History(page.events, page.bytes, leftOut[0] || !latest.isEmpty());
    }

    @Override
    public long position(String reader) {
        return positions.getOrDefault(reader, 0L);
    }

    @Override
    public void savePosition(String reader, long sequence) {
        if (reader.isEmpty() || reader.length() > MAX_READER_NAME) {
            throw new IllegalArgumentException("reader needs a short name");
        }
        positions.put(reader, sequence);
        commits.accept(new Operation.SavePosition(reader, sequence));
    }

    @Override
    public void onGrowth(Runnable listener) {
        listeners.add(listener);
    }

    /** Lets readers see events up to this one; called by {@code spool-commit}. */
    void published(long sequence) {
        newest = sequence;
    }

    /** Tells the readers of new events; called by {@code spool-commit}. */
    @SuppressWarnings("CatchingUnchecked")
    void tellReaders() {
        for (Runnable listener : listeners) {
            try {
                listener.run();
            } catch (Exception unexpected) {
                LOG.error("journal listener failed", unexpected);
            }
        }
    }

    /** Drops what is too old or too much. Reads the disk. */
    void trim() {
        long first = oldest();
        if (first == 0) {
            return;
        }
        long now = time.epochMillis();
        long keepFrom = Math.max(newest - retention.maxCount() + 1,
                firstSince(first, now - retention.maxAge().toMillis()));
        keepFrom = Math.max(keepFrom, firstWithin(first));
        if (keepFrom > first) {
            commits.accept(new Operation.TrimEvents(keepFrom));
            oldest = keepFrom;
        }
        // The trim before this one is on disk by now: whole files of it can go at once.
        store.dropFiles(Store.Family.EVENT, Keys.event(0), Keys.event(first));
        store.dropFiles(Store.Family.EVENT_OF, Keys.eventBucket(0),
                Keys.eventBucket(Keys.bucketOf(first)));
    }

    /** Sequence of the oldest event that is kept, 0 when there is none. May read the disk. */
    long oldest() {
        long from = oldest;
        if (from != 0) {
            return newest < from ? 0 : from;
        }
        long[] first = {0};
        store.scanAround(Store.Family.EVENT, Keys.event(0), Keys.event(newest + 1),
                (key, value) -> {
                    first[0] = Keys.longAt(key, 0);
                    return false;
                }, (after, next, why) -> damaged(why));
        oldest = first[0];
        return first[0];
    }

    /** The first event from which on they take no more room than they may. */
    private long firstWithin(long first) {
        if (bytesFrom(first) <= retention.maxSize()) {
            return first;
        }
        long low = first;
        long high = newest + 1;
        while (low < high) {
            long middle = (low + high) >>> 1;
            if (bytesFrom(middle) > retention.maxSize()) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private long bytesFrom(long sequence) {
        return store.approximateBytes(Store.Family.EVENT, Keys.event(sequence),
                Keys.event(newest + 1));
    }

    /** The first event at or after a time; the times rise with the sequences, nearly. */
    private long firstSince(long oldest, long epochMillis) {
        long low = oldest;
        long high = newest + 1;
        while (low < high) {
            long middle = (low + high) >>> 1;
            if (timeOf(middle, Long.MAX_VALUE) < epochMillis) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private long timeOf(long sequence, long otherwise) {
        byte[] value = value(sequence);
        Event event = value == null ? null : decode(sequence, value);
        return event == null ? otherwise : event.epochMillis();
    }

    /** Null when it is not there, or damaged. */
    private byte @Nullable [] value(long sequence) {
        try {
            return store.get(Store.Family.EVENT, Keys.event(sequence));
        } catch (SpoolException unreadable) {
            if (unreadable.mayPass()) {
                throw unreadable;
            }
            damaged(unreadable);
            return null;
        }
    }

    /** Tells of a damaged place once: each look at it would tell the same. */
    private void damaged(SpoolException why) {
        meters.damaged();
        if (gaps.size() < MAX_GAPS && gaps.add(String.valueOf(why.getMessage()))) {
            LOG.error("events cannot be read, going on behind them reason=\"{}\"",
                    why.getMessage());
        }
    }

    /** What one question is answered with. Confined to whoever asks. */
    private final class Page {
        final List<Recorded> events = new ArrayList<>();
        long bytes;

        /** Takes it if it is the first that can be read. */
        boolean begins(long sequence) {
            return events.isEmpty() && add(sequence);
        }

        /** False when it is not there, or damaged. */
        boolean add(long sequence) {
            byte[] value = value(sequence);
            int before = events.size();
            if (value != null) {
                add(sequence, value);
            }
            return events.size() > before;
        }

        /** Leaves out what is damaged. */
        void add(long sequence, byte[] value) {
            Event event = decode(sequence, value);
            if (event != null) {
                events.add(new Recorded(sequence, event));
                bytes += value.length;
            }
        }

        boolean full() {
            return bytes >= PAGE_BYTES;
        }
    }

    /** Null for a damaged event: it must not stop a reader for ever. */
    private static @Nullable Event decode(long sequence, byte[] value) {
        try {
            return EventCodec.decode(value);
        } catch (SpoolException damaged) {
            LOG.error("event damaged, skipped sequence={} reason=\"{}\"", sequence,
                    damaged.getMessage());
            return null;
        }
    }
}
