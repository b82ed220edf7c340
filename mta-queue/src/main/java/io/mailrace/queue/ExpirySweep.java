// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives up mail that is past its age and that no attempt will settle: in parked queues, or due for
 * long without being taken. Looks into queues only whose oldest mail may be that old, reads their
 * schedule in pages, has at most {@value #MAX_RUNNING} envelopes in hand. One run at a time, on
 * {@code spool-read}.
 */
final class ExpirySweep {
    /*
     * The sweep must not take the last attempt away: mail that is due because it expires gets GRACE
     * to be tried. The same time must have passed since the start, by the monotonic clock, so that
     * a start after a long stop, or with a wrong clock, tries its mail before it gives up. Only a
     * queue that is parked all that time is not waited for any longer.
     */
    private static final Logger LOG = LoggerFactory.getLogger(ExpirySweep.class);
    static final Duration GRACE = Duration.ofMinutes(10);
    private static final int PAGE = 256;
    private static final int MAX_RUNNING = 256;
    private static final long MAX_WAIT_SECONDS = 30;
    /** Acceptances under way when a scan began may be this much older than it. */
    private static final long SLACK_MILLIS = 60_000;

    private final Store store;
    private final SpoolClock clock;
    private final TimeSource time;
    private final long startedNanos;
    private final RetrySchedule retry;
    private final QueueTable queues;
    private final QueueLoader loader;
    private final Settler settler;
    private final Semaphore running = new Semaphore(MAX_RUNNING);
    private final AtomicBoolean busy = new AtomicBoolean();

    ExpirySweep(Store store, SpoolClock clock, TimeSource time, RetrySchedule retry,
            QueueTable queues, QueueLoader loader, Settler settler) {
        this.store = store;
        this.clock = clock;
        this.time = time;
        this.retry = retry;
        this.queues = queues;
        this.loader = loader;
        this.settler = settler;
        startedNanos = time.nanos();
    }

    void run() {
        if (time.nanos() - startedNanos < GRACE.toNanos() || !busy.compareAndSet(false, true)) {
            return;
        }
        try {
            for (QueueState queue : queues.all()) {
                if (queue.count() > 0 && queue.oldestMillis()
                        + retry.maxAgeMillis(queue.key().lane()) <= clock.now()) {
                    sweep(queue);
                }
            }
        } catch (SpoolException unreadable) {
            LOG.error("sweep for old mail stopped reason=\"{}\"", unreadable.getMessage());
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        } finally {
            busy.set(false);
        }
    }

    private void sweep(QueueState queue) throws InterruptedException {
        long oldest = clock.now() - SLACK_MILLIS;
        Place from = Place.FIRST;
        while (from != null) {
            queue.beginSnapshot();
            try {
                List<QueueLoader.Row> page = page(queue, from);
                from = page.size() < PAGE ? null : page.getLast().place().next();
                for (QueueLoader.Row row : page) {
                    oldest = Math.min(oldest, look(queue, row));
                }
            } finally {
                queue.endSnapshot();
            }
        }
        queue.oldestIs(oldest);
    }

    private List<QueueLoader.Row> page(QueueState queue, Place from) {
        List<QueueLoader.Row> page = new ArrayList<>();
        store.scan(Store.Family.SCHEDULE, Keys.schedule(queue.number(), from),
                Keys.queue(queue.number() + 1), (key, value) -> {
                    page.add(new QueueLoader.Row(Keys.placeOf(key), value));
                    return page.size() < PAGE;
                });
        return page;
    }

    /** Gives the envelope up if it is time; else returns when it was accepted. */
    private long look(QueueState queue, QueueLoader.Row row) throws InterruptedException {
        Schedule schedule = schedule(queue, row);
        if (schedule == null) {
            return Long.MAX_VALUE;
        }
        long accepted = schedule.acceptedEpochMillis();
        long now = clock.now();
        boolean unserved = row.place().dueEpochMillis() + GRACE.toMillis() <= now
                && schedule.expiresEpochMillis() + GRACE.toMillis() <= now;
        if (!clock.expired(accepted, schedule.expiresEpochMillis())
                || !(unserved || queue.isParked()) || !queue.claim(row.place())) {
            return accepted;
        }
        if (!running.tryAcquire(MAX_WAIT_SECONDS, TimeUnit.SECONDS)) {
            queue.unclaim(row.place());
            throw new SpoolException("the disk takes no writes");
        }
        try {
            Entry entry = loader.read(queue, row.place(), schedule);
            settler.expire(queue, entry, schedule.lastReply(),
                    new Operation.Told(Runnable::run, new Release()));
        } catch (SpoolException damaged) {
            running.release();
            loader.quarantine(queue, row, String.valueOf(damaged.getMessage()));
        }
        return Long.MAX_VALUE;
    }

    private @Nullable Schedule schedule(QueueState queue, QueueLoader.Row row) {
        try {
            return Schedule.decode(row.value());
        } catch (SpoolException damaged) {
            if (queue.claim(row.place())) {
                loader.quarantine(queue, row, String.valueOf(damaged.getMessage()));
            }
            return null;
        }
    }

    private final class Release implements CommitListener {
        @Override
        public void committed() {
            running.release();
        }

        @Override
        public void failed(SpoolException why) {
            running.release();
        }
    }
}
