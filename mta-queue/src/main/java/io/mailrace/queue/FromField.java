// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Takes the first From value (RFC 5322 3.6.2) out of a header that comes byte by byte; no more of
 * it than intake looks at. One thread, for one message.
 */
final class FromField {
    private static final byte[] NAME = "from".getBytes(StandardCharsets.US_ASCII);
    private static final int MAX_VALUE = 8192;
    private static final int ANOTHER = -1;

    private final ByteArrayOutputStream value = new ByteArrayOutputStream(64);
    /** How much of the name this line has so far, or {@link #ANOTHER}. */
    private int matched;
    private boolean inValue;
    private boolean over;

    /** The next byte of a line; its LF is left out, and so may be its CR. */
    void take(byte b, boolean beginsLine) {
        boolean blank = b == ' ' || b == '\t';
        if (beginsLine) {
            over |= inValue && !blank;
            matched = 0;
        }
        if (over) {
            return;
        }
        if (inValue) {
            if (b != '\r' && value.size() < MAX_VALUE) {
                value.write(b);
            }
        } else if (matched == NAME.length && b == ':') {
            inValue = true;
        } else if (matched != ANOTHER && !(matched == NAME.length && blank)) {
            // letters in both cases differ in one bit
            matched = matched < NAME.length && (b | 0x20) == NAME[matched] ? matched + 1 : ANOTHER;
        }
    }

    /** Unfolded; empty when there is none. */
    byte[] value() {
        return value.toByteArray();
    }
}
