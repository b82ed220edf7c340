// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All queues. Only {@code spool-commit} adds and removes some; any thread reads. The envelopes in
 * all windows together hold about {@link #memoryBytes} at most: above that each queue keeps fewer.
 */
final class QueueTable implements MailQueues {
    private static final Logger LOG = LoggerFactory.getLogger(QueueTable.class);
    /** What the window of one queue may hold. */
    static final long MAX_WINDOW_BYTES = 2L << 20;
    private static final int TIGHT_WINDOW = 8;
    private static final long BACKLOG_NANOS = Duration.ofSeconds(2).toNanos();

    private final Map<QueueKey, QueueState> byKey = new ConcurrentHashMap<>();
    private final TimeSource time;
    private final SpoolClock clock;
    private final SpoolTimer timer;
    private final ReadPool reads;
    private final QueueLoader loader;
    private final Consumer<Event> journal;
    private final long memoryBytes;
    private final AtomicLong windowBytes = new AtomicLong();
    private final AtomicLong asideBytes = new AtomicLong();
    private final AtomicLong envelopes = new AtomicLong();
    private final AtomicLong heldEnvelopes = new AtomicLong();
    private volatile @Nullable DueListener listener;
    private volatile @Nullable Backlog backlog;

    private record Backlog(long nanos, SpoolPressure found) {}

    QueueTable(TimeSource time, SpoolClock clock, SpoolTimer timer, ReadPool reads,
            QueueLoader loader, Consumer<Event> journal, long memoryBytes) {
        this.time = time;
        this.clock = clock;
        this.timer = timer;
        this.reads = reads;
        this.loader = loader;
        this.journal = journal;
        this.memoryBytes = memoryBytes;
    }

    @Override
    public void listen(DueListener dueListener) {
        listener = dueListener;
        byKey.values().forEach(QueueState::reconsider);
    }

    @Override
    public Optional<MailQueue> find(QueueKey key) {
        return Optional.ofNullable(byKey.get(key));
    }

    @Override
    public List<QueueStatus> statuses() {
        List<QueueStatus> statuses = new ArrayList<>();
        for (QueueState queue : byKey.values()) {
            QueueStatus status = queue.status();
            if (status.waiting() > 0 || status.held() > 0) {
                statuses.add(status);
            }
        }
        return statuses;
    }

    @Override
    public long waiting() {
        return envelopes.get();
    }

    /** What waits, as it was a moment ago. Looks at every queue now and then. */
    SpoolPressure backlog() {
        Backlog last = backlog;
        long now = time.nanos();
        if (last != null && now - last.nanos() < BACKLOG_NANOS) {
            return last.found();
        }
        SpoolPressure found = SpoolPressure.of(statuses(), clock.toWall(clock.now()));
        backlog = new Backlog(now, found);
        return found;
    }

    @Nullable
    QueueState get(QueueKey key) {
        return byKey.get(key);
    }

    Collection<QueueState> all() {
        return byKey.values();
    }

    int size() {
        return byKey.size();
    }

    void add(QueueState queue) {
        byKey.put(queue.key(), queue);
    }

    void remove(QueueState queue) {
        byKey.remove(queue.key(), queue);
    }

    long now() {
        return clock.now();
    }

    long nanos() {
        return time.nanos();
    }

    long fromWall(long epochMillis) {
        return clock.fromWall(epochMillis);
    }

    long toWall(long spoolEpochMillis) {
        return clock.toWall(spoolEpochMillis);
    }

    SpoolTimer timer() {
        return timer;
    }

    boolean listens() {
        return listener != null;
    }

    void parked(QueueKey key, long untilEpochMillis, String why) {
        journal.accept(new Event.QueueParked(time.epochMillis(), key.toString(), untilEpochMillis,
                why));
    }

    void counted(long difference, long heldDifference) {
        envelopes.addAndGet(difference);
        if (heldDifference != 0) {
            heldEnvelopes.addAndGet(heldDifference);
        }
    }

    /** Envelopes in all queues that an operator holds. */
    long held() {
        return heldEnvelopes.get();
    }

    /** Envelopes on their way out, in all queues. */
    long taken() {
        long taken = 0;
        for (QueueState queue : byKey.values()) {
            taken += queue.taken();
        }
        return taken;
    }

    /** Queues with rows that cannot be read. */
    long damaged() {
        return byKey.values().stream().filter(QueueState::isDamaged).count();
    }

    void weigh(int bytes) {
        windowBytes.addAndGet(bytes);
    }

    /** Of mail set aside, which counts among the windows. */
    void weighAside(int bytes) {
        asideBytes.addAndGet(bytes);
        weigh(bytes);
    }

    /** Whether more mail may be set aside: it never takes more than a quarter. */
    boolean roomAside() {
        return asideBytes.get() < memoryBytes / 4;
    }

    int windowBound() {
        long used = windowBytes.get();
        return used < memoryBytes
                ? QueueState.WINDOW
                : used < 2 * memoryBytes ? TIGHT_WINDOW : 1;
    }

    /** Does what a queue asked for while its monitor was held. */
    @SuppressWarnings("CatchingUnchecked")
    void act(QueueState queue, int wake) {
        if ((wake & QueueState.LOAD) != 0) {
            try {
                reads.own(() -> loader.load(queue));
            } catch (RejectedExecutionException closing) {
                LOG.debug("queue not loaded, spool is closing queue={}", queue.key());
            }
        }
        DueListener told = listener;
        if ((wake & QueueState.NOTIFY) != 0 && told != null) {
            try {
                told.queueDue(queue);
            } catch (Exception unexpected) {
                LOG.error("listener for due queues failed queue={}", queue.key(), unexpected);
            }
        }
    }
}
