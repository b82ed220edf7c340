// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Which messages the simple-java-mail library signs correctly and in bearable time: a plain
 * message of modest size with an ASCII header and a body in UTF-8. Each bound stands for a way in
 * which it signs wrongly or takes quadratic time otherwise.
 */
final class LibraryScope {
    /** It holds the message about twenty times over. */
    static final int MAX_BYTES = 512 * 1024;
    /** It looks at each pair of a blank and a later blank of a run. */
    private static final int MAX_BLANK_RUN = 500;
    /** It copies the body once for each empty line at its end. */
    private static final int MAX_EMPTY_LINES_AT_END = 50;

    private LibraryScope() {}

    static boolean covers(byte[] message) {
        int body = endOfPlainHeader(message);
        return body >= 0 && isCleanBody(message, body) && isUtf8(message, body);
    }

    /**
     * Index of the body after a header whose lines are all printable ASCII and either
     * {@code name:...} or continuations; -1 when the header is not like that or has no end.
     */
    private static int endOfPlainHeader(byte[] in) {
        int at = 0;
        while (at + 1 < in.length) {
            if (in[at] == '\r' && in[at + 1] == '\n') {
                return at == 0 ? -1 : at + 2;
            }
            boolean continuation = in[at] == ' ' || in[at] == '\t';
            boolean colon = continuation && at > 0;
            int i = at;
            while (i < in.length && in[i] != '\r') {
                byte b = in[i];
                if (b < ' ' && b != '\t' || b == 127) {
                    return -1;
                }
                if (!colon && (b == ' ' || b == '\t')) {
                    return -1;
                }
                colon |= b == ':' && i > at;
                i++;
            }
            if (!colon || i + 1 >= in.length || in[i + 1] != '\n') {
                return -1;
            }
            at = i + 2;
        }
        return -1;
    }

    /** Whether lines end in CRLF only, and neither run of blanks nor empty end is long. */
    private static boolean isCleanBody(byte[] in, int from) {
        int blanks = 0;
        int emptyLines = 0;
        boolean text = false;
        for (int i = from; i < in.length; i++) {
            byte b = in[i];
            if (b == '\r') {
                if (i + 1 >= in.length || in[i + 1] != '\n') {
                    return false;
                }
                i++;
                emptyLines = text ? 0 : emptyLines + 1;
                text = false;
                blanks = 0;
            } else if (b == '\n') {
                return false;
            } else if (b == ' ' || b == '\t') {
                if (++blanks > MAX_BLANK_RUN) {
                    return false;
                }
            } else {
                blanks = 0;
                text = true;
            }
        }
        return text || emptyLines <= MAX_EMPTY_LINES_AT_END;
    }

    private static boolean isUtf8(byte[] in, int from) {
        try {
            StandardCharsets.UTF_8.newDecoder().decode(
                    ByteBuffer.wrap(in, from, in.length - from));
            return true;
        } catch (CharacterCodingException foreign) {
            return false;
        }
    }
}
