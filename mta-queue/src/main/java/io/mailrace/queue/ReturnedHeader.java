// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.ByteArrayOutputStream;

/** Cuts the header off a message, for a notification that returns it. */
final class ReturnedHeader {
    private static final int MAX_LINE = 998;

    private ReturnedHeader() {}

    /**
     * The lines before the first empty one, as far as {@code max} bytes go; a line that is too long
     * for SMTP is cut.
     */
    static byte[] of(byte[] message, int max) {
        ByteArrayOutputStream header = new ByteArrayOutputStream(Math.min(message.length, 4096));
        int at = 0;
        while (at < message.length) {
            int end = at;
            while (end + 1 < message.length && (message[end] != '\r' || message[end + 1] != '\n')) {
                end++;
            }
            boolean whole = end + 1 < message.length;
            if (end == at || !whole) {
                break;
            }
            int length = Math.min(end - at, MAX_LINE);
            if (header.size() + length + 2 > max) {
                break;
            }
            header.write(message, at, length);
            header.write('\r');
            header.write('\n');
            at = end + 2;
        }
        return header.toByteArray();
    }

    /** Whether some line of the bytes exceeds 998 octets (RFC 5322 2.1.1). */
    static boolean hasLongLine(byte[] message) {
        int lineStart = 0;
        for (int i = 0; i < message.length; i++) {
            if (message[i] == '\n') {
                lineStart = i + 1;
            } else if (i - lineStart > MAX_LINE) {
                return true;
            }
        }
        return false;
    }

    /** Whether some line begins with a dot (RFC 5321 4.5.2). */
    static boolean hasLeadingDot(byte[] message) {
        for (int i = 0; i < message.length; i++) {
            if (message[i] == '.' && (i == 0 || message[i - 1] == '\n')) {
                return true;
            }
        }
        return false;
    }
}
