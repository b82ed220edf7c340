// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds the domains of the mailboxes in a From value (RFC 5322 3.4): looks past display names,
 * quoted strings, nested comments, groups, routes and folding. One pass over a bounded value, no
 * recursion; gives the empty text rather than a guess. Any thread.
 */
public final class FromDomain {
    private final String text;
    private int at;
    /** The mailbox being read, outside comments; null bytes stand for quoted characters. */
    private final StringBuilder outside = new StringBuilder();
    private final StringBuilder inside = new StringBuilder();
    private final List<String> found = new ArrayList<>();
    private boolean inAngle;
    private boolean hadAngle;
    /** Readers may take another address than we do. */
    private boolean unsure;

    private FromDomain(String text) {
        this.text = text;
    }

    /** The domain in lower case and ASCII form, or empty when there is none. */
    public static String of(byte[] value) {
        return allOf(value).stream().filter(domain -> !domain.isEmpty()).findFirst().orElse("");
    }

    /** The domain of each mailbox, in order; an empty text for one without a domain. */
    public static List<String> allOf(byte[] value) {
        FromDomain reading = new FromDomain(new String(value, StandardCharsets.UTF_8));
        reading.find();
        return reading.found;
    }

    private void find() {
        while (at < text.length()) {
            char c = text.charAt(at++);
            switch (c) {
                case '(' -> skipComment();
                case '"' -> skipQuoted();
                case '[' -> takeLiteral();
                case '<' -> {
                    unsure |= hadAngle;
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
                    if (c == ':') {
                        unsure |= hadAngle || outside.indexOf("@") >= 0;
                    } else {
                        endMailbox();
                    }
                    outside.setLength(0);
                    hadAngle = false;
                }
                default -> take(c);
            }
        }
        endMailbox();
        if (unsure) {
            found.add("");
        }
    }

    private void endMailbox() {
        if (hadAngle || !outside.isEmpty()) {
            found.add(domain());
        }
    }

    private void take(char c) {
        if (c != ' ' && c != '\t') {
            unsure |= hadAngle && !inAngle;
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
