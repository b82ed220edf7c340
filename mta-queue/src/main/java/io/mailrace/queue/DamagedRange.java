// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.function.Predicate;

/**
 * Finds where rows can be read again behind damaged ones: seeks ever further ahead, then halves the
 * distance. A few hundred seeks at most. Confined to one thread.
 */
final class DamagedRange {
    /** Longer than any key, so that a row's key with zeros behind it is the next possible key. */
    private static final int WIDTH = 32;

    private final BigInteger base;

    /** @param after the last key that could be read, or where reading began */
    DamagedRange(byte[] after) {
        base = new BigInteger(1, Arrays.copyOf(after, WIDTH));
    }

    /**
     * The smallest key from which reading works; empty when there is none.
     *
     * @param readable whether a seek to a key works: finds a row, or the end
     */
    byte[] firstReadable(Predicate<byte[]> readable) {
        BigInteger far = BigInteger.ONE;
        while (!readable.test(key(far))) {
            far = far.shiftLeft(1);
            if (base.add(far).bitLength() > 8 * WIDTH) {
                return new byte[0];
            }
        }
        BigInteger near = far.shiftRight(1);
        while (far.subtract(near).compareTo(BigInteger.ONE) > 0) {
            BigInteger middle = near.add(far).shiftRight(1);
            if (readable.test(key(middle))) {
                far = middle;
            } else {
                near = middle;
            }
        }
        return key(far);
    }

    private byte[] key(BigInteger distance) {
        byte[] number = base.add(distance).toByteArray();
        byte[] key = new byte[WIDTH];
        int length = Math.min(WIDTH, number.length);
        System.arraycopy(number, number.length - length, key, WIDTH - length, length);
        return key;
    }
}
