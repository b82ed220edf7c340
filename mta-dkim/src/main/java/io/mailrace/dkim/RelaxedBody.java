// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.MessageDigest;

/**
 * Feeds a digest with the relaxed form of a body (RFC 6376 3.4.4) while the body passes by in
 * pieces cut anywhere: runs of blanks become one, blanks at a line's end and empty lines at the
 * body's end go. Linear in the body, constant in memory. One thread; {@link #start} makes it fresh.
 */
final class RelaxedBody {
    /* Most text is its own relaxed form for long stretches: a single blank between words and a
     * CRLF between two lines that begin and end with text change nothing. So a run of such text is
     * handed on as it stands; only what the run cannot contain goes through the state below.
     * Whether a blank or a line end belongs to the run depends on the bytes after it: what stands
     * at the end of a piece is therefore always left to the state. */

    private static final int STAGE_BYTES = 8192;
    private static final int DIRECT_BYTES = 1024;
    private static final VarHandle EIGHT = MethodHandles.byteArrayViewVarHandle(long[].class,
            ByteOrder.LITTLE_ENDIAN);
    /** One in each byte. */
    private static final long ALL = 0x0101010101010101L;
    private static final long HIGHEST = 0x8080808080808080L;
    private static final byte[] CRLF = {'\r', '\n'};
    private static final byte[] BLANK = {' '};

    private final MessageDigest digest;
    private final byte[] stage = new byte[STAGE_BYTES];
    private int staged;
    private boolean afterCr;
    private boolean blankPending;
    private boolean lineHasText;
    private long emptyLines;

    RelaxedBody(MessageDigest digest) {
        this.digest = digest;
    }

    void start() {
        digest.reset();
        staged = 0;
        afterCr = false;
        blankPending = false;
        lineHasText = false;
        emptyLines = 0;
    }

    /** Takes the next piece. */
    void update(byte[] in, int from, int to) {
        int i = from;
        if (afterCr && i < to) {
            afterCr = false;
            if (in[i] == '\n') {
                endLine();
                i++;
            } else {
                text(CRLF, 0, 1);
            }
        }
        while (i < to) {
            byte b = in[i];
            if (b == ' ' || b == '\t') {
                blankPending = true;
                i++;
            } else if (b == '\r' && i + 1 == to) {
                afterCr = true;
                i++;
            } else if (b == '\r' && in[i + 1] == '\n') {
                endLine();
                i += 2;
            } else {
                int end = endOfRun(in, i + 1, to);
                text(in, i, end);
                i = end;
            }
        }
    }

    /** Ends the body and gives its hash. */
    byte[] finish() {
        if (afterCr) {
            text(CRLF, 0, 1);
            afterCr = false;
        }
        if (lineHasText) {
            put(CRLF, 0, 2);
        }
        digest.update(stage, 0, staged);
        staged = 0;
        return digest.digest();
    }

    /** How far from {@code from} on the text is its own relaxed form; it ends with a text byte. */
    private static int endOfRun(byte[] in, int from, int to) {
        int i = plain(in, from, to);
        while (i < to) {
            int b = in[i] & 0xff;
            if (b > ' ') {
                i++;
            } else if (b == ' ') {
                if (i + 1 == to || (in[i + 1] & 0xff) <= ' ') {
                    return i;
                }
                i += 2;
            } else if (b == '\r') {
                if (i + 1 == to) {
                    return i;
                }
                if (in[i + 1] == '\n') {
                    if (i + 2 == to || (in[i + 2] & 0xff) <= ' ') {
                        return i;
                    }
                    i += 3;
                } else {
                    i++; // a bare CR is text like any other: only CRLF ends a line
                }
            } else if (b == '\t') {
                return i;
            } else {
                i++;
            }
            i = plain(in, i, to);
        }
        return i;
    }

    /**
     * How far from {@code from} on eight bytes at a time are text and single blanks with text after
     * them: the index of what is to be looked at by itself.
     */
    private static int plain(byte[] in, int from, int to) {
        // The highest bit of each byte tells, the first byte is the lowest; sums stay within bytes.
        long blankBefore = 0;
        int i = from;
        for (; to - i >= Long.BYTES; i += Long.BYTES) {
            long bytes = (long) EIGHT.get(in, i);
            long control = ~((bytes & ALL * 0x7F) + ALL * (0x7F - ' ') | bytes) & HIGHEST;
            long unlike = bytes ^ ALL * ' ';
            long blank = ~((unlike & ALL * 0x7F) + ALL * 0x7F | unlike) & HIGHEST;
            long afterBlank = blank << Byte.SIZE | blankBefore;
            long stop = control & (~blank | afterBlank);
            if (stop != 0) {
                int at = Long.numberOfTrailingZeros(stop) / Byte.SIZE;
                return i + at - (int) (afterBlank >>> at * Byte.SIZE + Byte.SIZE - 1 & 1);
            }
            blankBefore = blank >>> Long.SIZE - Byte.SIZE;
        }
        return blankBefore == 0 ? i : i - 1;
    }

    private void endLine() {
        blankPending = false;
        if (lineHasText) {
            put(CRLF, 0, 2);
            lineHasText = false;
        } else {
            emptyLines++;
        }
    }

    private void text(byte[] in, int from, int to) {
        for (; emptyLines > 0; emptyLines--) {
            put(CRLF, 0, 2);
        }
        if (blankPending) {
            put(BLANK, 0, 1);
            blankPending = false;
        }
        lineHasText = true;
        put(in, from, to);
    }

    private void put(byte[] in, int from, int to) {
        int length = to - from;
        if (length > STAGE_BYTES - staged || length >= DIRECT_BYTES) {
            digest.update(stage, 0, staged);
            staged = 0;
        }
        if (length >= DIRECT_BYTES) {
            digest.update(in, from, length);
            return;
        }
        System.arraycopy(in, from, stage, staged, length);
        staged += length;
    }
}
