// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Spool time, in which mail is due and ages: wall-clock milliseconds that never run backwards. Any
 * thread.
 */
final class SpoolClock {
    /*
     * Stored due times outlive steps of the wall clock, so they cannot be compared with it
     * directly: after a step back the whole queue would freeze for as long as the step. Spool time
     * is the monotonic clock plus the largest offset to the wall clock ever seen; it is stored with
     * every batch and taken up again at start.
     *
     * A step forward (a bad time server, a machine that slept) makes mail due early, which costs an
     * attempt, but must not make it old: all of a queue would bounce at its next failure. Mail
     * accepted before the step gets the step added to its age limit. The step is forgotten when all
     * mail from before it is too old by elapsed time alone.
     */
    private static final long STEP_MILLIS = 60_000;

    /** A leap forward; mail accepted before {@code at} is younger by {@code millis}. */
    private record Step(long at, long millis) {}

    private static final Step NONE = new Step(0, 0);

    private final TimeSource time;
    private final long forgetAfterMillis;
    private final AtomicLong offset;
    private volatile Step step;

    SpoolClock(TimeSource time, Progress stored, long longestAgeMillis) {
        this.time = time;
        forgetAfterMillis = longestAgeMillis;
        offset = new AtomicLong(Math.max(time.epochMillis(), stored.spoolEpochMillis()) - mono());
        step = new Step(stored.steppedAtEpochMillis(), stored.stepMillis());
    }

    long now() {
        // The wall clock first: being held up in between must not push spool time ahead for ever.
        long wall = time.epochMillis();
        long mono = mono();
        long wanted = wall - mono;
        long had = offset.get();
        while (wanted > had && !offset.compareAndSet(had, wanted)) {
            had = offset.get();
        }
        if (wanted - had > STEP_MILLIS) {
            leapt(mono + wanted, wanted - had);
        }
        return mono + Math.max(had, wanted);
    }

    /** Whether mail is too old: by elapsed time, not by a leap of the clock. */
    boolean expired(long acceptedEpochMillis, long expiresEpochMillis) {
        long now = now();
        if (now < expiresEpochMillis) {
            return false;
        }
        Step leap = step;
        if (leap.at != 0 && now - leap.at > forgetAfterMillis) {
            step = NONE;
            leap = NONE;
        }
        return acceptedEpochMillis >= leap.at || now - leap.millis >= expiresEpochMillis;
    }

    /** Whether mail has waited that long: as {@link #expired}, a leap of the clock is no wait. */
    boolean waited(long acceptedEpochMillis, long millis) {
        return expired(acceptedEpochMillis, acceptedEpochMillis + millis);
    }

    long fromWall(long epochMillis) {
        return epochMillis + now() - time.epochMillis();
    }

    /** What people are shown. */
    long toWall(long spoolEpochMillis) {
        return spoolEpochMillis - now() + time.epochMillis();
    }

    long steppedAt() {
        return step.at;
    }

    long stepMillis() {
        return step.millis;
    }

    private synchronized void leapt(long at, long millis) {
        step = new Step(at, step.millis + millis);
    }

    private long mono() {
        return Math.floorDiv(time.nanos(), 1_000_000L);
    }
}
