// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import static io.mailrace.dkim.ShortVectorAssembler.at;
import static io.mailrace.dkim.WideCode.LIMBS;
import static io.mailrace.dkim.WideCode.LIMB_BITS;
import static io.mailrace.dkim.WideCode.ROW;
import static io.mailrace.dkim.WideCode.TABLE;

import io.mailrace.dkim.ShortVectorAssembler.Base;
import io.mailrace.dkim.ShortVectorAssembler.Place;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;

/** Writes one function of {@link FmaCode}. One thread. */
final class FmaFunction {
    /* Products. Floating-point numbers hold 53 bits, and to multiply, add and round once is as
     * quick as anything these processors multiply with. Rounded to zero, 2^104 + a * b cuts off
     * what is below 2^52: the lower bits of that number are the high half of the product. 2^104 +
     * 2^52 less that number is exact, and with a * b added it is 2^52 and the low half. No number
     * is so small that processors take longer for it: each is zero or at least one.
     *
     * Columns. The bits of these numbers are added as integers, exponents and all. How many a
     * column gets is known, so it begins with so many exponents less than zero, and when it has
     * got all, it is the number.
     *
     * Waiting. The next limb of a quotient depends on what the one before added, through a dozen
     * instructions that wait for each other. So two limbs come at a time, by an inverse of two
     * limbs, and those of one half of the eight numbers are computed while rows of the other half
     * are added.
     *
     * The code must fit into what processors keep of decoded instructions, some thousand: so it
     * has loops. */

    private static final int VECTOR = ShortVectorAssembler.VECTOR;
    /** Eight numbers are two halves of four; the second half of a row follows the first. */
    private static final int HALVES = ROW / VECTOR;
    /** Half of the limbs of a number. */
    private static final int HALF_LIMBS = LIMBS / 2;

    private static final long MASK = (1L << LIMB_BITS) - 1;
    /** Of numbers from here to 2^53 the lower bits are the number less 2^52. */
    private static final long LOW = Double.doubleToRawLongBits(0x1p52);
    /** Of numbers from here to 2^105 they are the number less 2^104, by 2^52. */
    private static final long HIGH = Double.doubleToRawLongBits(0x1p104);
    private static final long BOTH = Double.doubleToRawLongBits(0x1p104 + 0x1p52);

    private static final int C_HIGH = 0;
    private static final int C_BOTH = 1;
    /** Two limbs that a number is multiplied by. */
    private static final int Y0 = 2;
    private static final int Y1 = 3;
    /** The next two of a quotient, while they are computed, and what that needs. */
    private static final int NEXT0 = 4;
    private static final int NEXT1 = 5;
    private static final int S0 = 6;
    private static final int S1 = 7;
    private static final int S2 = 8;
    /** Registers from here on are for the step of a row that is computed. */
    private static final int STEP = 9;
    private static final int STEP_REGISTERS = 6;
    private static final int NONE = -1;
    /** So many steps of a row have room for two other instructions. */
    private static final int QUICK = 5;
    /** Of limbs, in one turn of a loop. */
    private static final int SQUARES = 4;

    /** The frame has the columns of one half, so many octets, and then those of the other. */
    private static final int COLUMNS = 2 * LIMBS * VECTOR;
    private static final Base FRAME = Base.R11;
    private static final Base COLUMN = Base.R10;
    private static final Base HALF_COUNT = Base.R9;
    private static final Base COUNT = Base.RAX;

    private final ShortVectorAssembler code = new ShortVectorAssembler();
    private final Place low = code.constant(LOW);
    private final Place mask = code.constant(MASK);

    byte[] multiply() {
        begin(2);
        int half = code.position();
        code.count(COUNT, LIMBS / 2);
        int start = code.position();
        code.load(Y0, at(Base.RDX, 0));
        code.load(Y1, at(Base.RDX, ROW));
        rows(new Rows(Base.RSI, 0, LIMBS, 0, false), List.of());
        code.address(Base.RDX, Base.RDX, 2 * ROW);
        code.address(COLUMN, COLUMN, 2 * VECTOR);
        code.repeat(COUNT, start);
        code.address(Base.RDX, Base.RDX, VECTOR - LIMBS * ROW);
        code.address(Base.RSI, Base.RSI, VECTOR);
        code.address(COLUMN, COLUMN, COLUMNS - LIMBS * VECTOR);
        code.repeat(HALF_COUNT, half);
        return reduced(Base.RCX, Base.R8);
    }

