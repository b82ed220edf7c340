// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * A {@code reference.conf} as text for people: each key with its default and the comment above it.
 * Reads the way we write these files: one key or one opening brace in a line, comments above.
 */
final class ReferenceText {
    private ReferenceText() {}

    /**
     * A key or a section.
     *
     * @param name with dots
     * @param value the default as written; empty for a section
     * @param section whether it has keys of its own
     * @param comment lines without their {@code #}
     */
    record Entry(String name, String value, boolean section, List<String> comment) {
        Entry {
            comment = List.copyOf(comment);
        }
    }

    /** The entries in the order of the file; what stands above no key belongs to nobody. */
    static List<Entry> parse(String text) {
        List<Entry> entries = new ArrayList<>();
        Deque<String> sections = new ArrayDeque<>();
        List<String> comment = new ArrayList<>();
        int open = 0;
        for (String line : text.lines().toList()) {
            String bare = line.strip();
            if (open > 0) {
                open += balance(bare);
            } else if (bare.isEmpty()) {
                comment.clear();
            } else if (bare.startsWith("#")) {
                comment.add(bare.substring(bare.startsWith("# ") ? 2 : 1));
            } else if (bare.equals("}")) {
                sections.removeLast();
                comment.clear();
            } else if (bare.endsWith("{") && bare.indexOf('=') < 0) {
                sections.addLast(bare.substring(0, bare.length() - 1).strip());
                entries.add(new Entry(String.join(".", sections), "", true, comment));
                comment.clear();
            } else {
                entries.add(entry(sections, bare, comment));
                comment.clear();
                open = balance(bare);
            }
        }
        return entries;
    }

    /** {@code key = value}, or a whole section on its line: {@code bulk {}}. */
    private static Entry entry(Deque<String> sections, String line, List<String> comment) {
        int equals = line.indexOf('=');
        int brace = line.indexOf('{');
        boolean section = brace >= 0 && (equals < 0 || brace < equals);
        int end = section ? brace : Math.max(0, equals);
        String above = String.join(".", sections) + (sections.isEmpty() ? "" : ".");
        return new Entry(above + line.substring(0, end).strip(),
                line.substring(section ? end : end + 1).strip(), false, comment);
    }

    /** How many brackets a line leaves open: a list may stand on several. */
    private static int balance(String line) {
        int open = 0;
        boolean quoted = false;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            quoted ^= c == '"';
            open += quoted ? 0 : c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
        }
        return open;
    }
}
