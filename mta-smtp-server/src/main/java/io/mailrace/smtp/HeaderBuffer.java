// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The header of a message as it comes (RFC 5322 2.2): finds its end and keeps its bytes and where
 * its fields begin, so that it can be judged and changed as a whole. Grows with what comes: who
 * fills it refuses what is too large after each {@link #collect}, so it holds at most that and one
 * read. Used for one message after the other of a connection; {@link #clear} gives back what an
 * unusual one took. Expects lines ended by CRLF, see {@link #isText}. Confined to its session.
 */
final class HeaderBuffer {
    /*
     * Each byte is looked at once as it comes and copied once. Only a colon tells whether a line
     * belongs to the header, so a line may turn out to be body after part of it was kept: that part
     * is given out again as heldBytes.
     */
    /** Longer ones end the header. */
    static final int MAX_NAME = 255;
    private static final int USUAL_BYTES = 2048;
    private static final int USUAL_FIELDS = 32;
    private static final int KEPT_BYTES = 16 << 10;
    private static final byte[] NOTHING = new byte[0];
    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(long[].class,
            ByteOrder.LITTLE_ENDIAN);
    private static final long UPPER_BITS = 0x8080808080808080L;
    private static final long ONES = 0x0101010101010101L;
    private static final long LINE_FEEDS = 0x0a0a0a0a0a0a0a0aL;

    private enum State {
        LINE_START, NAME, BLANK_AFTER_NAME, VALUE, ENDED
    }

    private byte[] bytes = NOTHING;
    private int length;
    /** Where each field begins. */
    private int[] starts = new int[USUAL_FIELDS];
    private int fields;
    private State state = State.LINE_START;
    private int lineStart;
    private int nameLength;
    private boolean brokenOff;
    private boolean eightBit;
    private byte[] held = NOTHING;

    /**
     * Takes header bytes. Returns the index of the first byte that is not header: {@code to},
     * unless {@link #ended()}. When the header broke off at a line that is no field,
     * {@link #heldBytes()} come before it.
     */
    int collect(byte[] in, int from, int to) {
        int offset = length - from;
        int at = from;
        while (at < to) {
            switch (state) {
                case LINE_START -> {
                    byte b = in[at];
                    lineStart = offset + at;
                    if (b == '\r') {
                        keep(in, from, at);
                        state = State.ENDED;
                        return at;
                    }
                    boolean folded = b == ' ' || b == '\t';
                    if (folded && fields == 0) {
                        return breakOff(in, from, offset);
                    }
                    nameLength = 0;
                    state = folded ? State.VALUE : State.NAME;
                }
                case NAME, BLANK_AFTER_NAME -> {
                    byte b = in[at];
                    if (b == ':' && nameLength > 0) {
                        beginField();
                    } else if (!nameByte(b)) {
                        return breakOff(in, from, offset);
                    }
                    at++;
                }
                case VALUE -> {
                    at = lineFeed(in, at, to);
                    if (at < to) {
                        at++;
                        state = State.LINE_START;
                    }
                }
                case ENDED -> throw new IllegalStateException("the header has ended");
            }
        }
        keep(in, from, to);
        return to;
    }

    private void beginField() {
        if (fields == starts.length) {
            starts = Arrays.copyOf(starts, 2 * fields);
        }
        starts[fields++] = lineStart;
        state = State.VALUE;
    }

    /** Takes one byte of a field name; false when the line cannot be a field. */
    private boolean nameByte(byte b) {
        boolean blank = b == ' ' || b == '\t';
        boolean fits = blank ? nameLength > 0
                : b > 32 && b < 127 && b != ':' && state == State.NAME;
        if (!fits || nameLength == MAX_NAME) {
            return false;
        }
        if (blank) {
            state = State.BLANK_AFTER_NAME;
        }
        nameLength++;
        return true;
    }

    /** Index of the next LF, or {@code to}; notes octets above 127 before it. */
    private int lineFeed(byte[] in, int from, int to) {
        int at = from;
        long seen = 0;
        while (at + Long.BYTES <= to) {
            long word = (long) WORDS.get(in, at);
            long differing = word ^ LINE_FEEDS;
            long found = (differing - ONES) & ~differing & UPPER_BITS;
            if (found != 0) {
                int bits = Long.numberOfTrailingZeros(found) & ~7;
                seen |= word & ((1L << bits) - 1);
                eightBit |= (seen & UPPER_BITS) != 0;
                return at + (bits >>> 3);
            }
            seen |= word;
            at += Long.BYTES;
        }
        eightBit |= (seen & UPPER_BITS) != 0;
        while (at < to && in[at] != '\n') {
            eightBit |= in[at] < 0;
            at++;
        }
        return at;
    }

    private int breakOff(byte[] in, int from, int offset) {
        brokenOff = true;
        state = State.ENDED;
        int begun = length - lineStart;
        if (begun > 0) {
            held = Arrays.copyOfRange(bytes, lineStart, length);
            length = lineStart;
            return from;
        }
        keep(in, from, lineStart - offset);
        return lineStart - offset;
    }

    private void keep(byte[] in, int from, int to) {
        int more = to - from;
        if (length + more > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(USUAL_BYTES,
                    Math.max(2 * bytes.length, length + more)));
        }
        System.arraycopy(in, from, bytes, length, more);
        length += more;
    }

    /** Ends a header that no empty line ended, because the message is over. */
    void finish() {
        state = State.ENDED;
    }

    /** Makes it ready for the next message. */
    void clear() {
        if (bytes.length > KEPT_BYTES || starts.length > KEPT_BYTES / Integer.BYTES) {
            bytes = NOTHING;
            starts = new int[USUAL_FIELDS];
        }
        length = 0;
        fields = 0;
        state = State.LINE_START;
        brokenOff = false;
        eightBit = false;
        held = NOTHING;
    }

    boolean ended() {
        return state == State.ENDED;
    }

    /** The header ended at a line that is no field, so an empty line is missing. */
    boolean brokenOff() {
        return brokenOff;
    }

    /** Start of the line where it broke off, as far as it came in earlier buffers. */
    byte[] heldBytes() {
        return held;
    }

    /** Whether CR and LF come as CRLF only, and there is no NUL: to be asked of a whole header. */
    boolean isText() {
        boolean afterCr = false;
        for (int i = 0; i < length; i++) {
            byte b = bytes[i];
            if (b == 0 || afterCr != (b == '\n')) {
                return false;
            }
            afterCr = b == '\r';
        }
        return !afterCr;
    }

    /** Whether some line has more octets than that, its end not counted. */
    boolean hasLineOver(int max) {
        int start = 0;
        for (int i = 0; i <= length; i++) {
            if (i == length || bytes[i] == '\r') {
                if (i - start > max) {
                    return true;
                }
                start = i + 2;
            }
        }
        return false;
    }

    /** Some octet of a value is above 127. */
    boolean eightBit() {
        return eightBit;
    }

    /** The bytes themselves, {@link #length()} of them: to be read only, until the next call. */
    byte[] bytes() {
        return bytes;
    }

    int length() {
        return length;
    }

    int fields() {
        return fields;
    }

    /** Where a field begins; for the number of fields: where the header ends. */
    int start(int field) {
        return field < fields ? starts[field] : length;
    }
}
