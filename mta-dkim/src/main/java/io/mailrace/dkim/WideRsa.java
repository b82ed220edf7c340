// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Eight RSA private operations with keys of 2048 bits at once: RSASP1 by the Chinese remainder
 * theorem (RFC 8017 5.2.1), with the arithmetic of {@link WideCode}. Each may have another key.
 * One thread at a time; only where {@link WideCalls#obstacle} is none.
 */
final class WideRsa {
    /* Secrets and time. The exponents are walked in windows of fixed length; all entries of the
     * table are read for each; nothing branches on a number. Only the last multiplication and
     * addition that join the halves, and comparisons with a prime or a message, are BigInteger's,
     * whose time may depend on numbers. No blinding: that time is a small part of the time of
     * eight signatures, and who submits mail chooses a hash at most. Neither the memory nor the
     * stack is wiped: the keys stand in the heap anyway.
     *
     * Faults. A signature that is right modulo one prime and wrong modulo the other gives the key
     * away. So the octets that would be given out are raised to the public exponent modulo each
     * prime and compared with the message (RFC 8017 5.2.2). What that is modulo the prime does not
     * come from here but from WideKey.Half.residue: a broken constant may make a zero of
     * everything, and zeros must not be equal. What does not pass is not given out. */

    static final int WIDTH = 8;
    /** Octets of a signature and of what is signed. */
    static final int OCTETS = 256;

    private static final int NUMBER_BYTES = WideCode.LIMBS * WideCode.ROW;
    private static final long LIMB_MASK = (1L << WideCode.LIMB_BITS) - 1;
    /** The public exponent is 2^16 + 1. */
    private static final int PUBLIC_SQUARINGS = 16;
    private static final VarHandle BIG_ENDIAN = MethodHandles.byteArrayViewVarHandle(long[].class,
            ByteOrder.BIG_ENDIAN);
    private static final byte[] NOTHING = {};

    /** Offsets of numbers in {@link #memory}, eight of each. */
    private static final long LOW = 0;
    private static final long HIGH = LOW + NUMBER_BYTES;
    private static final long PLAIN_ONE = HIGH + NUMBER_BYTES;
    private static final long VALUE = PLAIN_ONE + NUMBER_BYTES;
    private static final long FACTOR = VALUE + NUMBER_BYTES;
    private static final long SCRATCH = FACTOR + NUMBER_BYTES;
    /** The messages' powers modulo the first prime. */
    private static final long POWER_P = SCRATCH + NUMBER_BYTES;
    private static final long TABLE = POWER_P + NUMBER_BYTES;
    /** Of the keys, once for each prime. */
    private static final long P = TABLE + (long) WideCode.TABLE * NUMBER_BYTES;
    private static final long Q = P + KeyPlace.BYTES;
    private static final long COEFFICIENT = Q + KeyPlace.BYTES;
    private static final long NEGATIVE = COEFFICIENT + NUMBER_BYTES;
    private static final long END = NEGATIVE + NUMBER_BYTES;

    /** Offsets within what is there for a prime. */
    private static final class KeyPlace {
        static final long MODULUS = 0;
        static final long SQUARE = MODULUS + NUMBER_BYTES;
        static final long CUBE = SQUARE + NUMBER_BYTES;
        static final long ONE = CUBE + NUMBER_BYTES;
        static final long INVERSE = ONE + NUMBER_BYTES;
        static final long WINDOWS = INVERSE + 2 * WideCode.ROW;
        static final long BYTES = WINDOWS + (long) WideKey.WINDOWS * WideCode.ROW;
    }

    private final MemorySegment memory = Arena.ofAuto().allocate(END, WideCode.ROW);
    private final long base = memory.address();
    private final byte[] padded = new byte[Long.BYTES + OCTETS];
    private final byte[] joined = new byte[Math.ceilDiv(WideCode.LIMBS * WideCode.LIMB_BITS,
            Byte.SIZE)];

    /** The keys that stand in memory; mostly the next are the same. */
    private final @Nullable WideKey[] standing = new WideKey[WIDTH];

    private final WideCalls calls;
    private final WideCode code;

    WideRsa() {
        this(WideCalls.best());
    }

    WideRsa(WideCalls calls) {
        this.calls = calls;
        code = calls.code();
        for (int i = 0; i < WIDTH; i++) {
            set(PLAIN_ONE, 0, i, 1);
        }
    }

    /**
     * Signs.
     *
     * @param keys 1 to {@value #WIDTH}
     * @param encoded for each key {@value #OCTETS} octets, below its modulus
     * @return in the same order {@value #OCTETS} octets each; none where the result was wrong
     */
    byte[][] sign(WideKey[] keys, byte[][] encoded) {
        for (int i = 0; i < WIDTH; i++) {
            // What is left over does again what the first does.
            place(i, keys[i < keys.length ? i : 0]);
        }
        set(encoded);
        power(P);
        MemorySegment.copy(memory, VALUE, memory, POWER_P, NUMBER_BYTES);
        power(Q);
        byte[][] signatures = join(keys);
        set(signatures);
        boolean[] right = new boolean[keys.length];
        Arrays.fill(right, true);
        raise(P);
        compare(keys, encoded, WideKey::p, right);
        raise(Q);
        compare(keys, encoded, WideKey::q, right);
        for (int i = 0; i < keys.length; i++) {
            signatures[i] = right[i] ? signatures[i] : NOTHING;
        }
        return signatures;
    }

    /** LOW and HIGH = messages or signatures. */
    private void set(byte[][] octets) {
        for (int i = 0; i < WIDTH; i++) {
            set(i, octets[i < octets.length ? i : 0]);
        }
    }

    private void set(int i, byte[] octets) {
        System.arraycopy(octets, 0, padded, Long.BYTES, OCTETS);
        for (int limb = 0; limb < WideCode.LIMBS; limb++) {
            set(LOW, limb, i, limb(limb));
            set(HIGH, limb, i, limb(limb + WideCode.LIMBS));
        }
    }

    @SuppressWarnings("ReferenceEquality") // one object for each key
    private void place(int i, WideKey key) {
        if (standing[i] != key) {
            place(P, i, key.p());
            place(Q, i, key.q());
            set(COEFFICIENT, i, key.coefficient());
            set(NEGATIVE, i, key.negative());
            standing[i] = key;
        }
    }

    private void place(long half, int i, WideKey.Half numbers) {
        set(half + KeyPlace.MODULUS, i, numbers.modulus());
        set(half + KeyPlace.SQUARE, i, numbers.square());
        set(half + KeyPlace.CUBE, i, numbers.cube());
        set(half + KeyPlace.ONE, i, numbers.one());
        set(half + KeyPlace.INVERSE, i, numbers.inverse());
        for (int window = 0; window < WideKey.WINDOWS; window++) {
            memory.set(ValueLayout.JAVA_LONG, at(half + KeyPlace.WINDOWS, window, i),
                    numbers.exponent()[window]);
        }
    }

    /** VALUE = the messages to the power of the private exponent modulo one prime; at most that. */
    private void power(long half) {
        enter(entry(1), half);
        MemorySegment.copy(memory, half + KeyPlace.ONE, memory, entry(0), NUMBER_BYTES);
        for (int i = 2; i < WideCode.TABLE; i++) {
            multiply(entry(i), entry(i - 1), entry(1), half);
        }
        int window = WideKey.WINDOWS - 1;
        select(VALUE, half, window);
        while (--window >= 0) {
            for (int bit = 0; bit < WideKey.WINDOW_BITS; bit++) {
                square(VALUE, half);
            }
            select(FACTOR, half, window);
            multiply(VALUE, VALUE, FACTOR, half);
        }
        multiply(VALUE, VALUE, PLAIN_ONE, half);
    }

    /** VALUE = the signatures to the power of the public exponent. */
    private void raise(long half) {
        long signature = entry(1);
        enter(signature, half);
        multiply(VALUE, signature, half + KeyPlace.ONE, half);
        for (int i = 0; i < PUBLIC_SQUARINGS; i++) {
            square(VALUE, half);
        }
        multiply(VALUE, VALUE, signature, half);
        multiply(VALUE, VALUE, PLAIN_ONE, half);
    }

    /** What LOW and HIGH hold, times 2^1040: from its lower 1040 bits and those above. */
    private void enter(long result, long half) {
        multiply(VALUE, LOW, half + KeyPlace.SQUARE, half);
        multiply(FACTOR, HIGH, half + KeyPlace.CUBE, half);
        calls.add(base + result, base + VALUE, base + FACTOR);
    }

    /**
     * The signatures from POWER_P and VALUE, what they are modulo each prime (RFC 8017 5.1.2, step
     * 2b).
     */
    private byte[][] join(WideKey[] keys) {
        multiply(FACTOR, POWER_P, COEFFICIENT, P);
        multiply(POWER_P, VALUE, NEGATIVE, P);
        calls.add(base + FACTOR, base + FACTOR, base + POWER_P);
        multiply(FACTOR, FACTOR, PLAIN_ONE, P);
        byte[][] signatures = new byte[keys.length][];
        for (int i = 0; i < keys.length; i++) {
            BigInteger h = below(keys[i].p().prime(), get(FACTOR, i));
            // That of VALUE may be q itself, as it was for h.
            signatures[i] = octets(h.multiply(keys[i].q().prime()).add(get(VALUE, i)));
        }
        return signatures;
    }

    private void compare(WideKey[] keys, byte[][] encoded,
            Function<WideKey, WideKey.Half> which, boolean[] right) {
        for (int i = 0; i < right.length; i++) {
            WideKey.Half half = which.apply(keys[i]);
            right[i] &= below(half.prime(), get(VALUE, i)).equals(half.residue(encoded[i]));
        }
    }

    private static byte[] octets(BigInteger signature) {
        byte[] bytes = signature.toByteArray();
        byte[] octets = new byte[OCTETS];
        int length = Math.min(bytes.length, OCTETS);
        System.arraycopy(bytes, bytes.length - length, octets, OCTETS - length, length);
        return octets;
    }

    private static long entry(int index) {
        return TABLE + (long) index * NUMBER_BYTES;
    }

    private void multiply(long result, long a, long b, long half) {
        calls.multiply(base + result, base + a, base + b, base + half + KeyPlace.MODULUS,
                base + half + KeyPlace.INVERSE);
    }

    private void square(long number, long half) {
        calls.square(base + number, base + number, base + half + KeyPlace.MODULUS,
                base + half + KeyPlace.INVERSE, base + SCRATCH);
    }

    private void select(long result, long half, int window) {
        calls.select(base + result, base + TABLE, base + half + KeyPlace.WINDOWS
                + (long) window * WideCode.ROW);
    }

    private void set(long number, int which, long[] limbs) {
        for (int limb = 0; limb < limbs.length; limb++) {
            set(number, limb, which, limbs[limb]);
        }
    }

    private void set(long number, int limb, int which, long value) {
        memory.set(ValueLayout.JAVA_LONG, at(number, limb, which), code.inMemory(value));
    }

    private static long at(long number, int limb, int which) {
        return number + (long) limb * WideCode.ROW + (long) which * Long.BYTES;
    }

    /** Bits 52 * index to 52 * index + 51 of what {@link #padded} holds. */
    private long limb(int index) {
        int bit = index * WideCode.LIMB_BITS;
        int end = padded.length - bit / Byte.SIZE;
        return (long) BIG_ENDIAN.get(padded, end - Long.BYTES) >>> bit % Byte.SIZE & LIMB_MASK;
    }

    /** A number that is at most the prime, as one that is below. */
    private static BigInteger below(BigInteger prime, BigInteger atMost) {
        return atMost.equals(prime) ? BigInteger.ZERO : atMost;
    }

    private BigInteger get(long number, int which) {
        long bits = 0;
        int have = 0;
        int at = joined.length;
        for (int limb = 0; limb < WideCode.LIMBS; limb++) {
            bits |= code.limb(memory.get(ValueLayout.JAVA_LONG, at(number, limb, which))) << have;
            have += WideCode.LIMB_BITS;
            while (have >= Byte.SIZE) {
                joined[--at] = (byte) bits;
                bits >>>= Byte.SIZE;
                have -= Byte.SIZE;
            }
        }
        return new BigInteger(1, joined);
    }
}
