// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.io.ByteArrayOutputStream;

/**
 * Writes the few x86-64 instructions of {@link IfmaCode} as bytes: 512-bit vectors of eight
 * 64-bit elements, each with the EVEX prefix (Intel SDM volume 2, 2.7), operands in Intel's order.
 * Vector registers are numbers from 0 to 31. One thread.
 */
final class VectorAssembler {
    /** The octets of a vector register; displacements count in these. */
    static final int VECTOR = 64;

    /** A register that holds an address: the first arguments of a call, in order. */
    enum Base {
        RDI(7), RSI(6), RDX(2), RCX(1), R8(8), R9(9);

        private final int number;

        Base(int number) {
            this.number = number;
        }
    }

    /** Opcode maps: 0F, 0F 38, 0F 3A. */
    private static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;
    private static final int MAP_0F3A = 3;
    private static final int PREFIX_66 = 1;
    private static final int PREFIX_F3 = 2;
    private static final int UNMASKED = 0;

    private final ByteArrayOutputStream code = new ByteArrayOutputStream();

    /** Where the next instruction goes, in octets from the start. */
    int position() {
        return code.size();
    }

    byte[] bytes() {
        return code.toByteArray();
    }

    /** to = the vector at base + 64 * index. */
    void load(int to, Base base, int index) {
        memory(MAP_0F, PREFIX_F3, 0x6F, to, 0, base, index);
    }

    /** The vector at base + 64 * index = from. */
    void store(Base base, int index, int from) {
        memory(MAP_0F, PREFIX_F3, 0x7F, from, 0, base, index);
    }

    /** to += the low 52 bits of the product of the low 52 bits of a and b. */
    void multiplyLow(int to, int a, int b) {
        registers(MAP_0F38, PREFIX_66, 0xB4, to, a, b, UNMASKED);
    }

    /** to += the high 52 bits of that product. */
    void multiplyHigh(int to, int a, int b) {
        registers(MAP_0F38, PREFIX_66, 0xB5, to, a, b, UNMASKED);
    }

    void add(int to, int a, int b) {
        registers(MAP_0F, PREFIX_66, 0xD4, to, a, b, UNMASKED);
    }

    void and(int to, int a, int b) {
        registers(MAP_0F, PREFIX_66, 0xDB, to, a, b, UNMASKED);
    }

    void zero(int to) {
        registers(MAP_0F, PREFIX_66, 0xEF, to, to, to, UNMASKED);
    }

    /** All bits of all elements. */
    void ones(int to) {
        registers(MAP_0F3A, PREFIX_66, 0x25, to, to, to, UNMASKED);
        code.write(0xFF);
    }

    /** to = from >>> bits. */
    void shiftRight(int to, int from, int bits) {
        registers(MAP_0F, PREFIX_66, 0x73, 2, to, from, UNMASKED);
        code.write(bits);
    }

    /** Sets mask register 1 where the elements are equal. */
    void compareEqual(int a, int b) {
        registers(MAP_0F38, PREFIX_66, 0x29, 1, a, b, UNMASKED);
    }

    /** to = from in the elements that mask register 1 has. */
    void moveMasked(int to, int from) {
        registers(MAP_0F, PREFIX_66, 0x6F, to, 0, from, 1);
    }

    /** base += octets. */
    void advance(Base base, int octets) {
        code.write(base.number < 8 ? 0x48 : 0x49);
        code.write(0x81);
        code.write(0xC0 | base.number & 7);
        int32(octets);
    }

    /** Counts down what {@link #rounds} set; goes on at position {@code start} until it is 0. */
    void repeat(int start) {
        code.write(0xFF);
        code.write(0xC9);
        code.write(0x0F);
        code.write(0x85);
        int32(start - (position() + Integer.BYTES));
    }

    /** Sets the counter of {@link #repeat}. It is RCX, so the fourth argument is lost. */
    void rounds(int count) {
        code.write(0xB9);
        int32(count);
    }

    /** Back to the caller; first what code with short vectors wants after long ones. */
    void end() {
        code.write(0xC5);
        code.write(0xF8);
        code.write(0x77);
        code.write(0xC3);
    }

    private void int32(int value) {
        for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
            code.write(value >>> shift);
        }
    }

    private void registers(int map, int prefix, int opcode, int reg, int second, int rm,
            int mask) {
        evex(map, prefix, reg, second, rm >>> 3 & 1, rm >>> 4 & 1, mask);
        code.write(opcode);
        code.write(0xC0 | (reg & 7) << 3 | rm & 7);
    }

    private void memory(int map, int prefix, int opcode, int reg, int second, Base base,
            int index) {
        if (index < Byte.MIN_VALUE || index > Byte.MAX_VALUE) {
            throw new IllegalArgumentException("displacement " + index);
        }
        evex(map, prefix, reg, second, base.number >>> 3, 0, UNMASKED);
        code.write(opcode);
        code.write(0x40 | (reg & 7) << 3 | base.number & 7);
        code.write(index);
    }

    /** The upper bits of register numbers stand in the prefix, inverted. */
    private void evex(int map, int prefix, int reg, int second, int rm3, int rm4, int mask) {
        code.write(0x62);
        code.write((~reg >>> 3 & 1) << 7 | (1 - rm4) << 6 | (1 - rm3) << 5
                | (~reg >>> 4 & 1) << 4 | map);
        code.write(1 << 7 | (~second & 15) << 3 | 1 << 2 | prefix);
        code.write(2 << 5 | (~second >>> 4 & 1) << 3 | mask);
    }
}
