// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.dkim.VectorAssembler.Base;

/**
 * The machine code of {@link WideRsa}: arithmetic on eight numbers of 1040 bits at once, side by
 * side in the eight 64-bit elements of vectors. A number is {@value #LIMBS} limbs of 52 bits,
 * lowest first; the i-th vector holds limb i of all eight. No branch and no address depends on a
 * number. Each method gives a function in the System V calling convention that takes addresses of
 * vectors and works on eight of everything. Needs AVX-512 F and IFMA.
 */
final class WideCode {
    static final int LIMBS = 20;
    static final int LIMB_BITS = 52;
    /** Entries of the table that {@link #select} reads: of four bits of an exponent. */
    static final int TABLE = 16;

    /** One column more than limbs: the columns turn round by one with each limb of b. */
    private static final int COLUMNS = LIMBS + 1;
    private static final int B = 21;
    private static final int Y = 22;
    private static final int INVERSE = 23;
    private static final int MASK = 24;
    private static final int CARRY = 25;
    /** Registers that loads take in turns. */
    private static final int LOADED = 26;
    private static final int LOADS = 6;
    /** By how many limbs the high half comes after the low one; below {@link #LOADS}. */
    private static final int LAG = 3;

    private WideCode() {}

    /**
     * {@code (r, a, b, m, inverse)}: r = a * b / 2^1040 mod m, where inverse is -1/m mod 2^52; r is
     * at most a * b / 2^1040 + m, which may be above m. r may be a or b. Montgomery's
     * multiplication, a limb of b at a time.
     */
    static byte[] multiply() {
        VectorAssembler code = new VectorAssembler();
        for (int column = 0; column < LIMBS; column++) {
            code.zero(column);
        }
        code.load(INVERSE, Base.R8, 0);
        for (int limb = 0; limb < LIMBS; limb++) {
            int i = limb;
            code.zero(column(i, LIMBS));
            code.load(B, Base.RDX, i);
            addProducts(code, i, Base.RSI, B, () -> {
                code.zero(Y);
                code.multiplyLow(Y, column(i, 0), INVERSE);
            });
            addProducts(code, i, Base.RCX, Y, () -> {
                code.shiftRight(CARRY, column(i, 0), LIMB_BITS);
                code.add(column(i, 1), column(i, 1), CARRY);
            });
        }
        mask(code);
        normalize(code, LIMBS);
        code.end();
        return code.bytes();
    }

    private static int column(int i, int j) {
        return (i + j) % COLUMNS;
    }

    /**
     * Column j gets the low half of limb j times the factor, column j + 1 the high half, some
     * instructions later, for an addition to the same column must wait for the one before.
     */
    private static void addProducts(VectorAssembler code, int i, Base number, int factor,
            Runnable afterFirst) {
        for (int j = 0; j < LIMBS + LAG; j++) {
            if (j < LIMBS) {
                code.load(LOADED + j % LOADS, number, j);
                code.multiplyLow(column(i, j), LOADED + j % LOADS, factor);
            }
            if (j == 0) {
                afterFirst.run();
            }
            if (j >= LAG) {
                code.multiplyHigh(column(i, j - LAG + 1), LOADED + (j - LAG) % LOADS, factor);
            }
        }
    }

    private static void mask(VectorAssembler code) {
        code.ones(MASK);
        code.shiftRight(MASK, MASK, Long.SIZE - LIMB_BITS);
    }

    /** Stores the columns from the first on as limbs of 52 bits at RDI. */
    private static void normalize(VectorAssembler code, int first) {
        for (int j = 0; j < LIMBS; j++) {
            int column = column(first, j);
            if (j > 0) {
                code.add(column, column, CARRY);
            }
            if (j < LIMBS - 1) {
                code.shiftRight(CARRY, column, LIMB_BITS);
                code.and(column, column, MASK);
            }
            code.store(Base.RDI, j, column);
        }
    }

    /** {@code (r, a, b)}: r = a + b; the sum must be below 2^1040. */
    static byte[] add() {
        VectorAssembler code = new VectorAssembler();
        mask(code);
        for (int j = 0; j < LIMBS; j++) {
            code.load(j, Base.RSI, j);
            code.load(LOADED, Base.RDX, j);
            code.add(j, j, LOADED);
        }
        normalize(code, 0);
        code.end();
        return code.bytes();
    }

    /**
     * {@code (r, table, which)}: r = the entry of the table that which names, an index for each of
     * the eight. Reads all {@value #TABLE} entries, whichever it takes.
     */
    static byte[] select() {
        int which = B;
        int entry = Y;
        int one = INVERSE;
        VectorAssembler code = new VectorAssembler();
        for (int j = 0; j < LIMBS; j++) {
            code.zero(j);
        }
        code.load(which, Base.RDX, 0);
        code.zero(entry);
        code.ones(one);
        code.shiftRight(one, one, Long.SIZE - 1);
        code.rounds(TABLE);
        int start = code.position();
        code.compareEqual(entry, which);
        for (int j = 0; j < LIMBS; j++) {
            int limb = LOADED + j % LOADS;
            code.load(limb, Base.RSI, j);
            code.moveMasked(j, limb);
        }
        code.add(entry, entry, one);
        code.advance(Base.RSI, LIMBS * VectorAssembler.VECTOR);
        code.repeat(start);
        for (int j = 0; j < LIMBS; j++) {
            code.store(Base.RDI, j, j);
        }
        code.end();
        return code.bytes();
    }
}
