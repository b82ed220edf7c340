// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.List;

/** A manual page being written, in the language man(7). For one thread. */
final class ManText {
    private final StringBuilder text = new StringBuilder();
    private boolean afterHeading;

    /** Begins a page. */
    ManText(String name, int section, String date) {
        text.append(".\\\" SPDX-License-Identifier: Apache-2.0\n.TH ").append(quoted(name))
                .append(' ').append(section).append(" \"").append(date).append("\" ")
                .append(quoted("Mailrace " + Version.number())).append(" \"Mailrace\"\n");
    }

    void heading(String title) {
        text.append(".SH ").append(quoted(title)).append('\n');
        afterHeading = true;
    }

    void subheading(String title) {
        text.append(".SS ").append(quoted(title)).append('\n');
        afterHeading = true;
    }

    /** A paragraph, filled. */
    void paragraph(String words) {
        beginParagraph();
        words(words);
    }

    /** An entry with a tag in bold and what hangs below it. */
    void entry(String tag, String words) {
        afterHeading = false;
        text.append(".TP\n.B ").append(escaped(tag).replace("\"", "\\(dq")).append('\n');
        words(words);
    }

    /** More about the entry before. */
    void more(List<String> lines) {
        boolean table = lines.stream().anyMatch(line -> line.startsWith("  "));
        text.append(".IP\n");
        if (!table) {
            words(String.join("\n", lines));
            return;
        }
        text.append(".nf\n");
        lines.forEach(this::line);
        text.append(".fi\n");
    }

    /** Lines as they are. */
    void lines(List<String> lines) {
        boolean table = lines.stream().anyMatch(line -> line.startsWith("  "));
        beginParagraph();
        if (!table) {
            words(String.join("\n", lines));
            return;
        }
        text.append(".nf\n");
        lines.forEach(this::line);
        text.append(".fi\n");
    }

    /** A heading begins one itself. */
    private void beginParagraph() {
        text.append(afterHeading ? "" : ".PP\n");
        afterHeading = false;
    }

    private void words(String words) {
        words.lines().map(String::strip).filter(line -> !line.isEmpty()).forEach(this::line);
    }

    private void line(String line) {
        text.append(escaped(line)).append('\n');
    }

    /** What roff would take for a command or an escape is made plain. */
    private static String escaped(String line) {
        StringBuilder plain = new StringBuilder();
        if (line.startsWith(".") || line.startsWith("'")) {
            plain.append("\\&");
        }
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            switch (c) {
                case '\\' -> plain.append("\\e");
                case '-' -> plain.append("\\-");
                case '\t' -> plain.append("    ");
                default -> plain.append(c);
            }
        }
        return plain.toString();
    }

    private static String quoted(String word) {
        return '"' + escaped(word).replace("\"", "\\(dq") + '"';
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
