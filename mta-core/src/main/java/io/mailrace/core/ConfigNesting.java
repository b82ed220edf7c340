// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/** Bounds how deep a config text nests before the parser, which recurses, sees it. */
final class ConfigNesting {
    private static final int MAX_DEPTH = 64;

    private ConfigNesting() {}

    /**
     * Counts braces and brackets outside of comments and quotes.
     *
     * @throws ConfigException when there are more than {@value #MAX_DEPTH} open at once
     */
    static void check(String name, String text) {
        int depth = 0;
        int line = 1;
        int i = 0;
        while (i < text.length()) {
            char c = text.charAt(i);
            if (c == '#' || text.startsWith("//", i)) {
                i = endOf("\n", text, i);
            } else if (text.startsWith("\"\"\"", i)) {
                int end = endOf("\"\"\"", text, i + 3);
                line += newlines(text, i, end);
                i = end + 3;
            } else if (c == '"') {
                i = endOfQuoted(text, i);
            } else {
                line += c == '\n' ? 1 : 0;
                depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
                if (depth > MAX_DEPTH) {
                    throw ConfigSource.problem(name, line, "is nested deeper than 64 levels");
                }
                i++;
            }
        }
    }

    private static int endOf(String mark, String text, int from) {
        int end = text.indexOf(mark, from);
        return end < 0 ? text.length() : end;
    }

    /** After the closing quote, or at the end of the line when there is none. */
    private static int endOfQuoted(String text, int from) {
        int i = from + 1;
        while (i < text.length() && text.charAt(i) != '\n') {
            if (text.charAt(i) == '"') {
                return i + 1;
            }
            i += text.charAt(i) == '\\' ? 2 : 1;
        }
        return Math.min(i, text.length());
    }

    private static int newlines(String text, int from, int to) {
        return (int) text.substring(from, to).chars().filter(c -> c == '\n').count();
    }
}
