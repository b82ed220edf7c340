// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Content;
import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.EventJournal;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.MailQueues;
import io.mailrace.queue.Memos;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import io.mailrace.queue.Settlement;
import io.mailrace.queue.SetOperations;
import io.mailrace.queue.Spool;
import io.mailrace.queue.SpoolCare;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.SpoolPressure;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;

/** A spool that only tells: queues, events and refusal are set by the test. */
final class StandInSpool implements Spool, MailQueues, EventJournal {
    final List<QueueStatus> statuses = new CopyOnWriteArrayList<>();
    final Map<String, Long> positions = new HashMap<>();
    private final List<Recorded> events = new ArrayList<>();
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    volatile Optional<String> refusal = Optional.empty();
    volatile Optional<String> stuck = Optional.empty();
    volatile Duration silent = Duration.ZERO;
    volatile Duration stalled = Duration.ZERO;
    volatile SpoolCare.Statistics statistics = new SpoolCare.Statistics(0, 0, 0, 0, 0, 0, 0, 0,
            Long.MAX_VALUE, 0, 0, 0, 0, 0, Map.of());
    /** Runs before the statistics are told: to wait as a disk does, or to fail. */
    volatile Runnable disk = () -> {};
    volatile Optional<Content> content = Optional.empty();
    final AskedOperations operations = new AskedOperations();
    /** Events in one answer, whatever is asked for: a journal with large ones gives fewer. */
    volatile int page = Integer.MAX_VALUE;
    /** What each event is said to take. */
    volatile int eventBytes = 100;
    private long dropped;

    void happen(Event event) {
        synchronized (this) {
            events.add(new Recorded(dropped + events.size() + 1, event));
        }
        listeners.forEach(Runnable::run);
    }

    /** As the journal's retention does. */
    synchronized void dropOldest(int count) {
        events.subList(0, count).clear();
        dropped += count;
    }

    @Override
    public synchronized List<Recorded> after(long sequence, int max) {
        return events.stream().filter(e -> e.sequence() > sequence).limit(Math.min(max, page))
                .toList();
    }

    @Override
    public synchronized long newest() {
        return dropped + events.size();
    }

    @Override
    public synchronized History ofMessage(SpoolId id, int max) {
        List<Recorded> all = events.stream().filter(
                e -> e.event() instanceof Event.OfMessage m && m.id().equals(id)).toList();
        List<Recorded> some = all.subList(0, Math.min(all.size(), Math.min(max, page)));
        return new History(some, some.size() * (long) eventBytes, some.size() < all.size());
    }

    @Override
    public synchronized long position(String reader) {
        return positions.getOrDefault(reader, 0L);
    }

    @Override
    public synchronized void savePosition(String reader, long sequence) {
        positions.put(reader, sequence);
    }

    @Override
    public void onGrowth(Runnable listener) {
        listeners.add(listener);
    }

    @Override
    public void append(Event event) {
        happen(event);
    }

    @Override
    public List<QueueStatus> statuses() {
        return statuses;
    }

    @Override
    public long waiting() {
        return statuses.stream().mapToLong(QueueStatus::waiting).sum();
    }

    @Override
    public Optional<MailQueue> find(QueueKey key) {
        return Optional.empty();
    }

    @Override
    public void listen(DueListener listener) {}

    @Override
    public MailQueues queues() {
        return this;
    }

    @Override
    public SetOperations operations() {
        return operations;
    }

    @Override
    public Memos memos() {
        return new Memos() {
            @Override
            public Map<String, byte[]> beginningWith(String prefix) {
                return Map.of();
            }

            @Override
            public void each(String prefix, BiConsumer<String, byte[]> visitor) {
                // Nothing is kept.
            }

            @Override
            public void write(List<Change> changes, List<Event> with, Executor where,
                    CommitListener listener) {
                where.execute(listener::committed);
            }
        };
    }

    @Override
    public SpoolCare care() {
        return new SpoolCare() {
            @Override
            public Statistics statistics() {
                disk.run();
                return statistics;
            }

            @Override
            public void backup(Path directory) {
                throw new SpoolException("a stand-in makes no backups");
            }

            @Override
            public void compact() {
                throw new SpoolException("a stand-in is not compacted");
            }

            @Override
            public Optional<Content> content(SpoolId id) {
                return content;
            }
        };
    }

    @Override
    public EventJournal journal() {
        return this;
    }

    @Override
    public SpoolPressure pressure() {
        return SpoolPressure.NONE;
    }

    @Override
    public Optional<String> stuck(Duration limit) {
        return silent.compareTo(limit) > 0 ? Optional.of("spool-commit") : stuck;
    }

    @Override
    public Duration stalled() {
        return stalled;
    }

    @Override
    public Optional<String> refusal() {
        return refusal;
    }

    @Override
    public IncomingContent newContent(Executor loop, Runnable writable) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void settle(Settlement settlement, Executor where, CommitListener listener) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Content content(Envelope envelope) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Executor readers() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
