// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

/**
 * The encoding of ENVID and ORCPT (RFC 3461 4). Values stay encoded; they are only checked, and
 * refused when they decode to anything but printable ASCII: control characters would end up in the
 * header of a DSN.
 */
final class XText {
    private XText() {}

    static boolean valid(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '+') {
                if (i + 2 >= text.length()) {
                    return false;
                }
                int value = hex(text.charAt(i + 1)) * 16 + hex(text.charAt(i + 2));
                if (value < 32 || value > 126) {
                    return false;
                }
                i += 2;
            } else if (c < 33 || c > 126 || c == '=') {
                return false;
            }
        }
        return true;
    }

    /** Value of an upper-case hexadecimal digit; far below zero for anything else. */
    private static int hex(char c) {
        if (c >= '0' && c <= '9') {
            return c - '0';
        }
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1000;
    }

    /** The form of an internationalized ORCPT (RFC 6533 3), whose escapes are {@code \x{HEX}}. */
    static boolean validUtf8Address(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\\') {
                int close = text.indexOf('}', i);
                if (!text.startsWith("\\x{", i) || close < 0 || !printable(text, i + 3, close)) {
                    return false;
                }
                i = close;
            } else if (c < 33 || c == 127 || (c > 127 && c < 160) || c == '+' || c == '=') {
                return false;
            }
        }
        return true;
    }

    private static boolean printable(String text, int from, int to) {
        if (to - from < 2 || to - from > 6) {
            return false;
        }
        int value = 0;
        for (int i = from; i < to; i++) {
            int digit = hex(text.charAt(i));
            if (digit < 0) {
                return false;
            }
            value = value * 16 + digit;
        }
        return value >= 32 && value != 127 && !(value > 127 && value < 160) && value <= 0x10ffff;
    }
}