    /**
     * Products of two different limbs once: each of the lower half of a by each of the upper half,
     * then those within the upper half and those within the lower one, by the same code. All of
     * that twice, and the squares of limbs.
     */
    byte[] square() {
        begin(1);
        int half = code.position();
        // The scratch, R8, is not needed.
        code.address(Base.R8, Base.RSI, HALF_LIMBS * ROW);
        code.count(COUNT, HALF_LIMBS / 2);
        int between = code.position();
        code.load(Y0, at(Base.RSI, 0));
        code.load(Y1, at(Base.RSI, ROW));
        rows(new Rows(Base.R8, 0, HALF_LIMBS, HALF_LIMBS * VECTOR, false), List.of());
        code.address(Base.RSI, Base.RSI, 2 * ROW);
        code.address(COLUMN, COLUMN, 2 * VECTOR);
        code.repeat(COUNT, between);
        code.address(COLUMN, COLUMN, HALF_LIMBS * VECTOR);
        code.count(COUNT, 2);
        int within = code.position();
        for (int i = 0; i < HALF_LIMBS; i += 2) {
            corner(i);
        }
        code.address(Base.RSI, Base.RSI, -HALF_LIMBS * ROW);
        code.address(COLUMN, COLUMN, -2 * HALF_LIMBS * VECTOR);
        code.repeat(COUNT, within);
        code.address(Base.RSI, Base.RSI, HALF_LIMBS * ROW);
        code.address(COLUMN, COLUMN, 2 * HALF_LIMBS * VECTOR);
        code.count(COUNT, LIMBS / SQUARES);
        int squares = code.position();
        for (int i = 0; i < SQUARES; i++) {
            doubledWithSquare(i);
        }
        code.address(Base.RSI, Base.RSI, SQUARES * ROW);
        code.address(COLUMN, COLUMN, 2 * SQUARES * VECTOR);
        code.repeat(COUNT, squares);
        code.address(Base.RSI, Base.RSI, VECTOR - LIMBS * ROW);
        code.address(COLUMN, COLUMN, COLUMNS - 2 * LIMBS * VECTOR);
        code.repeat(HALF_COUNT, half);
        return reduced(Base.RDX, Base.RCX);
    }

    /** Limbs i and i + 1 by all that come after each in half a number. */
    private void corner(int i) {
        code.load(Y0, at(Base.RSI, i * ROW));
        code.load(Y1, at(Base.RSI, (i + 1) * ROW));
        // What is next to each other has no partner in the second row.
        product(STEP + 1, STEP + 2, Y0, Y1);
        Place column = at(COLUMN, (2 * i + 1) * VECTOR);
        code.add(STEP + 2, STEP + 2, column);
        code.store(column, STEP + 2);
        int limbs = HALF_LIMBS - 2 - i;
        if (limbs > 0) {
            rows(new Rows(Base.RSI, (i + 2) * ROW, limbs, (2 * i + 2) * VECTOR, false), STEP + 1,
                    List.of());
        } else {
            addTo((2 * i + 2) * VECTOR, STEP + 1);
        }
    }

    private void product(int high, int low, int a, int b) {
        code.move(high, C_HIGH);
        code.multiplyAdd(high, a, b);
        code.subtractDouble(low, C_BOTH, high);
        code.multiplyAdd(low, a, b);
    }

    /** What the two columns hold twice, and the square of limb i. */
    private void doubledWithSquare(int i) {
        int limb = STEP + i % 2;
        int high = STEP + 2;
        int low = STEP + 3;
        code.load(limb, at(Base.RSI, i * ROW));
        product(high, low, limb, limb);
        for (int upper = 0; upper < 2; upper++) {
            Place column = at(COLUMN, (2 * i + upper) * VECTOR);
            int sum = upper == 0 ? low : high;
            code.add(sum, sum, column);
            code.add(sum, sum, column);
            code.store(column, sum);
        }
    }

    /** Fills the columns of both halves with what they will get too much, negative. */
    private void begin(int times) {
        code.begin(FRAME, HALVES * COLUMNS);
        code.load(C_HIGH, code.constant(HIGH));
        code.load(C_BOTH, code.constant(BOTH));
        for (int k = 0; k < COLUMNS / VECTOR; k++) {
            int register = STEP + k % STEP_REGISTERS;
            code.load(register, code.constant(-times * (pairs(k) * LOW + pairs(k - 1) * HIGH)));
            for (int half = 0; half < HALVES; half++) {
                code.store(at(FRAME, half * COLUMNS + k * VECTOR), register);
            }
        }
        code.address(COLUMN, FRAME, 0);
        code.count(HALF_COUNT, HALVES);
    }

