// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes the few x86-64 instructions of {@link FmaFunction} as bytes: 256-bit vectors of four
 * 64-bit elements, each with the VEX prefix of three octets (Intel SDM volume 2, 2.3), operands in
 * Intel's order. Vector registers are numbers from 0 to 15. Constants stand behind the code. One
 * thread.
 */
final class ShortVectorAssembler {
    /** The octets of a vector register. */
    static final int VECTOR = 32;

    /** A register that holds an address or counts: all that a function may change. */
    enum Base {
        RAX(0), RCX(1), RDX(2), RSI(6), RDI(7), R8(8), R9(9), R10(10), R11(11);

        private final int number;

        Base(int number) {
            this.number = number;
        }
    }

    /** An operand in memory. */
    sealed interface Place {
        /** The vector so many octets after what the register says. */
        record At(Base base, int octets) implements Place {}

        /** One of {@link #constant}: the same number in all four elements. */
        record Constant(int index) implements Place {}
    }

    private record Fixup(int position, int constant) {}

    private static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;
    private static final int PREFIX_66 = 1;
    /** MXCSR: rounding to zero, all exceptions masked. */
    private static final int ROUND_TO_ZERO = 0x7F80;
    /** Below RBP: where the caller's rounding is kept, and where ours is loaded from. */
    private static final int CALLERS_ROUNDING = -4;
    private static final int OWN_ROUNDING = -8;
    /** Of the frame, for what stands below RBP and for what its alignment takes. */
    private static final int EXTRA = 2 * 64;

    private final ByteArrayOutputStream code = new ByteArrayOutputStream();
    private final List<Long> constants = new ArrayList<>();
    private final List<Fixup> fixups = new ArrayList<>();

    static Place at(Base base, int octets) {
        return new Place.At(base, octets);
    }

    Place constant(long number) {
        int index = constants.indexOf(number);
        if (index < 0) {
            index = constants.size();
            constants.add(number);
        }
        return new Place.Constant(index);
    }

    /** Where the next instruction goes, in octets from the start. */
    int position() {
        return code.size();
    }

    /** The code and its constants. */
    byte[] bytes() {
        byte[] instructions = code.toByteArray();
        int data = Math.ceilDiv(instructions.length, VECTOR) * VECTOR;
        ByteBuffer all = ByteBuffer.allocate(data + constants.size() * VECTOR)
                .order(ByteOrder.LITTLE_ENDIAN);
        all.put(instructions);
        for (Fixup fixup : fixups) {
            all.putInt(fixup.position, data + fixup.constant * VECTOR
                    - (fixup.position + Integer.BYTES));
        }
        all.position(data);
        for (long constant : constants) {
            for (int i = 0; i < VECTOR / Long.BYTES; i++) {
                all.putLong(constant);
            }
        }
        return all.array();
    }

    void load(int to, Place from) {
        operands(MAP_0F, 0, 0x6F, to, 0, from);
    }

    void store(Place to, int from) {
        operands(MAP_0F, 0, 0x7F, from, 0, to);
    }

    void move(int to, int from) {
        operands(MAP_0F, 0, 0x6F, to, 0, from);
    }

    void add(int to, int a, int b) {
        operands(MAP_0F, 0, 0xD4, to, a, b);
    }

    void add(int to, int a, Place b) {
        operands(MAP_0F, 0, 0xD4, to, a, b);
    }

    void and(int to, int a, Place b) {
        operands(MAP_0F, 0, 0xDB, to, a, b);
    }

    void or(int to, int a, int b) {
        operands(MAP_0F, 0, 0xEB, to, a, b);
    }

    void or(int to, int a, Place b) {
        operands(MAP_0F, 0, 0xEB, to, a, b);
    }

    void zero(int to) {
        operands(MAP_0F, 0, 0xEF, to, to, to);
    }

    /** All bits of the elements of to that are equal in a and b, none of the others. */
    void compareEqual(int to, int a, Place b) {
        operands(MAP_0F38, 0, 0x29, to, a, b);
    }

    /** to = from >>> bits. */
    void shiftRight(int to, int from, int bits) {
        operands(MAP_0F, 0, 0x73, 2, to, from);
        code.write(bits);
    }

