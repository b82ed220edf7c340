// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StartArchiveTest {
    @TempDir
    private Path folder;

    /** The JVM refuses a class path with folders, as test runs have it. */
    private static boolean onlyJars() {
        return List.of(System.getProperty("java.class.path").split(":")).stream()
                .allMatch(part -> part.endsWith(".jar"));
    }

    @Test
    void whatIsMadeIsAnArchive_orWhatWasThereStays() throws IOException, InterruptedException {
        Path file = folder.resolve("daemon.aot");
        Files.writeString(file, "what was there", StandardCharsets.UTF_8);
        if (onlyJars()) {
            StartArchive.make(file, 1);
            assertThat(Files.size(file)).isGreaterThan(1 << 20);
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-r--r--");
        } else {
            assertThatThrownBy(() -> StartArchive.make(file, 1)).isInstanceOf(IOException.class);
            assertThat(file).content().isEqualTo("what was there");
        }
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }
}
