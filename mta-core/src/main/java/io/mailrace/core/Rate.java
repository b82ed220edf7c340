// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.time.Duration;
import java.util.Optional;

/**
 * So many in each stretch of time, written {@code 100/s}, {@code 10/min}, {@code 5000/h} or
 * {@code 20000/day}. Seconds and minutes are spread evenly. An hour or a day is that of the
 * calendar: never more than {@code count} in any of them.
 *
 * @param count from 1 to {@value #MAX}
 */
public record Rate(long count, Unit unit) {
    public static final long MAX = 1_000_000_000;

    /** What it is counted over. */
    public enum Unit {
        SECOND("s", Duration.ofSeconds(1)),
        MINUTE("min", Duration.ofMinutes(1)),
        HOUR("h", Duration.ofHours(1)),
        DAY("day", Duration.ofDays(1));

        private final String word;
        private final Duration length;

        Unit(String word, Duration length) {
            this.word = word;
            this.length = length;
        }

        public Duration length() {
            return length;
        }

        /** Whether it begins with the clock's hour or day. */
        public boolean calendar() {
            return this == HOUR || this == DAY;
        }
    }

    public Rate {
        if (count < 1 || count > MAX) {
            throw new IllegalArgumentException("a rate is 1 to " + MAX + ", not " + count);
        }
    }

    /** Empty when the text is no rate. */
    public static Optional<Rate> parse(String text) {
        int slash = text.indexOf('/');
        if (slash < 1 || slash > 10) {
            return Optional.empty();
        }
        long count = 0;
        for (int i = 0; i < slash; i++) {
            char c = text.charAt(i);
            if (c < '0' || c > '9') {
                return Optional.empty();
            }
            count = count * 10 + (c - '0');
        }
        for (Unit unit : Unit.values()) {
            if (count >= 1 && count <= MAX && unit.word.equals(text.substring(slash + 1))) {
                return Optional.of(new Rate(count, unit));
            }
        }
        return Optional.empty();
    }

    /** How far apart two of them are when they are spread evenly; at least 1 ns. */
    public long spacingNanos() {
        return Math.max(1, unit.length().toNanos() / count);
    }

    @Override
    public String toString() {
        return count + "/" + unit.word;
    }
}
