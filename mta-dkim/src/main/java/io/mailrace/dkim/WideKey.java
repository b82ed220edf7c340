// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.math.BigInteger;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAKeyGenParameterSpec;
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
        private final long inverse;
        private final byte[] exponent;

        private Half(BigInteger prime, BigInteger exponent) {
            this.prime = prime;
            BigInteger r = BigInteger.ONE.shiftLeft(R_BITS);
            modulus = limbs(prime);
            one = limbs(r.mod(prime));
            square = limbs(r.multiply(r).mod(prime));
            cube = limbs(r.multiply(r).multiply(r).mod(prime));
            BigInteger limb = BigInteger.ONE.shiftLeft(WideCode.LIMB_BITS);
            inverse = prime.negate().modInverse(limb).longValueExact();
            this.exponent = new byte[WINDOWS];
            for (int i = 0; i < this.exponent.length; i++) {
                this.exponent[i] = exponent.shiftRight(i * WINDOW_BITS)
                        .and(BigInteger.valueOf(WideCode.TABLE - 1)).byteValueExact();
            }
        }

        BigInteger prime() {
            return prime;
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

        /** -1 / prime mod 2^52. */
        long inverse() {
            return inverse;
        }

        /** The exponent, {@value #WINDOW_BITS} bits at a time, lowest first. */
        byte[] exponent() {
            return exponent;
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
