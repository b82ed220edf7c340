// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.ILoggingEvent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Whether standard output or error goes to systemd's journal, and how a line tells it its level:
 * by a number before the text (sd-daemon(3)), so that {@code journalctl -p err} finds errors.
 * Without it every line counts as information.
 */
final class JournalStream {
    static final String ERROR = "<3>";
    static final String INFO = "<6>";
    private static final byte[] INFO_BYTES = {'<', '6', '>'};

    private JournalStream() {}

    /** Whether standard error is what JOURNAL_STREAM names. */
    static boolean takesErrors() {
        return matches(System.getenv(), Path.of("/proc/self/fd/2"));
    }

    /** Whether standard output is what JOURNAL_STREAM names. */
    static boolean takesOutput() {
        return matches(System.getenv(), Path.of("/proc/self/fd/1"));
    }

    /**
     * The variable is inherited by children whose streams go elsewhere, so it counts only with the
     * device and inode of the stream; systemd.exec(5).
     */
    static boolean matches(Map<String, String> environment, Path stream) {
        String named = environment.getOrDefault("JOURNAL_STREAM", "");
        if (named.isEmpty()) {
            return false;
        }
        try {
            return named.equals(Files.getAttribute(stream, "unix:dev") + ":"
                    + Files.getAttribute(stream, "unix:ino"));
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException unknown) {
            // no such file, or a system without these attributes (so Java says it): no systemd
            return false;
        }
    }

    /** What each line of a level begins with. */
    static String prefix(Level level) {
        return switch (level.toInt()) {
            case Level.ERROR_INT -> ERROR;
            case Level.WARN_INT -> "<4>";
            case Level.INFO_INT -> INFO;
            default -> "<7>";
        };
    }

    /** Every line of a text, the last one too, with the prefix. */
    static String marked(String prefix, String text) {
        String lines = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
        return prefix + lines.replace("\n", "\n" + prefix)
                + (text.endsWith("\n") ? "\n" : "");
    }

    /** Whole lines as information. */
    static byte[] markedAsInfo(byte[] lines, int length) {
        ByteArrayOutputStream marked = new ByteArrayOutputStream(length + (length >> 4) + 16);
        int from = 0;
        for (int i = 0; i < length; i++) {
            if (lines[i] == '\n' || i == length - 1) {
                marked.writeBytes(INFO_BYTES);
                marked.write(lines, from, i + 1 - from);
                from = i + 1;
            }
        }
        return marked.toByteArray();
    }

    /** Entries for the journal; a stack trace has the level of its entry. */
    static final class Layout extends PatternLayout {
        @Override
        public String doLayout(ILoggingEvent event) {
            return marked(prefix(event.getLevel()), super.doLayout(event));
        }
    }
}
