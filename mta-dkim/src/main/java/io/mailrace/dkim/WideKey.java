// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.math.BigInteger;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAKeyGenParameterSpec;
import java.util.Arrays;
import java.util.Optional;

/**
 * A private RSA key of 2048 bits as {@link WideRsa} wants it. Immutable; prints no secrets.
 */
final class WideKey {
    static final int WINDOW_BITS = 4;
    private static final int PRIME_BITS = 1024;
    /** Of an exponent. */
    static final int WINDOWS = PRIME_BITS / WINDOW_BITS;
    private static final int R_BITS = WideCode.LIMBS * WideCode.LIMB_BITS;

    /** The half of the work that goes modulo one of the primes. */
    static final class Half {
        private final BigInteger prime;
        private final long[] modulus;
        private final long[] one;
        private final long[] square;
        private final long[] cube;
        private final long[] inverse;
        private final byte[] exponent;
        /** Of the latest message that had another one. */
        private volatile Upper upper;

        private Half(BigInteger prime, BigInteger exponent) {
            this.prime = prime;
            BigInteger r = BigInteger.ONE.shiftLeft(R_BITS);
            upper = Upper.of(new byte[WideRsa.OCTETS], prime);
            modulus = limbs(prime);
            one = limbs(r.mod(prime));
            square = limbs(r.multiply(r).mod(prime));
            cube = limbs(r.multiply(r).multiply(r).mod(prime));
            inverse = Arrays.copyOf(limbs(prime.negate().modInverse(
                    BigInteger.ONE.shiftLeft(2 * WideCode.LIMB_BITS))), 2);
            this.exponent = new byte[WINDOWS];
            for (int i = 0; i < this.exponent.length; i++) {
                this.exponent[i] = exponent.shiftRight(i * WINDOW_BITS)
                        .and(BigInteger.valueOf(WideCode.TABLE - 1)).byteValueExact();
            }
        }

        BigInteger prime() {
            return prime;
        }

        /** A message modulo the prime, by another way than signatures go. */
        BigInteger residue(byte[] message) {
            Upper known = upper;
            if (!known.is(message)) {
                known = Upper.of(message, prime);
                upper = known;
            }
            BigInteger sum = known.residue.add(new BigInteger(1, message,
                    message.length - Upper.BELOW, Upper.BELOW));
            return sum.compareTo(prime) < 0 ? sum : sum.subtract(prime);
        }

        long[] modulus() {
            return modulus;
        }

        /** 2^1040 mod the prime: one in Montgomery's form. */
        long[] one() {
            return one;
        }

        /** 2^2080 mod the prime: takes a number into Montgomery's form. */
        long[] square() {
            return square;
        }

        /** 2^3120 mod the prime: the same for what stands 1040 bits higher. */
        long[] cube() {
            return cube;
        }

        /** -1 / prime mod 2^104, two limbs. */
        long[] inverse() {
            return inverse;
        }

        /** The exponent, {@value #WINDOW_BITS} bits at a time, lowest first. */
        byte[] exponent() {
            return exponent;
        }
    }

    /**
     * What a message begins with, and that modulo a prime. Of a PKCS #1 message all but the hash is
     * always the same (RFC 8017 9.2), and to divide it each time would take as long as all else
     * that is not done for eight at once.
     */
    private static final class Upper {
        /** Octets that come after it; as a number below any prime. */
        static final int BELOW = 32;

        private final byte[] octets;
        private final BigInteger residue;

        private Upper(byte[] octets, BigInteger residue) {
            this.octets = octets;
            this.residue = residue;
        }

        static Upper of(byte[] message, BigInteger prime) {
            byte[] octets = Arrays.copyOf(message, message.length - BELOW);
            return new Upper(octets, new BigInteger(1, octets).shiftLeft(BELOW * Byte.SIZE)
                    .mod(prime));
        }

        boolean is(byte[] message) {
            return Arrays.equals(octets, 0, octets.length, message, 0, message.length - BELOW);
        }
    }

    private final Half p;
    private final Half q;
    private final long[] coefficient;
    private final long[] negative;

    private WideKey(RSAPrivateCrtKey key) {
        p = new Half(key.getPrimeP(), key.getPrimeExponentP());
        q = new Half(key.getPrimeQ(), key.getPrimeExponentQ());
        BigInteger entered = key.getCrtCoefficient().shiftLeft(2 * R_BITS).mod(p.prime);
        coefficient = limbs(entered);
        negative = limbs(p.prime.subtract(entered));
    }

    /** Empty for a key of another length or another form than is usual for it. */
    static Optional<WideKey> of(RSAPrivateCrtKey key) {
        boolean fits = key.getModulus().bitLength() == 2 * PRIME_BITS
                && key.getPublicExponent().equals(RSAKeyGenParameterSpec.F4)
                && isHalf(key.getPrimeP(), key.getPrimeExponentP())
                && isHalf(key.getPrimeQ(), key.getPrimeExponentQ());
        return fits ? Optional.of(new WideKey(key)) : Optional.empty();
    }

    private static boolean isHalf(BigInteger prime, BigInteger exponent) {
        return prime.bitLength() == PRIME_BITS && prime.testBit(0) && exponent.signum() > 0
                && exponent.bitLength() <= PRIME_BITS;
    }

    Half p() {
        return p;
    }

    Half q() {
        return q;
    }

    /** The CRT coefficient (RFC 8017 5.1.2) times 2^2080, mod the first prime. */
    long[] coefficient() {
        return coefficient;
    }

    /** The first prime less {@link #coefficient}. */
    long[] negative() {
        return negative;
    }

    private static long[] limbs(BigInteger number) {
        BigInteger mask = BigInteger.ONE.shiftLeft(WideCode.LIMB_BITS).subtract(BigInteger.ONE);
        long[] limbs = new long[WideCode.LIMBS];
        for (int i = 0; i < limbs.length; i++) {
            limbs[i] = number.shiftRight(i * WideCode.LIMB_BITS).and(mask).longValueExact();
        }
        return limbs;
    }

    @Override
    public String toString() {
        return "key of 2048 bits";
    }
}
