// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.SimulatedBehaviour;
import java.util.Arrays;
import java.util.Optional;

/**
 * A receiver that puts off every message whose number is below a bound, and remembers when it did:
 * so it knows from when on each may come again. Numbers are those of {@link LoadMessage}. Any
 * thread.
 */
final class DeferralLog implements SimulatedBehaviour {
    private static final String REFUSAL = "450 4.2.1 come again";

    private final long[] deferredNanos;
    private long earliestNanos;
    private volatile int acceptedBelow;
    private int deferred;
    private int again;
    private int early;

    /** @param bound numbers below it are put off */
    DeferralLog(int bound) {
        deferredNanos = new long[bound];
        Arrays.fill(deferredNanos, Long.MIN_VALUE);
    }

    /** The interval after a deferral within which no attempt may come. */
    synchronized void earliest(long nanos) {
        earliestNanos = nanos;
    }

    /** From now on messages with numbers below are taken. */
    void acceptBelow(int number) {
        acceptedBelow = number;
    }

    /** A deferral that was made without us. */
    synchronized void note(int number, long nanos) {
        if (deferredNanos[number] == Long.MIN_VALUE) {
            deferred++;
        }
        deferredNanos[number] = nanos;
    }

    /** Nothing is known any more of numbers below. */
    synchronized void forget(int below) {
        for (int number = 0; number < below; number++) {
            if (deferredNanos[number] != Long.MIN_VALUE) {
                deferred--;
            }
            deferredNanos[number] = Long.MIN_VALUE;
        }
    }

    /** Messages put off at least once. */
    synchronized int deferred() {
        return deferred;
    }

    /** Attempts that came after a first one. */
    synchronized int again() {
        return again;
    }

    /** Of these, those that came too early. */
    synchronized int early() {
        return early;
    }

    @Override
    public Optional<String> recipient(String sender, String recipient) {
        int number = number(recipient);
        if (number < 0 || number >= deferredNanos.length) {
            return Optional.empty();
        }
        attempted(number);
        return number < acceptedBelow ? Optional.empty() : Optional.of(REFUSAL);
    }

    private synchronized void attempted(int number) {
        long now = System.nanoTime();
        long before = deferredNanos[number];
        if (before != Long.MIN_VALUE) {
            again++;
            early += now - before < earliestNanos ? 1 : 0;
        }
        note(number, now);
    }

    /** Of u123@domain; negative for anything else. */
    private static int number(String recipient) {
        int at = recipient.indexOf('@');
        if (at < 2 || at > 10 || recipient.charAt(0) != 'u') {
            return -1;
        }
        try {
            return Integer.parseInt(recipient, 1, at, 10);
        } catch (NumberFormatException other) {
            return -1;
        }
    }
}
