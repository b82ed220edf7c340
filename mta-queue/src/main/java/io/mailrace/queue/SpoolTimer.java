// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread {@code spool-timer}: wakes queues when their head falls due, and runs the spool's few
 * periodic chores. Holds queues, never messages: about one entry for each queue with mail. Looks at
 * the clocks at least every {@value #LONGEST_WAIT_MILLIS} ms, so a step of theirs delays nothing.
 */
final class SpoolTimer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SpoolTimer.class);
    private static final long LONGEST_WAIT_MILLIS = 250;

    private record Wake(long epochMillis, QueueState queue) {}

    private static final class Chore {
        final long everyNanos;
        final Runnable work;
        long nextNanos;

        Chore(long everyNanos, long nextNanos, Runnable work) {
            this.everyNanos = everyNanos;
            this.nextNanos = nextNanos;
            this.work = work;
        }
    }

    private final TimeSource time;
    private final SpoolClock clock;
    /** Guarded by this. A queue may be in it twice; the stale entry is ignored by the queue. */
    private final PriorityQueue<Wake> wakes = new PriorityQueue<>(
            Comparator.comparingLong(Wake::epochMillis));
    private final List<Chore> chores = new ArrayList<>();
    private final Thread thread = new Thread(this::run, "spool-timer");
    private volatile long turnedNanos;
    private boolean closed;

    SpoolTimer(TimeSource time, SpoolClock clock) {
        this.time = time;
        this.clock = clock;
        thread.setDaemon(true);
    }

    /** Adds a periodic chore; before {@link #start} only. It must be quick. */
    void every(Duration interval, Runnable work) {
        chores.add(new Chore(interval.toNanos(), time.nanos() + interval.toNanos(), work));
    }

    void start() {
        turnedNanos = time.nanos();
        thread.start();
    }

    /** For how long the thread has not come around; a moment when it has nothing to do. */
    long silentNanos() {
        return Math.max(0, time.nanos() - turnedNanos);
    }

    /** Calls {@link QueueState#timer} with that time when it has come. */
    synchronized void schedule(long epochMillis, QueueState queue) {
        Wake wake = new Wake(epochMillis, queue);
        wakes.add(wake);
        if (wake.equals(wakes.peek())) {
            notifyAll();
        }
    }

    private void run() {
        while (pause()) {
            for (Wake due = pollDue(); due != null; due = pollDue()) {
                Wake now = due;
                guarded(() -> now.queue().timer(now.epochMillis()));
            }
            long nanos = time.nanos();
            turnedNanos = nanos;
            for (Chore chore : chores) {
                if (nanos - chore.nextNanos >= 0) {
                    chore.nextNanos = nanos + chore.everyNanos;
                    guarded(chore.work);
                }
            }
        }
    }

    /** Waits until something may be due; false when closed. */
    @SuppressWarnings("WaitNotInLoop") // waking early only looks early
    private synchronized boolean pause() {
        try {
            Wake head = wakes.peek();
            long millis = head == null ? LONGEST_WAIT_MILLIS : head.epochMillis() - clock.now();
            if (!closed && millis > 0) {
                wait(Math.min(millis, LONGEST_WAIT_MILLIS));
            }
            return !closed;
        } catch (InterruptedException end) {
            return false;
        }
    }

    private synchronized @Nullable Wake pollDue() {
        Wake head = wakes.peek();
        return head != null && head.epochMillis() <= clock.now() ? wakes.poll() : null;
    }

    @SuppressWarnings("CatchingUnchecked")
    private static void guarded(Runnable work) {
        try {
            work.run();
        } catch (Exception unexpected) {
            LOG.error("timer of the spool failed", unexpected);
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        try {
            thread.join();
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
    }
}
