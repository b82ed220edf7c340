// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The byte automaton every content goes through, DATA and BDAT alike: finds the one end of data
 * (CR LF {@code .} CR LF, RFC 5321 4.1.1.4), removes stuffed dots (4.5.2), and notes what makes a
 * message unacceptable, unless it was announced as binary: a bare CR, a bare LF (2.3.8) or a NUL.
 * Works across buffer borders, holds no bytes. Confined to its session.
 */
final class ContentScanner {
    /*
     * Why it reads on after a bare CR or LF: whoever closes or answers early leaves it to the
     * client's taste what the rest of its bytes mean. The true end alone ends the data; only then
     * is the message refused. Nothing but the exact five bytes is ever taken for the end, so what
     * a lenient receiver would take for one (LF.LF, CR.CR and the like) never splits a message.
     *
     * Why eight bytes at a time: most of a server's own work on a message is looking at each of
     * its bytes. A word without a byte below 14 holds neither CR, LF nor NUL, and its upper bits
     * tell whether some octet is above 127.
     */

    /** Takes the cleaned bytes, in order; they are the caller's only during the call. */
    interface Sink {
        void content(byte[] bytes, int offset, int length);
    }

    private enum State {
        LINE_START, TEXT, CR, DOT, DOT_CR
    }

    private static final int MAX_LINE = 998;
    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class,
            ByteOrder.LITTLE_ENDIAN);
    private static final long UPPER_BITS = 0x8080808080808080L;
    private static final long FOURTEENS = 0x0e0e0e0e0e0e0e0eL;

    private final boolean dots;
    private final Sink sink;
    private State state = State.LINE_START;
    private boolean ended;
    private boolean malformed;
    private boolean eightBit;
    private boolean leadingDot;
    private boolean longLine;
    /** Octets of the current line that came in earlier buffers. */
    private long lineOctets;

    private ContentScanner(boolean dots, Sink sink) {
        this.dots = dots;
        this.sink = sink;
    }

    /** For DATA: dots are stuffed and a dot alone ends. */
    static ContentScanner ofData(Sink sink) {
        return new ContentScanner(true, sink);
    }

    /** For BDAT: the client counts, dots mean nothing (RFC 3030 2). */
    static ContentScanner ofChunks(Sink sink) {
        return new ContentScanner(false, sink);
    }

    /** Takes bytes up to {@code to} or the end of data; returns the index after the last taken. */
    int scan(byte[] bytes, int from, int to) {
        int at = from;
        int passed = from;
        int lineStart = from;
        while (at < to && !ended) {
            byte b = bytes[at];
            switch (state) {
                case TEXT -> {
                    at = nextControl(bytes, at, to);
                    if (at < to) {
                        control(bytes[at++]);
                    }
                }
                case CR -> {
                    if (b == '\n') {
                        at++;
                        longLine |= lineOctets + (at - lineStart) - 2 > MAX_LINE;
                        lineOctets = 0;
                        lineStart = at;
                        state = State.LINE_START;
                    } else {
                        malformed = true;
                        state = State.TEXT;
                    }
                }
                case LINE_START -> {
                    state = State.TEXT;
                    if (b == '.' && dots) {
                        pass(bytes, passed, at);
                        passed = ++at;
                        lineStart = at;
                        state = State.DOT;
                    } else if (b == '.') {
                        leadingDot = true;
                    }
                }
                case DOT -> {
                    leadingDot |= b == '.';
                    state = State.TEXT;
                    if (b == '\r') {
                        passed = ++at;
                        lineStart = at;
                        state = State.DOT_CR;
                    }
                }
                case DOT_CR -> {
                    if (b == '\n') {
                        passed = ++at;
                        ended = true;
                    } else {
                        malformed = true;
                        state = State.TEXT;
                    }
                }
            }
        }
        pass(bytes, passed, at);
        lineOctets += at - lineStart;
        return at;
    }

    private void control(byte b) {
        if (b == '\r') {
            state = State.CR;
        } else if (b == '\n' || b == 0) {
            malformed = true;
        }
    }

    private void pass(byte[] bytes, int from, int to) {
        if (to > from) {
            sink.content(bytes, from, to - from);
        }
    }

    /** Index of the next byte from 0 to 13, or {@code to}; notes octets above 127 before it. */
    private int nextControl(byte[] bytes, int from, int to) {
        int at = from;
        long seen = 0;
        while (at + Long.BYTES <= to) {
            long word = (long) WORDS.get(bytes, at);
            long low = (word - FOURTEENS) & ~word & UPPER_BITS;
            if (low != 0) {
                int bits = Long.numberOfTrailingZeros(low) & ~7;
                seen |= word & ((1L << bits) - 1);
                eightBit |= (seen & UPPER_BITS) != 0;
                return at + (bits >>> 3);
            }
            seen |= word;
            at += Long.BYTES;
        }
        eightBit |= (seen & UPPER_BITS) != 0;
        while (at < to && (bytes[at] >= 14 || bytes[at] < 0)) {
            eightBit |= bytes[at] < 0;
            at++;
        }
        return at;
    }

    /** Whether the end of data was found. */
    boolean ended() {
        return ended;
    }

    /** Whether what came so far ends in a complete line, or nothing came. */
    boolean atLineStart() {
        return state == State.LINE_START || ended;
    }

    /** Whether a CR came last that needs its LF. */
    boolean awaitsLf() {
        return state == State.CR;
    }

    /** A bare CR, a bare LF or a NUL was seen. */
    boolean malformed() {
        return malformed;
    }

    boolean eightBit() {
        return eightBit;
    }

    boolean leadingDot() {
        return leadingDot;
    }

    /** Some line has more than 998 octets, the unfinished one included. */
    boolean longLine() {
        return longLine || lineOctets > MAX_LINE;
    }
}
