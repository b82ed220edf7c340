// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** When lines say their level to the journal, and how. */
class JournalStreamTest {
    @TempDir
    private Path folder;

    private static String named(Path file) throws IOException {
        return Files.getAttribute(file, "unix:dev") + ":" + Files.getAttribute(file, "unix:ino");
    }

    @Test
    void variable_countsForItsStreamOnly() throws IOException {
        Path stream = Files.createFile(folder.resolve("stream"));
        Path other = Files.createFile(folder.resolve("other"));
        Map<String, String> environment = Map.of("JOURNAL_STREAM", named(stream));
        assertThat(JournalStream.matches(environment, stream)).isTrue();
        assertThat(JournalStream.matches(environment, other)).isFalse();
        assertThat(JournalStream.matches(environment, folder.resolve("none"))).isFalse();
        assertThat(JournalStream.matches(Map.of(), stream)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ":", "1:", "x:y", "99999999999999999999:1"})
    void variable_thatIsNone_isIgnored(String text) {
        assertThat(JournalStream.matches(Map.of("JOURNAL_STREAM", text), folder)).isFalse();
    }

    @Test
    void levels_areThoseOfSyslog() {
        assertThat(JournalStream.prefix(Level.ERROR)).isEqualTo("<3>");
        assertThat(JournalStream.prefix(Level.WARN)).isEqualTo("<4>");
        assertThat(JournalStream.prefix(Level.INFO)).isEqualTo("<6>");
        assertThat(JournalStream.prefix(Level.DEBUG)).isEqualTo("<7>");
    }

    @Test
    void stackTrace_everyLineIsMarked() {
        assertThat(JournalStream.marked("<3>", "failed\n\tat a\n\tat b\n"))
                .isEqualTo("<3>failed\n<3>\tat a\n<3>\tat b\n");
        assertThat(JournalStream.marked("<3>", "")).isEqualTo("<3>");
    }

    @Test
    void eventLines_areInformation() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] lines = "{\"a\":1}\n{\"b\":2}\nnot this".getBytes(StandardCharsets.UTF_8);
        try (EventTarget target = EventTarget.journal(out)) {
            target.write(lines, 16);
            target.sync();
        }
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo("<6>{\"a\":1}\n<6>{\"b\":2}\n");
    }
}
