// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.SigningLoad;
import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * Holds intake to the rate at which mail leaves while signing is the limit, for signing takes most
 * of the CPU: taken faster, mail would go to disk and come back from there, which costs CPU too,
 * and wait for seconds. Says how far apart the messages of one connection begin at least, so that
 * who sends now and then waits for nothing. Waiting for receivers slows nobody down. Any thread.
 */
final class FlowControl {
    static final long EVERY_NANOS = Duration.ofMillis(100).toNanos();
    private static final long LEAST_NANOS = Duration.ofMillis(1).toNanos();
    private static final long FIRST_NANOS = Duration.ofMillis(5).toNanos();
    /** So much may wait in memory: some of it makes for batches, which cost less. */
    private static final int FILLED = 20;
    /** With less there is no need to hold anybody. */
    private static final int LOW = 5;
    /** Of what leaves, when nothing waits: a little less at {@link #FILLED}, less when full. */
    private static final double SHARE = 1.05;
    private static final double LESS_BY_PERCENT = 0.0035;
    private static final double MOST_UP = 2;
    private static final double MOST_DOWN = 0.6;

    private final LongSupplier accepted;
    private final IntSupplier filled;
    private final SigningLoad load;
    private final TimeSource time;
    private final long maxNanos;
    private final AtomicLong nextLook;
    private volatile long spacing;
    private long acceptedBefore;
    private long begunBefore;
    private long pausesBefore;
    private boolean busyBefore;

    /**
     * @param accepted messages taken since the start
     * @param filled percent of the memory for contents that wait
     * @param most zero: messages are never held apart
     */
    FlowControl(LongSupplier accepted, IntSupplier filled, SigningLoad load, TimeSource time,
            Duration most) {
        this.accepted = accepted;
        this.filled = filled;
        this.load = load;
        this.time = time;
        maxNanos = most.toNanos();
        nextLook = new AtomicLong(time.nanos());
    }

    /** Nanoseconds from the begin of one message to that of the next of a connection; mostly 0. */
    long spacingNanos() {
        if (maxNanos > 0) {
            long now = time.nanos();
            long due = nextLook.get();
            if (now - due >= 0 && nextLook.compareAndSet(due, now + EVERY_NANOS)) {
                look();
            }
        }
        return spacing;
    }

    /** What was found last, for people. */
    Duration spacing() {
        return Duration.ofNanos(spacing);
    }

    private synchronized void look() {
        long acceptedNow = accepted.getAsLong();
        long begunNow = load.begun();
        long pausesNow = load.pauses();
        boolean busyNow = load.busy();
        long left = Math.max(1, begunNow - begunBefore);
        int percent = filled.getAsInt();
        boolean limit = busyBefore && busyNow && pausesNow == pausesBefore;
        if (limit && (spacing > 0 || percent >= FILLED)) {
            double wanted = (SHARE - LESS_BY_PERCENT * percent) * left;
            double ratio = (acceptedNow - acceptedBefore) / wanted;
            double step = Math.clamp(ratio, MOST_DOWN, MOST_UP);
            spacing = Math.min(maxNanos, (long) (Math.max(spacing, FIRST_NANOS) * step));
        } else {
            spacing = percent < LOW ? spacing / 2 : spacing * 9 / 10;
        }
        if (spacing < LEAST_NANOS) {
            spacing = 0;
        }
        acceptedBefore = acceptedNow;
        begunBefore = begunNow;
        pausesBefore = pausesNow;
        busyBefore = busyNow;
    }
}
