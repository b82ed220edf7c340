// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Ascii;

/** The encoding of ENVID and ORCPT (RFC 3461 4). */
final class Xtext {
    private static final int MAX = 500;

    private Xtext() {}

    /** The encoding of a text of printable ASCII. */
    static String encode(String text) {
        StringBuilder encoded = new StringBuilder(text.length() + 8);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c > 32 && c < 127 && c != '+' && c != '=') {
                encoded.append(c);
            } else {
                encoded.append('+').append(Character.toUpperCase(Character.forDigit(c >> 4 & 15,
                        16))).append(Character.toUpperCase(Character.forDigit(c & 15, 16)));
            }
        }
        return encoded.toString();
    }

    /**
     * The text behind it. What would decode to anything but printable ASCII (line breaks that
     * forge headers, say) stays encoded; what is no xtext at all becomes the empty text.
     */
    static String decode(String xtext) {
        if (xtext.length() > MAX || !Ascii.isPrintable(xtext)) {
            return "";
        }
        StringBuilder decoded = new StringBuilder(xtext.length());
        for (int i = 0; i < xtext.length(); i++) {
            char c = xtext.charAt(i);
            if (c != '+') {
                decoded.append(c);
                continue;
            }
            int high = i + 2 < xtext.length() ? Character.digit(xtext.charAt(i + 1), 16) : -1;
            int low = i + 2 < xtext.length() ? Character.digit(xtext.charAt(i + 2), 16) : -1;
            int value = high * 16 + low;
            if (high < 0 || low < 0 || value < 32 || value > 126) {
                return xtext;
            }
            decoded.append((char) value);
            i += 2;
        }
        return decoded.toString();
    }
}