    /** How many pairs of limbs have places whose sum is the column's. */
    private static int pairs(int column) {
        return Math.max(0, Math.min(column + 1, 2 * LIMBS - 1 - column));
    }

    /**
     * Two rows of products: limbs of a number by Y0, and a column higher by Y1.
     *
     * @param number where it stands, from {@code octets} on
     * @param column of the first product, in octets from COLUMN
     * @param reducing what the first two columns get makes their low 52 bits 0
     */
    private record Rows(Base number, int octets, int limbs, int column, boolean reducing) {}

    private void rows(Rows rows, List<Runnable> between) {
        rows(rows, NONE, between);
    }

    /**
     * @param first a register that is added to the first column, or none
     * @param between other instructions, some after each step: they may wait long for each other
     */
    private void rows(Rows rows, int first, List<Runnable> between) {
        Iterator<Runnable> others = between.iterator();
        int next = first;
        int afterNext = NONE;
        for (int j = 0; j < rows.limbs; j++) {
            int[] free = registersBut(next, afterNext);
            Place limb = at(rows.number, rows.octets + j * ROW);
            int high0 = free[0];
            int low0 = free[1];
            int high1 = free[2];
            int low1 = free[3];
            code.move(high0, C_HIGH);
            code.multiplyAdd(high0, Y0, limb);
            code.move(high1, C_HIGH);
            code.multiplyAdd(high1, Y1, limb);
            code.subtractDouble(low0, C_BOTH, high0);
            code.multiplyAdd(low0, Y0, limb);
            code.subtractDouble(low1, C_BOTH, high1);
            code.multiplyAdd(low1, Y1, limb);
            Place column = at(COLUMN, rows.column + j * VECTOR);
            code.add(low0, low0, column);
            addIfAny(low0, next);
            code.add(high0, high0, low1);
            addIfAny(high0, afterNext);
            if (rows.reducing && j < 2) {
                code.shiftRight(low0, low0, LIMB_BITS);
                code.add(high0, high0, low0);
            } else {
                code.store(column, low0);
            }
            next = high0;
            afterNext = high1;
            for (int n = j < QUICK ? 2 : 1; n > 0 && others.hasNext(); n--) {
                others.next().run();
            }
        }
        others.forEachRemaining(Runnable::run);
        addTo(rows.column + rows.limbs * VECTOR, next);
        addTo(rows.column + (rows.limbs + 1) * VECTOR, afterNext);
    }

    private void addIfAny(int to, int register) {
        if (register != NONE) {
            code.add(to, to, register);
        }
    }

    private void addTo(int octets, int register) {
        Place column = at(COLUMN, octets);
        code.add(register, register, column);
        code.store(column, register);
    }

    private static int[] registersBut(int a, int b) {
        return IntStream.range(STEP, STEP + STEP_REGISTERS).filter(r -> r != a && r != b)
                .toArray();
    }

    /**
     * Ends a function: Montgomery's reduction of the columns, two limbs of the quotient at a time,
     * of both halves in turns: while the rows of one are added, the next limbs of the other are
     * computed, step by step.
     */
    private byte[] reduced(Base modulus, Base inverse) {
        code.address(COLUMN, FRAME, 0);
        quotient(inverse, 0, 0).forEach(Runnable::run);
        code.count(COUNT, LIMBS / 2);
        int start = code.position();
        for (int half = 0; half < HALVES; half++) {
            code.move(Y0, NEXT0);
            code.move(Y1, NEXT1);
            rows(new Rows(modulus, half * VECTOR, LIMBS, half * COLUMNS, true),
                    quotient(inverse, 1 - half, half * 2 * VECTOR));
        }
        code.address(COLUMN, COLUMN, 2 * VECTOR);
        code.repeat(COUNT, start);
        for (int j = 0; j < LIMBS; j++) {
            for (int half = 0; half < HALVES; half++) {
                int limb = STEP + j % 2 * HALVES + half;
                code.load(limb, at(COLUMN, half * COLUMNS + j * VECTOR));
                storeLimb(j, limb, S0 + half, half);
            }
        }
        code.end();
        return code.bytes();
    }

    /** Limb j of the result: what its column and the carry leave; then sets the carry. */
    private void storeLimb(int j, int column, int carry, int half) {
        if (j > 0) {
            code.add(column, column, carry);
        }
        if (j < LIMBS - 1) {
            code.shiftRight(carry, column, LIMB_BITS);
        }
        toDouble(column);
        code.store(at(Base.RDI, j * ROW + half * VECTOR), column);
    }

