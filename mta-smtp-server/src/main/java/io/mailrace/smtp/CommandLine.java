// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * One command of a client (RFC 5321 4.1.1), without its CRLF.
 *
 * @param argument what follows the verb and its blanks; empty when malformed
 * @param wellFormed no control bytes, and valid UTF-8
 */
record CommandLine(Verb verb, String argument, boolean wellFormed) {

    /** The commands we know, compared as bytes: no letter outside ASCII equals one inside. */
    enum Verb {
        EHLO, HELO, MAIL, RCPT, DATA, BDAT, RSET, NOOP, QUIT, VRFY, HELP, STARTTLS, AUTH, XCLIENT,
        /** Known, not offered. */
        EXPN, ETRN, TURN, ATRN, SEND, SOML, SAML,
        /** A browser tricked into talking to us: never a mail client. */
        GET, POST, PUT, HEAD, CONNECT, OPTIONS,
        /** Anything else. */
        UNKNOWN;

        private static final Verb[] ALL = values();

        private static Verb of(byte[] bytes, int from, int to) {
            for (Verb verb : ALL) {
                if (verb != UNKNOWN && verb.matches(bytes, from, to)) {
                    return verb;
                }
            }
            return UNKNOWN;
        }

        private boolean matches(byte[] bytes, int from, int to) {
            String name = name();
            if (to - from != name.length()) {
                return false;
            }
            for (int i = 0; i < name.length(); i++) {
                if (Ascii.upper((char) (bytes[from + i] & 0xff)) != name.charAt(i)) {
                    return false;
                }
            }
            return true;
        }
    }

    static CommandLine parse(byte[] bytes, int from, int to) {
        int end = from;
        while (end < to && bytes[end] != ' ') {
            end++;
        }
        boolean ascii = true;
        boolean clean = true;
        for (int i = from; i < to; i++) {
            byte b = bytes[i];
            ascii &= b >= 0;
            clean &= b < 0 || (b >= 32 && b != 127);
        }
        if (!clean) {
            int letters = from;
            while (letters < end && isLetter(bytes[letters])) {
                letters++;
            }
            return new CommandLine(Verb.of(bytes, from, letters), "", false);
        }
        Verb verb = Verb.of(bytes, from, end);
        int start = end;
        while (start < to && bytes[start] == ' ') {
            start++;
        }
        int stop = to;
        while (stop > start && bytes[stop - 1] == ' ') {
            stop--;
        }
        if (ascii) {
            return new CommandLine(verb, new String(bytes, start, stop - start,
                    StandardCharsets.ISO_8859_1), true);
        }
        try {
            String text = StandardCharsets.UTF_8.newDecoder()
                    .decode(ByteBuffer.wrap(bytes, start, stop - start)).toString();
            boolean controls = text.chars().anyMatch(c -> c >= 128 && c < 160);
            return new CommandLine(verb, controls ? "" : text, !controls);
        } catch (CharacterCodingException broken) {
            return new CommandLine(verb, "", false);
        }
    }

    private static boolean isLetter(byte b) {
        return (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
    }
}
