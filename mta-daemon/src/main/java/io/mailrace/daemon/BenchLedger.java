// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.BitSet;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/**
 * What was submitted, acknowledged and delivered in a measurement, and how long it took. Lives
 * outside the daemon. A number is submitted once at most, so whatever arrives twice was doubled by
 * the daemon. Any thread; memory is a few bits for each delivery and bounded by
 * {@link #MAX_DELIVERIES}.
 */
final class BenchLedger {
    static final int MAX_DELIVERIES = 200_000_000;
    private static final int RING = 1 << 18;
    private static final long MAX_NANOS = TimeUnit.MINUTES.toNanos(10);
    private static final long UNKNOWN = Long.MIN_VALUE;

    /** Counts at one moment. */
    record Counts(long submitted, long acknowledged, long delivered, long refused,
            long lostLines, long duplicates, long corrupt) {}

    private final int recipients;
    private final BitSet acknowledged = new BitSet();
    private final BitSet delivered = new BitSet();
    /** When each of the last numbers was acknowledged. */
    private final long[] acknowledgedNanos = new long[RING];
    private Histogram toReply = histogram();
    private Histogram toDelivery = histogram();
    private long next;
    private long acknowledgedCount;
    private long deliveredOfAcknowledged;
    private long deliveredCount;
    private long refused;
    private long lostLines;
    private long duplicates;
    private long corrupt;

    BenchLedger(int recipients) {
        this.recipients = recipients;
    }

    private static Histogram histogram() {
        return new Histogram(1000, MAX_NANOS, 3);
    }

    /** The next number; -1 when there are no more. */
    synchronized long take() {
        if ((next + 1) * recipients > MAX_DELIVERIES) {
            return -1;
        }
        acknowledgedNanos[(int) (next % RING)] = UNKNOWN;
        return next++;
    }

    /** Deliveries that were promised and did not arrive yet. */
    synchronized long inFlight() {
        return acknowledgedCount * recipients - deliveredOfAcknowledged;
    }

    /**
     * A message got its 250.
     *
     * @param dueNanos when it should have been submitted, also if that was later in fact
     */
    synchronized void acknowledged(long number, long dueNanos, long nowNanos) {
        acknowledged.set((int) number);
        acknowledgedCount++;
        record(toReply, nowNanos - dueNanos);
        acknowledgedNanos[(int) (number % RING)] = nowNanos;
        for (int i = 0; i < recipients; i++) {
            if (delivered.get((int) (number * recipients + i))) {
                // the receiver was faster than the client's reading of its 250
                deliveredOfAcknowledged++;
                record(toDelivery, 0);
            }
        }
    }

    /** A message arrived whole for one of its recipients. */
    synchronized void arrived(long number, int which, long nowNanos) {
        if (number < 0 || number >= next || which < 0 || which >= recipients) {
            corrupt++;
            return;
        }
        int delivery = (int) (number * recipients + which);
        if (delivered.get(delivery)) {
            duplicates++;
            return;
        }
        delivered.set(delivery);
        deliveredCount++;
        if (acknowledged.get((int) number)) {
            deliveredOfAcknowledged++;
            long since = acknowledgedNanos[(int) (number % RING)];
            if (since != UNKNOWN) {
                record(toDelivery, nowNanos - since);
            }
        }
    }

    private static void record(Histogram histogram, long nanos) {
        histogram.recordValue(Math.clamp(nanos, 0, MAX_NANOS));
    }

    /** What arrived is not what was sent. */
    synchronized void corrupt() {
        corrupt++;
    }

    /** Another reply than 250. */
    synchronized void refused() {
        refused++;
    }

    /** A connection that broke or could not be made. */
    synchronized void lostLine() {
        lostLines++;
    }

    synchronized Counts counts() {
        return new Counts(next, acknowledgedCount, deliveredCount, refused, lostLines, duplicates,
                corrupt);
    }

    /** Acknowledged deliveries that have not arrived: lost, once nothing moves any more. */
    synchronized long missing() {
        return acknowledged.stream().mapToLong(number -> {
            long missing = 0;
            for (int i = 0; i < recipients; i++) {
                missing += delivered.get(number * recipients + i) ? 0 : 1;
            }
            return missing;
        }).sum();
    }

    /** Forgets the times so far. */
    synchronized void startTimes() {
        toReply = histogram();
        toDelivery = histogram();
    }

    /** MAIL to 250, from when it was due, since {@link #startTimes}. */
    synchronized BenchTimes toReply() {
        return BenchTimes.of(toReply);
    }

    /** 250 to the receiver's end of content, since {@link #startTimes}. */
    synchronized BenchTimes toDelivery() {
        return BenchTimes.of(toDelivery);
    }
}
