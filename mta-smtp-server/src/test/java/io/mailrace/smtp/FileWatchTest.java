// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileWatchTest {
    @TempDir
    Path directory;

    /** What could not be read before may be readable now. */
    @Test
    void changed_rightsGiven_isAChange() throws Exception {
        Path file = Files.writeString(directory.resolve("users"), "x");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("---------"));
        FileWatch watch = new FileWatch(List.of(file));
        assertThat(watch.changed()).isFalse();
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
        assertThat(watch.changed()).isTrue();
        assertThat(watch.changed()).isFalse();
        Files.delete(file);
        assertThat(watch.changed()).isTrue();
        assertThat(watch.changed()).isFalse();
    }

    @Test
    void again_asksForAnotherLook_andKnowsTheSameFailure() throws Exception {
        FileWatch watch = new FileWatch(List.of(Files.writeString(directory.resolve("u"), "x")));
        assertThat(watch.again("busy")).isTrue();
        assertThat(watch.changed()).isTrue();
        assertThat(watch.again("busy")).isFalse();
        assertThat(watch.changed()).isTrue();
        assertThat(watch.again("stale")).isTrue();
        watch.read();
        assertThat(watch.again("stale")).isTrue();
    }
}
