// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.netty.buffer.ByteBuf;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Doubles the dot a line begins with, so that it is not taken for the end (RFC 5321 4.5.2). */
final class DotStuffing {
    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class,
            ByteOrder.LITTLE_ENDIAN);
    private static final long ONES = 0x0101010101010101L;
    private static final long UPPER_BITS = 0x8080808080808080L;
    private static final long LINE_FEEDS = '\n' * ONES;

    private DotStuffing() {}

    /**
     * Writes one piece of a content.
     *
     * @param atLineStart whether the piece begins a line
     */
    static void write(byte[] piece, boolean atLineStart, ByteBuf out) {
        int from = 0;
        int dot = atLineStart && piece.length > 0 && piece[0] == '.' ? 0 : dotAfterLine(piece, 0);
        while (dot < piece.length) {
            out.writeBytes(piece, from, dot - from).writeByte('.');
            from = dot;
            dot = dotAfterLine(piece, dot);
        }
        out.writeBytes(piece, from, piece.length - from);
    }

    /** Index of the next dot that stands right after a line feed, or the length. */
    private static int dotAfterLine(byte[] piece, int from) {
        int at = from;
        while (at < piece.length) {
            at = lineFeed(piece, at) + 1;
            if (at < piece.length && piece[at] == '.') {
                return at;
            }
        }
        return piece.length;
    }

    /** Index of the next line feed, or the length. Looks at eight bytes at a time. */
    private static int lineFeed(byte[] piece, int from) {
        int at = from;
        for (; at + Long.BYTES <= piece.length; at += Long.BYTES) {
            long word = (long) WORDS.get(piece, at) ^ LINE_FEEDS;
            long found = (word - ONES) & ~word & UPPER_BITS;
            if (found != 0) {
                return at + (Long.numberOfTrailingZeros(found) >>> 3);
            }
        }
        while (at < piece.length && piece[at] != '\n') {
            at++;
        }
        return at;
    }
}
