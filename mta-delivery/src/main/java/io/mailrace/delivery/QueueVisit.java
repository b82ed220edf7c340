// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.queue.MailQueue;

/** A queue for as long as its dispatcher has to do with it. Confined to that event loop. */
final class QueueVisit {
    private final MailQueue queue;
    private long validUntilNanos;
    private boolean secure;
    private boolean waiting;
    private boolean resting;
    private int atHand;

    QueueVisit(MailQueue queue) {
        this.queue = queue;
    }

    MailQueue queue() {
        return queue;
    }

    /** When its destination must be looked up again. */
    long validUntilNanos() {
        return validUntilNanos;
    }

    /** Whether the names of its hosts can be relied on. */
    boolean secure() {
        return secure;
    }

    /** What was found when its destination was looked up. */
    void found(boolean secureHosts, long validNanos) {
        secure = secureHosts;
        validUntilNanos = validNanos;
    }

    /** Whether it waits for its turn. */
    boolean waiting() {
        return waiting;
    }

    void waiting(boolean does) {
        waiting = does;
    }

    /** Whether it waits a moment for a permit, and comes back by itself. */
    void resting(boolean does) {
        resting = does;
    }

    /** Envelopes taken from it and neither settled nor put back. */
    void took(int envelopes) {
        atHand += envelopes;
    }

    void gave() {
        atHand--;
    }

    boolean over() {
        return !waiting && !resting && atHand == 0;
    }
}