    /** Floating-point numbers: to = a - b. */
    void subtractDouble(int to, int a, int b) {
        operands(MAP_0F, 0, 0x5C, to, a, b);
    }

    void subtractDouble(int to, int a, Place b) {
        operands(MAP_0F, 0, 0x5C, to, a, b);
    }

    /** Floating-point numbers: to += a * b, rounded once. */
    void multiplyAdd(int to, int a, int b) {
        operands(MAP_0F38, 1, 0xB8, to, a, b);
    }

    void multiplyAdd(int to, int a, Place b) {
        operands(MAP_0F38, 1, 0xB8, to, a, b);
    }

    /**
     * Begins a function whose floating-point numbers are rounded to zero.
     *
     * @param frame gets the address of so many octets, where a cache line begins
     */
    void begin(Base frame, int octets) {
        write(0x55, 0x48, 0x89, 0xE5); // push rbp; mov rbp, rsp
        write(0x48, 0x81, 0xEC); // sub rsp, octets
        int32(octets + EXTRA);
        write(0x48, 0x83, 0xE4, 0xC0); // and rsp, -64
        write(0x48 | frame.number >>> 3, 0x89, 0xE0 | frame.number & 7); // mov frame, rsp
        write(0x0F, 0xAE, 0x5D, CALLERS_ROUNDING); // stmxcsr
        write(0xC7, 0x45, OWN_ROUNDING); // mov dword
        int32(ROUND_TO_ZERO);
        write(0x0F, 0xAE, 0x55, OWN_ROUNDING); // ldmxcsr
    }

    /** Ends what {@link #begin} began. */
    void end() {
        write(0x0F, 0xAE, 0x55, CALLERS_ROUNDING); // ldmxcsr
        write(0x48, 0x89, 0xEC, 0x5D); // mov rsp, rbp; pop rbp
        leave();
    }

    /** Back to the caller; first what code with short vectors wants after long ones. */
    void leave() {
        write(0xC5, 0xF8, 0x77, 0xC3); // vzeroupper; ret
    }

    /** base = other + octets. */
    void address(Base base, Base other, int octets) {
        write(0x48 | base.number >>> 3 << 2 | other.number >>> 3, 0x8D,
                0x80 | (base.number & 7) << 3 | other.number & 7);
        int32(octets);
    }

    void count(Base counter, int rounds) {
        write(0x48 | counter.number >>> 3, 0xC7, 0xC0 | counter.number & 7);
        int32(rounds);
    }

    /** Counts down what {@link #count} set; goes on at position {@code start} until it is 0. */
    void repeat(Base counter, int start) {
        write(0x48 | counter.number >>> 3, 0xFF, 0xC8 | counter.number & 7); // dec
        write(0x0F, 0x85); // jnz
        int32(start - (position() + Integer.BYTES));
    }

    private void write(int... octets) {
        for (int octet : octets) {
            code.write(octet);
        }
    }

    private void int32(int value) {
        for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
            code.write(value >>> shift);
        }
    }

    private void operands(int map, int wide, int opcode, int reg, int second, int rm) {
        vex(map, wide, reg, second, rm >>> 3);
        write(opcode, 0xC0 | (reg & 7) << 3 | rm & 7);
    }

    private void operands(int map, int wide, int opcode, int reg, int second, Place place) {
        switch (place) {
            case Place.At(Base base, int octets) -> {
                vex(map, wide, reg, second, base.number >>> 3);
                boolean near = octets == (byte) octets;
                write(opcode, (near ? 0x40 : 0x80) | (reg & 7) << 3 | base.number & 7);
                if (near) {
                    write(octets);
                } else {
                    int32(octets);
                }
            }
            case Place.Constant(int index) -> {
                vex(map, wide, reg, second, 0);
                write(opcode, (reg & 7) << 3 | 5); // from the end of the instruction
                fixups.add(new Fixup(position(), index));
                int32(0);
            }
        }
    }

    /** The upper bits of register numbers stand in the prefix, inverted. */
    private void vex(int map, int wide, int reg, int second, int rm3) {
        write(0xC4, (~reg >>> 3 & 1) << 7 | 1 << 6 | (1 - rm3) << 5 | map,
                wide << 7 | (~second & 15) << 3 | 1 << 2 | PREFIX_66);
    }
}
