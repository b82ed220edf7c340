// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.SigningLoad;
import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds intake to the rate of signing while that is the limit, for signing takes most of the CPU:
 * taken faster, mail would go to disk and come back from there, which costs CPU too, and wait for
 * seconds. Says how far apart the messages of one connection begin at least, so that a connection
 * that sends now and then waits for nothing. Mail that waits for receivers slows nobody down: then
 * signing threads have nothing to do at times. One thread calls {@link #look}; any reads.
 */
final class FlowControl {
    static final long EVERY_MILLIS = 100;
    private static final Logger LOG = LoggerFactory.getLogger(FlowControl.class);
    private static final long LEAST_NANOS = Duration.ofMillis(1).toNanos();
    private static final long FIRST_NANOS = Duration.ofMillis(5).toNanos();
    /** Begins when so much waits in memory: some of it makes for batches, which cost less. */
    private static final int FILLED = 20;
    /** With less there is no need to hold anybody. */
    private static final int LOW = 5;
    /** Of what passes, when nothing waits: a little less at {@link #FILLED}, less when full. */
    private static final double SHARE = 1.05;
    private static final double LESS_BY_PERCENT = 0.0035;
    private static final double MOST_STEP = 2;
    /** Fewer say nothing of a rate: signing comes in batches. */
    private static final int ENOUGH = 32;
    private static final long LONG_ENOUGH_NANOS = Duration.ofMillis(500).toNanos();
    private static final long LOG_EVERY_NANOS = Duration.ofMinutes(1).toNanos();

    private final LongSupplier accepted;
    private final IntSupplier filled;
    private final SigningLoad load;
    private final TimeSource time;
    private final long maxNanos;
    private volatile long spacing;
    private long sinceNanos;
    private long acceptedBefore;
    private long passedBefore;
    private long pausesBefore;
    private boolean busyBefore;
    private long toldNanos;

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
        sinceNanos = time.nanos();
        toldNanos = sinceNanos - LOG_EVERY_NANOS;
    }

    /** Least nanoseconds between the begin of two messages of a connection; mostly 0. */
    long spacingNanos() {
        return spacing;
    }

    Duration spacing() {
        return Duration.ofNanos(spacing);
    }

    /** Compares what was taken with what passed since the last look. */
    void look() {
        long nowNanos = time.nanos();
        long acceptedNow = accepted.getAsLong();
        long passedNow = load.passed();
        long pausesNow = load.pauses();
        boolean busyNow = load.busy();
        long passed = passedNow - passedBefore;
        boolean limit = busyBefore && busyNow && pausesNow == pausesBefore;
        if (limit && passed < ENOUGH && nowNanos - sinceNanos < LONG_ENOUGH_NANOS) {
            return;
        }
        int percent = filled.getAsInt();
        if (limit && maxNanos > 0 && (spacing > 0 || percent >= FILLED)) {
            double wanted = (SHARE - LESS_BY_PERCENT * percent) * Math.max(1, passed);
            double step = Math.clamp((acceptedNow - acceptedBefore) / wanted, 1 / MOST_STEP,
                    MOST_STEP);
            hold(Math.min(maxNanos, (long) (Math.max(spacing, FIRST_NANOS) * step)));
        } else if (spacing > 0) {
            hold(percent < LOW ? spacing / 2 : spacing * 9 / 10);
        }
        sinceNanos = nowNanos;
        acceptedBefore = acceptedNow;
        passedBefore = passedNow;
        pausesBefore = pausesNow;
        busyBefore = busyNow;
    }

    private void hold(long nanos) {
        if (spacing == 0 && time.nanos() - toldNanos >= LOG_EVERY_NANOS) {
            toldNanos = time.nanos();
            LOG.info("intake=held why=\"mail comes faster than it can be signed: messages of one"
                    + " connection begin some time apart (pressure.flow-delay)\"");
        }
        spacing = nanos < LEAST_NANOS ? 0 : nanos;
    }
}
