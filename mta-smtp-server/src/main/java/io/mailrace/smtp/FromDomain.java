// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.MailAddress;
import java.nio.charset.StandardCharsets;

/**
 * Finds the domain of the first mailbox in a From value (RFC 5322 3.4): looks past display names,
 * quoted strings, nested comments, groups, routes and folding. One pass over a bounded value, no
 * recursion; gives the empty text rather than a guess.
 */
final class FromDomain {
    private final String text;
    private int at;
    /** The mailbox being read, outside comments; null bytes stand for quoted characters. */
    private final StringBuilder outside = new StringBuilder();
    private final StringBuilder inside = new StringBuilder();
    private boolean inAngle;
    private boolean hadAngle;

    private FromDomain(String text) {
        this.text = text;
    }

    /** The domain in lower case and ASCII form, or empty when there is none. */
    static String of(byte[] value) {
        return new FromDomain(new String(value, StandardCharsets.UTF_8)).find();
    }

    private String find() {
        while (at < text.length()) {
            char c = text.charAt(at++);
            switch (c) {
                case '(' -> skipComment();
                case '"' -> skipQuoted();
                case '[' -> takeLiteral();
                case '<' -> {
                    inAngle = true;
                    hadAngle = true;
                    inside.setLength(0);
                }
                case '>' -> inAngle = false;
                case ',', ';', ':' -> {
                    if (inAngle) {
                        take(c);
                        continue;
                    }
                    String domain = c == ':' ? "" : domain();
                    if (!domain.isEmpty()) {
                        return domain;
                    }
                    outside.setLength(0);
                    hadAngle = false;
                }
                default -> take(c);
            }
        }
        return domain();
    }

    private void take(char c) {
        if (c != ' ' && c != '\t') {
            (inAngle ? inside : outside).append(c);
        }
    }

    private void skipComment() {
        int depth = 1;
        while (at < text.length() && depth > 0) {
            switch (text.charAt(at++)) {
                case '\\' -> at++;
                case '(' -> depth++;
                case ')' -> depth--;
                default -> {
                }
            }
        }
    }

    /** A quoted string is a display name or a local part: neither holds the domain. */
    private void skipQuoted() {
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == '\\') {
                at++;
            } else if (c == '"') {
                break;
            }
        }
        take('\0');
    }

    private void takeLiteral() {
        take('[');
        while (at < text.length()) {
            char c = text.charAt(at++);
            take(c);
            if (c == ']') {
                return;
            }
        }
    }

    private String domain() {
        StringBuilder mailbox = hadAngle ? inside : outside;
        int sign = mailbox.lastIndexOf("@");
        if (sign < 1) {
            return "";
        }
        return MailAddress.parse("x@" + mailbox.substring(sign + 1)).map(MailAddress::domain)
                .orElse("");
    }
}
