// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What MAIL and RCPT have in common: a path in angle brackets and parameters (RFC 5321 4.1.2).
 *
 * @param path the text between the brackets, without a source route
 * @param parameters upper-case keyword to value, in order; no value is the empty text
 */
record PathArgument(String path, Map<String, String> parameters) {
    private static final int MAX_PARAMETERS = 20;

    /** Reads what begins with {@code prefix}, FROM: or TO:; empty when it is broken. */
    static Optional<PathArgument> parse(String argument, String prefix) {
        if (!Ascii.startsWithIgnoreCase(argument, prefix)) {
            return Optional.empty();
        }
        int open = prefix.length();
        while (open < argument.length() && argument.charAt(open) == ' ') {
            open++;
        }
        int close = closingBracket(argument, open);
        if (close < 0) {
            return Optional.empty();
        }
        String path = argument.substring(open + 1, close);
        // RFC 5321 4.1.1.3: a source route must be accepted and is best ignored.
        if (path.startsWith("@") && path.indexOf(':') > 0) {
            path = path.substring(path.indexOf(':') + 1);
        }
        String found = path;
        return parameters(argument, close + 1).map(all -> new PathArgument(found, all));
    }

    private static int closingBracket(String text, int open) {
        if (open >= text.length() || text.charAt(open) != '<') {
            return -1;
        }
        boolean quoted = false;
        for (int i = open + 1; i < text.length(); i++) {
            char c = text.charAt(i);
            if (quoted && c == '\\') {
                i++;
            } else if (c == '"') {
                quoted = !quoted;
            } else if (c == '>' && !quoted) {
                return i;
            }
        }
        return -1;
    }

    private static Optional<Map<String, String>> parameters(String text, int from) {
        if (from == text.length()) {
            return Optional.of(Map.of());
        }
        if (text.charAt(from) != ' ') {
            return Optional.empty();
        }
        Map<String, String> found = new LinkedHashMap<>();
        int at = from;
        while (at < text.length()) {
            int end = text.indexOf(' ', at);
            end = end < 0 ? text.length() : end;
            if (end > at) {
                int equals = text.indexOf('=', at);
                int keyEnd = equals < 0 || equals > end ? end : equals;
                String key = Ascii.upper(text.substring(at, keyEnd));
                String value = keyEnd == end ? "" : text.substring(keyEnd + 1, end);
                boolean emptyValue = keyEnd < end && value.isEmpty();
                if (emptyValue || !isKeyword(key) || found.put(key, value) != null
                        || found.size() > MAX_PARAMETERS) {
                    return Optional.empty();
                }
            }
            at = end + 1;
        }
        return Optional.of(found);
    }

    private static boolean isKeyword(String key) {
        return !key.isEmpty() && key.charAt(0) != '-' && key.chars().allMatch(
                c -> (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-');
    }
}
