// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
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
        long[] least = {clock.now() - SLACK_MILLIS, Long.MAX_VALUE};
        queue.beginSweep();
        walk.over(queue, row -> {
            Schedule stays = look(queue, row, least);
            if (stays != null) {
                least[0] = Math.min(least[0], stays.sinceEpochMillis());
                least[1] = Math.min(least[1], stays.expiresEpochMillis());
            }
            return true;
        });
        queue.endSweep(least[0], least[1]);
    }

    /** Gives the envelope up if it is time; else returns how it stands. */
    private @Nullable Schedule look(QueueState queue, QueueLoader.Row row, long[] least)
            throws InterruptedException {
        Schedule schedule = loader.schedule(queue, row);
        if (schedule == null) {
            return null;
        }
        long now = clock.now();
        boolean unserved = row.place().dueEpochMillis() + GRACE.toMillis() <= now
                && schedule.expiresEpochMillis() + GRACE.toMillis() <= now;
        if (!clock.expired(schedule.sinceEpochMillis(), schedule.expiresEpochMillis())
                || !(unserved || queue.isParked()) || !queue.claim(row.place())) {
            return schedule;
        }
        Operation.Told told = slots.take(() -> {}, () -> queue.unclaim(row.place()));
        try {
            Entry entry = loader.read(queue, row.place(), schedule);
            settler.expire(queue, entry, schedule.lastReply(), told);
            // it is there until that is on disk: the next sweep looks again
            least[1] = Math.min(least[1], schedule.expiresEpochMillis());
        } catch (SpoolException damaged) {
            slots.giveBack();
            if (damaged.mayPass()) {
                queue.unclaim(row.place());
                throw damaged;
            }
            loader.quarantine(queue, row, String.valueOf(damaged.getMessage()));
        }
        return null;
    }
}
