// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/**
 * ASCII-only text operations. SMTP compares bytes: the locale-aware methods of String turn some
 * non-ASCII letters into ASCII ones, so commands and domains never go through them.
 */
public final class Ascii {
    private Ascii() {}

    public static char upper(char c) {
        return c >= 'a' && c <= 'z' ? (char) (c - 32) : c;
    }

    public static char lower(char c) {
        return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
    }

    /** Lower-cases A to Z and leaves every other character alone. */
    public static String lower(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= 'A' && c <= 'Z') {
                char[] chars = text.toCharArray();
                for (int k = i; k < chars.length; k++) {
                    chars[k] = lower(chars[k]);
                }
                return new String(chars);
            }
        }
        return text;
    }

    /** Upper-cases a to z and leaves every other character alone. */
    public static String upper(String text) {
        char[] chars = text.toCharArray();
        for (int i = 0; i < chars.length; i++) {
            chars[i] = upper(chars[i]);
        }
        return new String(chars);
    }

    public static boolean equalsIgnoreCase(CharSequence a, CharSequence b) {
        return a.length() == b.length() && startsWithIgnoreCase(a, b);
    }

    public static boolean startsWithIgnoreCase(CharSequence text, CharSequence prefix) {
        if (text.length() < prefix.length()) {
            return false;
        }
        for (int i = 0; i < prefix.length(); i++) {
            if (lower(text.charAt(i)) != lower(prefix.charAt(i))) {
                return false;
            }
        }
        return true;
    }

    public static boolean isAscii(CharSequence text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) > 127) {
                return false;
            }
        }
        return true;
    }

    /** Whether every character is a printable ASCII character or a blank. */
    public static boolean isPrintable(CharSequence text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < 32 || c > 126) {
                return false;
            }
        }
        return true;
    }

    /**
     * Makes foreign text safe to store, log and quote: each character that is not printable ASCII
     * becomes {@code ?}, and what exceeds {@code maxLength} is cut.
     */
    public static String clean(CharSequence text, int maxLength) {
        int length = Math.min(text.length(), maxLength);
        if (length == text.length() && isPrintable(text)) {
            return text.toString();
        }
        char[] chars = new char[length];
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i);
            chars[i] = c >= 32 && c <= 126 ? c : c == '\t' ? ' ' : '?';
        }
        return new String(chars);
    }
}
