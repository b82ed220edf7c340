// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives up mail that is past its age and that no attempt will settle: in parked queues, or due for
 * long without being taken. Looks into queues only whose mail may have come so far, reads their
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
    private static final int MAX_RUNNING = 256;
    /** Acceptances under way when a scan began may be this much older than it. */
    private static final long SLACK_MILLIS = 60_000;

    private final ScheduleWalk walk;
    private final SpoolClock clock;
    private final TimeSource time;
    private final long startedNanos;
    private final QueueTable queues;
    private final QueueLoader loader;
    private final Settler settler;
    private final CommitSlots slots;
    private final AtomicBoolean busy = new AtomicBoolean();

    ExpirySweep(Store store, SpoolClock clock, TimeSource time, QueueTable queues,
            QueueLoader loader, Settler settler) {
        walk = new ScheduleWalk(store, loader);
        this.clock = clock;
        this.time = time;
        slots = new CommitSlots(MAX_RUNNING, time);
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
                if (queue.count() > 0 && queue.expiryMillis() <= clock.now()) {
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
        Bounds bounds = new Bounds(clock.now() - SLACK_MILLIS);
        queue.beginSweep();
        walk.over(queue, row -> {
            look(queue, row, bounds);
            return true;
        });
        queue.endSweep(bounds.since, bounds.expiry);
    }

    /** What holds for all mail of a queue a sweep has seen. */
    private static final class Bounds {
        private long since;
        private long expiry = Long.MAX_VALUE;

        Bounds(long since) {
            this.since = since;
        }

        void stays(Schedule schedule) {
            since = Math.min(since, schedule.sinceEpochMillis());
            goes(schedule);
        }

        /** It is there until that is on disk: the next sweep looks again. */
        void goes(Schedule schedule) {
            expiry = Math.min(expiry, schedule.expiresEpochMillis());
        }
    }

    /** Gives the envelope up if it is time. */
    private void look(QueueState queue, QueueLoader.Row row, Bounds bounds)
            throws InterruptedException {
        Schedule schedule = loader.schedule(queue, row);
        if (schedule == null) {
            return;
        }
        long now = clock.now();
        boolean unserved = row.place().dueEpochMillis() + GRACE.toMillis() <= now
                && schedule.expiresEpochMillis() + GRACE.toMillis() <= now;
        if (!clock.expired(schedule.sinceEpochMillis(), schedule.expiresEpochMillis())
                || !(unserved || queue.isParked()) || !queue.claim(row.place())) {
            bounds.stays(schedule);
            return;
        }
        Operation.Told told = slots.take(() -> {}, () -> queue.unclaim(row.place()));
        try {
            Entry entry = loader.read(queue, row.place(), schedule);
            settler.expire(queue, entry, schedule.lastReply(), told);
            bounds.goes(schedule);
        } catch (SpoolException damaged) {
            slots.giveBack();
            if (damaged.mayPass()) {
                queue.unclaim(row.place());
                throw damaged;
            }
            loader.quarantine(queue, row, String.valueOf(damaged.getMessage()));
        }
    }
}
