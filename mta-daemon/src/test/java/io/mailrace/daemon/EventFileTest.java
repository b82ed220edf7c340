// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventFileTest {
    @TempDir
    Path folder;

    private static void write(EventFile file, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        file.write(bytes, bytes.length);
    }

    @Test
    void write_aboveSize_rotatesAndKeepsSoMany() throws IOException {
        Path path = folder.resolve("new/events.log");
        try (EventFile file = new EventFile(path, 10, 2)) {
            for (int i = 0; i < 5; i++) {
                write(file, "line " + i + "\n");
            }
            file.sync();
        }
        assertThat(Files.readString(path)).isEqualTo("line 4\n");
        assertThat(Files.readString(folder.resolve("new/events.log.1"))).isEqualTo("line 3\n");
        assertThat(Files.readString(folder.resolve("new/events.log.2"))).isEqualTo("line 2\n");
        assertThat(folder.resolve("new/events.log.3")).doesNotExist();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                .startsWith("rw-").endsWith("---");
    }

    @Test
    void write_afterReopening_appends() throws IOException {
        Path path = folder.resolve("events.log");
        for (int i = 0; i < 2; i++) {
            try (EventFile file = new EventFile(path, 100, 0)) {
                write(file, i + "\n");
            }
        }
        assertThat(Files.readString(path)).isEqualTo("0\n1\n");
    }

    /** A crash may leave half a line: what is written after it is whole. */
    @Test
    void write_afterATornLine_beginsANewOne() throws IOException {
        Path path = folder.resolve("events.log");
        Files.writeString(path, "{}\n{\"a");
        try (EventFile file = new EventFile(path, 100, 0)) {
            write(file, "{\"b\":1}\n");
            write(file, "{\"c\":1}\n");
        }
        assertThat(Files.readAllLines(path)).containsExactly("{}", "{\"a", "{\"b\":1}",
                "{\"c\":1}");
    }

    @Test
    void write_noOldFilesWanted_startsOver() throws IOException {
        Path path = folder.resolve("events.log");
        try (EventFile file = new EventFile(path, 3, 0)) {
            write(file, "a\n");
            write(file, "b\n");
        }
        assertThat(Files.readString(path)).isEqualTo("b\n");
        assertThat(folder.resolve("events.log.1")).doesNotExist();
    }
}
