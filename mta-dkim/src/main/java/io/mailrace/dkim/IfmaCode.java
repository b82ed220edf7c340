// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.dkim.VectorAssembler.Base;
import java.util.List;

/**
 * With 512-bit vectors and their multiplication of 52 bits: AVX-512 IFMA, which servers have had
 * since 2021 (Intel) and 2022 (AMD). A limb is an integer.
 */
final class IfmaCode implements WideCode {
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

    @Override
    public String name() {
        return "AVX-512 IFMA";
    }

    @Override
    public List<String> needs() {
        return List.of("avx512f", "avx512ifma");
    }

    @Override
    public long inMemory(long limb) {
        return limb;
    }

    @Override
    public long limb(long inMemory) {
        return inMemory;
    }

    /** A limb of b at a time. */
    @Override
    public byte[] multiply() {
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
            reduce(code, i, Base.RCX);
        }
        return normalized(code, LIMBS);
    }

    /**
     * The upper half of the square goes to scratch and comes back a column at a time, as the lower
     * half is reduced away.
     */
    @Override
    public byte[] square() {
        VectorAssembler code = new VectorAssembler();
        columnsOfSquare(code, LIMBS);
        for (int column = 0; column < LIMBS; column++) {
            code.store(Base.R8, column, column);
        }
        columnsOfSquare(code, 0);
        code.load(INVERSE, Base.RCX, 0);
        for (int i = 0; i < LIMBS; i++) {
            code.load(column(i, LIMBS), Base.R8, i);
            code.zero(Y);
            code.multiplyLow(Y, column(i, 0), INVERSE);
            reduce(code, i, Base.RDX);
        }
        return normalized(code, LIMBS);
    }

    /** Sets the columns to those of the square from {@code first} on, as many as limbs. */
    private static void columnsOfSquare(VectorAssembler code, int first) {
        for (int column = 0; column < LIMBS; column++) {
            code.zero(column);
        }
        for (int i = 0; i < LIMBS; i++) {
            int begin = Math.max(i + 1, first - 1 - i);
            int end = Math.min(LIMBS, first + LIMBS - i);
            if (begin < end) {
                code.load(B, Base.RSI, i);
                addToColumns(code, i - first, begin, end, B);
            }
        }
        for (int column = 0; column < LIMBS; column++) {
            code.add(column, column, column);
        }
        for (int i = first / 2; i < (first + LIMBS) / 2; i++) {
            int limb = LOADED + i % LOADS;
            code.load(limb, Base.RSI, i);
            code.multiplyLow(2 * i - first, limb, limb);
            code.multiplyHigh(2 * i + 1 - first, limb, limb);
        }
    }

    /** Column by + j gets the low half of limb j times the factor, the next the high one. */
    private static void addToColumns(VectorAssembler code, int by, int begin, int end,
            int factor) {
        for (int j = begin; j < end + LAG; j++) {
            int low = by + j;
            int high = low - LAG + 1;
            if (j < end) {
                code.load(LOADED + j % LOADS, Base.RSI, j);
                if (low >= 0) {
                    code.multiplyLow(low, LOADED + j % LOADS, factor);
                }
            }
            if (j - LAG >= begin && high < LIMBS) {
                code.multiplyHigh(high, LOADED + (j - LAG) % LOADS, factor);
            }
        }
    }

    /** Adds y * m, by which column 0 becomes 0 in its low 52 bits, and passes its rest on. */
    private static void reduce(VectorAssembler code, int i, Base modulus) {
        addProducts(code, i, modulus, Y, () -> {
            code.shiftRight(CARRY, column(i, 0), LIMB_BITS);
            code.add(column(i, 1), column(i, 1), CARRY);
        });
    }

    private static int column(int i, int j) {
        return (i + j) % COLUMNS;
    }

    /**
     * Column j gets the low half of limb j times the factor, column j + 1 the high half, some
     * instructions later, for an addition to the same column must wait for the one before. Column
     * 1 comes first, for what is computed next depends on it.
     *
     * @param then goes where columns 0 and 1 have got all
     */
    private static void addProducts(VectorAssembler code, int i, Base number, int factor,
            Runnable then) {
        for (int j = 0; j < LIMBS + LAG; j++) {
            if (j < LIMBS) {
                code.load(LOADED + j % LOADS, number, j);
                code.multiplyLow(column(i, j), LOADED + j % LOADS, factor);
            }
            if (j == 1) {
                code.multiplyHigh(column(i, 1), LOADED, factor);
                then.run();
            } else if (j > LAG) {
                code.multiplyHigh(column(i, j - LAG + 1), LOADED + (j - LAG) % LOADS, factor);
            }
        }
    }

    /** Ends a function: stores the columns from the first on as limbs of 52 bits at RDI. */
    private static byte[] normalized(VectorAssembler code, int first) {
        code.ones(MASK);
        code.shiftRight(MASK, MASK, Long.SIZE - LIMB_BITS);
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
        code.end();
        return code.bytes();
    }

    @Override
    public byte[] add() {
        VectorAssembler code = new VectorAssembler();
        for (int j = 0; j < LIMBS; j++) {
            code.load(j, Base.RSI, j);
            code.load(LOADED, Base.RDX, j);
            code.add(j, j, LOADED);
        }
        return normalized(code, 0);
    }

    @Override
    public byte[] select() {
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
