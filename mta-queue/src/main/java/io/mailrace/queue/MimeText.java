// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Ascii;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HexFormat;

/**
 * Text of any language in the ASCII that every mail system takes: bodies as RFC 2045 6 has them,
 * words of a header field as RFC 2047 does.
 */
final class MimeText {
    private static final int MAX_LINE = 76;
    /** So that an encoded word fits a line beside the name of its field. */
    private static final int MAX_WORD_BYTES = 39;
    private static final String ATOM_SPECIALS = "!#$%&'*+-/=?^_`{|}~";
    private static final HexFormat HEX = HexFormat.of().withUpperCase();

    private MimeText() {}

    /** A text part's charset, transfer encoding and lines, all of it ASCII. */
    record Body(String charset, String encoding, String lines) {}

    /** @param text of lines that end in CR LF */
    static Body body(String text) {
        if (Ascii.isAscii(text)) {
            return new Body("us-ascii", "7bit", text);
        }
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int foreign = 0;
        for (byte one : bytes) {
            foreign += one < 0 ? 1 : 0;
        }
        // Three characters for each foreign byte or four for any three: whichever is shorter.
        return foreign * 6 <= bytes.length
                ? new Body("utf-8", "quoted-printable", quotedPrintable(bytes))
                : new Body("utf-8", "base64",
                        Base64.getMimeEncoder().encodeToString(bytes) + "\r\n");
    }

    private static String quotedPrintable(byte[] bytes) {
        StringBuilder out = new StringBuilder(bytes.length + bytes.length / 4);
        int column = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (isLineEnd(bytes, i)) {
                out.append("\r\n");
                column = 0;
                i++;
                continue;
            }
            byte one = bytes[i];
            boolean plain = one > ' ' && one <= '~' && one != '='
                    || one == ' ' && i + 1 < bytes.length && !isLineEnd(bytes, i + 1);
            int width = plain ? 1 : 3;
            if (column + width > MAX_LINE - 1) {
                out.append("=\r\n");
                column = 0;
            }
            if (plain) {
                out.append((char) one);
            } else {
                out.append('=').append(HEX.toHexDigits(one));
            }
            column += width;
        }
        return out.toString();
    }

    private static boolean isLineEnd(byte[] bytes, int at) {
        return bytes[at] == '\r' && at + 1 < bytes.length && bytes[at + 1] == '\n';
    }

    /** Free text as the value of a header field, folded when it is long. */
    static String field(String text) {
        return Ascii.isPrintable(text) ? text : encodedWords(text);
    }

    /** A mailbox with the name of its owner (RFC 5322 3.4). */
    static String mailbox(String name, String address) {
        if (!Ascii.isPrintable(name)) {
            return encodedWords(name) + "\r\n <" + address + ">";
        }
        boolean atoms = name.equals(name.strip()) && name.chars().allMatch(c -> c == ' '
                || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
                || ATOM_SPECIALS.indexOf(c) >= 0);
        String phrase = atoms
                ? name
                : '"' + name.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
        return phrase + " <" + address + ">";
    }

    /** Each word holds whole characters only, as RFC 2047 5 wants. */
    private static String encodedWords(String text) {
        StringBuilder out = new StringBuilder(text.length() * 3);
        StringBuilder word = new StringBuilder();
        int wordBytes = 0;
        for (int i = 0; i < text.length();) {
            String one = Character.toString(text.codePointAt(i));
            int bytes = one.getBytes(StandardCharsets.UTF_8).length;
            if (wordBytes + bytes > MAX_WORD_BYTES) {
                out.append(encodedWord(word)).append("\r\n ");
                word.setLength(0);
                wordBytes = 0;
            }
            word.append(one);
            wordBytes += bytes;
            i += one.length();
        }
        return out.append(encodedWord(word)).toString();
    }

    private static String encodedWord(CharSequence text) {
        return "=?utf-8?B?" + Base64.getEncoder()
                .encodeToString(text.toString().getBytes(StandardCharsets.UTF_8)) + "?=";
    }
}
