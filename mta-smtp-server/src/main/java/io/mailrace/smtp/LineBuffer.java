// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;

/**
 * Cuts a client's bytes into lines at LF. A line that comes in one piece is not copied; of one that
 * does not, at most {@value #MAX_COMMAND} octets are held, {@value #MAX_AUTH_LINE} in AUTH
 * (RFC 5321 4.5.3.1.4, RFC 4954 4). Confined to its session.
 */
final class LineBuffer {
    static final int MAX_COMMAND = 2048;
    static final int MAX_AUTH_LINE = 12 * 1024;
    private static final byte[] NOTHING = new byte[0];
    private static final byte[] AUTH_VERB = {'A', 'U', 'T', 'H', ' '};

    private byte[] held = NOTHING;
    private int heldLength;
    private boolean tooLong;
    private boolean complete;
    private byte[] line = NOTHING;
    private int lineFrom;
    private int lineTo;

    /** Takes bytes up to and with the next LF; returns the index after the last taken. */
    int take(byte[] bytes, int from, int to, boolean inAuth) {
        int at = from;
        while (at < to && bytes[at] != '\n') {
            at++;
        }
        complete = at < to;
        int end = complete ? at + 1 : at;
        tooLong = heldLength + end - from > limit(bytes, from, end, inAuth);
        if (tooLong) {
            held = NOTHING;
            heldLength = 0;
        } else if (complete && heldLength == 0) {
            set(bytes, from, at);
        } else {
            hold(bytes, from, end);
            if (complete) {
                set(held, 0, heldLength - 1);
                held = NOTHING;
                heldLength = 0;
            }
        }
        return end;
    }

    private void set(byte[] bytes, int from, int to) {
        line = bytes;
        lineFrom = from;
        lineTo = to;
    }

    /** An AUTH command may carry its first response, so it has the larger bound too. */
    private int limit(byte[] bytes, int from, int to, boolean inAuth) {
        if (inAuth) {
            return MAX_AUTH_LINE;
        }
        for (int i = 0; i < AUTH_VERB.length; i++) {
            int inBytes = from + i - heldLength;
            byte b = i < heldLength ? held[i] : inBytes < to ? bytes[inBytes] : 0;
            if (Ascii.upper((char) b) != AUTH_VERB[i]) {
                return MAX_COMMAND;
            }
        }
        return MAX_AUTH_LINE;
    }

    private void hold(byte[] bytes, int from, int to) {
        int length = heldLength + to - from;
        if (length > held.length) {
            byte[] larger = new byte[Math.max(128, 2 * length)];
            System.arraycopy(held, 0, larger, 0, heldLength);
            held = larger;
        }
        System.arraycopy(bytes, from, held, heldLength, to - from);
        heldLength = length;
    }

    /** The last take passed the bound. */
    boolean tooLong() {
        return tooLong;
    }

    /** The last take ended a line. */
    boolean complete() {
        return complete;
    }

    /** Where the completed line is, until the next take. */
    byte[] bytes() {
        return line;
    }

    int from() {
        return lineFrom;
    }

    /** Index of its LF. */
    int to() {
        return lineTo;
    }
}
