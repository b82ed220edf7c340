// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.util.List;

/**
 * The machine code of {@link WideRsa} for a kind of processor: arithmetic on eight numbers of 1040
 * bits at once. A number is {@value #LIMBS} limbs of 52 bits, lowest first; row i of it holds limb
 * i of all eight, {@value #ROW} octets. No branch and no address depends on a number. Each function
 * follows the System V calling convention and takes addresses of rows, multiples of {@value #ROW}.
 */
sealed interface WideCode permits IfmaCode, FmaCode {
    int LIMBS = 20;
    int LIMB_BITS = 52;
    int ROW = 64;
    /** Entries of the table that {@link #select} reads: of four bits of an exponent. */
    int TABLE = 16;

    /** Of the instructions it is made of. */
    String name();

    /** Words that Linux says of a processor that can execute it, and may. */
    List<String> needs();

    /** How a limb stands in a row. */
    long inMemory(long limb);

    /** The limb that stands so in a row. */
    long limb(long inMemory);

    /**
     * {@code (r, a, b, m, inverse)}: r = a * b / 2^1040 mod m by Montgomery's multiplication, where
     * inverse is two limbs, -1/m mod 2^104; r is at most a * b / 2^1040 + m, which may be above m
     * and must be below 2^1040. r may be a or b.
     */
    byte[] multiply();

    /**
     * {@code (r, a, m, inverse, scratch)}: r = a * a / 2^1040 mod m, as {@link #multiply} gives it,
     * with fewer multiplications. r may be a; scratch is {@value #LIMBS} rows.
     */
    byte[] square();

    /** {@code (r, a, b)}: r = a + b; the sum must be below 2^1040. */
    byte[] add();

    /**
     * {@code (r, table, which)}: r = the entry of the table that which names, an index for each of
     * the eight, as a plain number. Reads all {@value #TABLE} entries, whichever it takes.
     */
    byte[] select();
}
