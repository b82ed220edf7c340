// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.queue.SpoolException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the unit of systemd keeps from the service, and what is said about it. */
class SandboxTest {
    @TempDir
    private Path folder;
    private Path mounts = Path.of("");

    /** As the kernel shows it for a unit with PrivateTmp=yes. */
    @BeforeEach
    void mount() throws IOException {
        mounts = Files.writeString(folder.resolve("mountinfo"),
                """
                        29 1 254:1 / / ro,relatime shared:1 - ext4 /dev/vda1 rw
                        31 29 0:27 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw
                        412 29 254:1 /tmp/systemd-private-0a1b-x/tmp /tmp rw - ext4 / rw
                        413 29 254:1 /var/tmp/systemd-private-0a1b-y/tmp /var/tmp rw - ext4 / rw
                        broken line
                        """);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/tmp", "/tmp/backup", "/var/tmp/a/b", "/var/../tmp/backup"})
    void privateFolder_isNoPlaceForABackup(String path) {
        assertThat(Sandbox.hides(Path.of(path), mounts)).get().asString().contains(
                "is private to the service", "/var/backups/mailrace");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/var/backups/mailrace/x", "/tmpfs", "/tmp/../srv/x", "/"})
    void otherFolder_isOne(String path) {
        assertThat(Sandbox.hides(Path.of(path), mounts)).isEmpty();
        assertThat(Sandbox.hides(Path.of("/tmp/x"), folder.resolve("none"))).isEmpty();
    }

    @Test
    void readOnlyFileSystem_isSaidWithTheLinesOfTheUnit() {
        SpoolException failed = new SpoolException("spool directory cannot be made",
                new FileSystemException("/srv/spool", null, "Read-only file system"));
        assertThat(Sandbox.remedy(failed, Path.of("/srv"))).get().asString().contains(
                "systemctl edit mailrace", "ReadWritePaths=/srv,", "systemctl restart mailrace");
        assertThat(Sandbox.remedy(new AccessDeniedException("/srv"), Path.of("/srv"))).isEmpty();
    }
}
