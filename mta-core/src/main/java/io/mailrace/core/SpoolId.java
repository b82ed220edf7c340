// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Optional;

/**
 * Names one content in the spool: a positive 63-bit number that rises with acceptance, its upper
 * 43 bits the wall-clock millisecond, its lower 20 bits a counter. Written as 13 characters of
 * Crockford base 32, so that the text sorts as the number does.
 */
public record SpoolId(long value) implements Comparable<SpoolId> {
    private static final String DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private static final int LENGTH = 13;
    private static final int COUNTER_BITS = 20;

    public SpoolId {
        if (value < 0) {
            throw new IllegalArgumentException("spool id must not be negative: " + value);
        }
    }

    /** The smallest id of a millisecond. */
    public static SpoolId firstOf(long epochMillis) {
        return new SpoolId(epochMillis << COUNTER_BITS);
    }

    /** When the id was made, in milliseconds since 1970. */
    public long epochMillis() {
        return value >>> COUNTER_BITS;
    }

    /** Reads the 13-character form, either case; empty for anything else. */
    public static Optional<SpoolId> parse(String text) {
        if (text.length() != LENGTH) {
            return Optional.empty();
        }
        long value = 0;
        for (int i = 0; i < LENGTH; i++) {
            int digit = DIGITS.indexOf(Ascii.upper(text.charAt(i)));
            if (digit < 0 || (i == 0 && digit > 7)) {
                return Optional.empty();
            }
            value = (value << 5) | digit;
        }
        return value < 0 ? Optional.empty() : Optional.of(new SpoolId(value));
    }

    @Override
    public int compareTo(SpoolId other) {
        return Long.compare(value, other.value);
    }

    @Override
    public String toString() {
        char[] text = new char[LENGTH];
        long rest = value;
        for (int i = LENGTH - 1; i >= 0; i--) {
            text[i] = DIGITS.charAt((int) (rest & 31));
            rest >>>= 5;
        }
        return new String(text);
    }
}