    /** The low 52 bits as a floating-point number. */
    private void toDouble(int register) {
        code.and(register, register, mask);
        code.or(register, register, low);
        code.subtractDouble(register, register, low);
    }

    /**
     * The steps that compute the next two limbs of a quotient from two columns t, as numbers of 104
     * bits: t * inverse mod 2^104. The first column still lacks one low half.
     */
    private List<Runnable> quotient(Base inverse, int half, int octets) {
        Place first = at(COLUMN, half * COLUMNS + octets);
        Place second = at(COLUMN, half * COLUMNS + octets + VECTOR);
        Place inverse0 = at(inverse, half * VECTOR);
        Place inverse1 = at(inverse, half * VECTOR + ROW);
        return List.of(
                () -> code.load(S0, first),
                () -> code.add(S1, S0, low),
                () -> code.shiftRight(S1, S1, LIMB_BITS),
                () -> code.add(S1, S1, second),
                () -> code.and(S0, S0, mask),
                () -> code.or(S0, S0, low),
                () -> code.subtractDouble(S0, S0, low),
                () -> code.and(S1, S1, mask),
                () -> code.or(S1, S1, low),
                () -> code.subtractDouble(S1, S1, low),
                () -> {
                    code.move(NEXT0, C_HIGH);
                    code.multiplyAdd(NEXT0, S0, inverse0);
                },
                () -> {
                    code.move(NEXT1, C_HIGH);
                    code.multiplyAdd(NEXT1, S0, inverse1);
                },
                () -> {
                    code.move(S2, C_HIGH);
                    code.multiplyAdd(S2, S1, inverse0);
                },
                () -> code.subtractDouble(NEXT1, C_BOTH, NEXT1),
                () -> code.multiplyAdd(NEXT1, S0, inverse1),
                () -> code.subtractDouble(S2, C_BOTH, S2),
                () -> code.multiplyAdd(S2, S1, inverse0),
                () -> code.add(NEXT1, NEXT1, NEXT0),
                () -> code.subtractDouble(NEXT0, C_BOTH, NEXT0),
                () -> code.multiplyAdd(NEXT0, S0, inverse0),
                () -> {
                    code.add(NEXT1, NEXT1, S2);
                    code.subtractDouble(NEXT0, NEXT0, low);
                },
                () -> toDouble(NEXT1));
    }

    byte[] add() {
        Place minus = code.constant(Double.doubleToRawLongBits(-0x1p52));
        Place twice = code.constant(-2 * LOW);
        int carry = 15;
        code.count(COUNT, HALVES);
        int half = code.position();
        for (int j = 0; j < LIMBS; j++) {
            int a = 2 * (j % 4);
            int b = a + 1;
            code.load(a, at(Base.RSI, j * ROW));
            code.load(b, at(Base.RDX, j * ROW));
            code.subtractDouble(a, a, minus);
            code.subtractDouble(b, b, minus);
            code.add(a, a, b);
            code.add(a, a, twice);
            storeLimb(j, a, carry, 0);
        }
        for (Base base : List.of(Base.RDI, Base.RSI, Base.RDX)) {
            code.address(base, base, VECTOR);
        }
        code.repeat(COUNT, half);
        code.leave();
        return code.bytes();
    }

    /** Ten limbs of four numbers at a time, so many as there are registers for. */
    byte[] select() {
        int entry = HALF_LIMBS;
        int taken = HALF_LIMBS + 1;
        int masked = HALF_LIMBS + 2;
        Place one = code.constant(1);
        for (int quarter = 0; quarter < 2 * HALVES; quarter++) {
            int half = quarter % 2 * VECTOR;
            int octets = quarter / 2 * HALF_LIMBS * ROW + half;
            for (int j = 0; j <= entry; j++) {
                code.zero(j);
            }
            code.address(COLUMN, Base.RSI, octets);
            code.count(COUNT, TABLE);
            int start = code.position();
            code.compareEqual(taken, entry, at(Base.RDX, half));
            for (int j = 0; j < HALF_LIMBS; j++) {
                code.and(masked + j % 3, taken, at(COLUMN, j * ROW));
                code.or(j, j, masked + j % 3);
            }
            code.add(entry, entry, one);
            code.address(COLUMN, COLUMN, LIMBS * ROW);
            code.repeat(COUNT, start);
            for (int j = 0; j < HALF_LIMBS; j++) {
                code.store(at(Base.RDI, octets + j * ROW), j);
            }
        }
        code.leave();
        return code.bytes();
    }
}
