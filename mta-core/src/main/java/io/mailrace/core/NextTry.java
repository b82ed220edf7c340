// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.time.Duration;

/**
 * When deferred mail is tried again.
 *
 * @param pause from 0 to {@value #MAX_DAYS} days; meaningless for {@link Kind#SCHEDULE}
 */
public record NextTry(Kind kind, Duration pause) {
    public static final int MAX_DAYS = 30;
    /** By the retry schedule of its lane. */
    public static final NextTry SCHEDULE = new NextTry(Kind.SCHEDULE, Duration.ZERO);

    /** How the pause is meant. */
    public enum Kind {
        /** As the retry schedule says. */
        SCHEDULE,
        /** As the retry schedule says, but not before the pause is over. */
        NOT_BEFORE,
        /** When the pause is over; no attempt is counted. */
        UNCOUNTED
    }

    public NextTry {
        if (pause.isNegative() || pause.compareTo(Duration.ofDays(MAX_DAYS)) > 0) {
            throw new IllegalArgumentException("a wait is 0 to 30 days, not " + pause);
        }
    }

    public static NextTry notBefore(Duration pause) {
        return pause.isZero() ? SCHEDULE : new NextTry(Kind.NOT_BEFORE, pause);
    }

    /** Nothing was tried: the mail is set aside. */
    public static NextTry uncounted(Duration pause) {
        return new NextTry(Kind.UNCOUNTED, pause);
    }

    public boolean counted() {
        return kind != Kind.UNCOUNTED;
    }
}
