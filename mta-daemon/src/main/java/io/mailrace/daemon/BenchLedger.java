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
    /** Of so many numbers in a row times are known. */
    static final int RING = 1 << 18;
    /** Of so many messages on broken lines the times are kept; the run is worth nothing then. */
    private static final int MAX_BROKEN = 1 << 16;
    /** So many samples for one client that is late, each for several messages when it is more. */
    private static final int MAX_SAMPLES = 10_000;
    private static final long MAX_NANOS = TimeUnit.MINUTES.toNanos(10);

    /** Counts at one moment. */
    record Counts(long submitted, long acknowledged, long delivered, long refused,
            long lostLines, long duplicates, long corrupt) {}

    private final int recipients;
    private final BitSet acknowledged = new BitSet();
    private final BitSet delivered = new BitSet();
    /** Whose time stands in a place of the ring, one more than its number; 0: nobody's. */
    private final long[] acknowledgedOwner = new long[RING];
    /** When each of the last numbers was acknowledged. */
    private final long[] acknowledgedNanos = new long[RING];
    /** When the messages were due whose lines broke since the times were last taken. */
    private final long[] brokenDue = new long[MAX_BROKEN];
    private int brokenCount;
    private Histogram toReply = histogram();
    private Histogram toDelivery = histogram();
    private long next;
    private long acknowledgedCount;
    private long deliveredOfAcknowledged;
    private long deliveredCount;
    private long waiting;
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
        int place = (int) (number % RING);
        if (acknowledgedOwner[place] <= number + 1) {
            acknowledgedOwner[place] = number + 1;
            acknowledgedNanos[place] = nowNanos;
        }
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
            int place = (int) (number % RING);
            // a later number may have taken the place: no time is better than another's
            if (acknowledgedOwner[place] == number + 1) {
                record(toDelivery, nowNanos - acknowledgedNanos[place]);
            }
        }
    }

    private static void record(Histogram histogram, long nanos) {
        histogram.recordValue(clamp(nanos));
    }

    private static long clamp(long nanos) {
        return Math.clamp(nanos, 0, MAX_NANOS);
    }

    /** What arrived is not what was sent. */
    synchronized void corrupt() {
        corrupt++;
    }

    /** A message got its 250 that cannot be delivered. */
    synchronized void waits() {
        waiting++;
    }

    /** So many. */
    synchronized long waiting() {
        return waiting;
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

    /** The line of a message broke before its reply: it will never have one. */
    synchronized void broken(long dueNanos) {
        if (brokenCount < MAX_BROKEN) {
            brokenDue[brokenCount++] = dueNanos;
        }
    }

    /** Forgets the times so far. */
    synchronized void startTimes() {
        toReply = histogram();
        toDelivery = histogram();
        brokenCount = 0;
    }

    /**
     * At the end of the times: one client's messages that were due and have no reply have waited
     * so long at least. Left out, a relay that stands still would look quick.
     *
     * @param firstDueNanos of the one that waits longest
     * @param everyNanos between them; 0: there is one
     */
    synchronized void unanswered(double firstDueNanos, double everyNanos, long nowNanos) {
        double waited = nowNanos - firstDueNanos;
        if (waited < 0) {
            return;
        }
        long count = everyNanos <= 0 ? 1 : 1 + (long) (waited / everyNanos);
        long step = 1 + count / MAX_SAMPLES;
        for (long i = 0; i < count; i += step) {
            toReply.recordValueWithCount(clamp((long) (waited - i * everyNanos)),
                    Math.min(step, count - i));
        }
    }

    /** At the end of the times: what broke or was acknowledged and waits has waited so long. */
    synchronized void endTimes(long nowNanos) {
        for (int i = 0; i < brokenCount; i++) {
            record(toReply, nowNanos - brokenDue[i]);
        }
        brokenCount = 0;
        for (int place = 0; place < RING; place++) {
            long number = acknowledgedOwner[place] - 1;
            for (int i = 0; number >= 0 && i < recipients; i++) {
                if (!delivered.get((int) (number * recipients + i))) {
                    record(toDelivery, nowNanos - acknowledgedNanos[place]);
                }
            }
        }
    }

    /** MAIL to 250, from when it was due, since {@link #startTimes}; without refused ones. */
    synchronized BenchTimes toReply() {
        return BenchTimes.of(toReply);
    }

    /** 250 to the receiver's end of content, since {@link #startTimes}. */
    synchronized BenchTimes toDelivery() {
        return BenchTimes.of(toDelivery);
    }
}
