// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What the service manager keeps from us: folders that are ours alone, and a file system that is
 * read-only but for a few. Says how to open another folder. Any thread.
 */
final class Sandbox {
    private static final long MAX_LINES = 10_000;
    /** The root of a private folder, as systemd names it: PrivateTmp=. */
    private static final String PRIVATE = "/systemd-private-";

    private Sandbox() {}

    /** Why nobody else would find what is written there; empty when they would. */
    static Optional<String> hides(Path target) {
        return hides(target, Path.of("/proc/self/mountinfo"));
    }

    /** @param mounts see proc_pid_mountinfo(5): the fourth word is the root, the fifth the place */
    static Optional<String> hides(Path target, Path mounts) {
        Path path = target.normalize();
        try (var lines = Files.lines(mounts)) {
            return lines.limit(MAX_LINES).map(line -> line.split(" ", 6))
                    .filter(words -> words.length == 6 && words[3].contains(PRIVATE)
                            && path.startsWith(words[4]))
                    .findFirst().map(words -> words[4] + " is private to the service (PrivateTmp="
                            + " of its unit) and goes away when it stops: take another folder,"
                            + " such as /var/backups/mailrace/NAME");
        } catch (IOException | java.io.UncheckedIOException unknown) {
            return Optional.empty();
        }
    }

    /** The remedy where the cause is a file system that is read-only for us; else empty. */
    static Optional<String> remedy(Throwable failed, Path path) {
        for (Throwable one = failed; one != null; one = one.getCause()) {
            if (String.valueOf(one.getMessage()).contains("Read-only file system")) {
                return Optional.of("The unit of systemd lets the service write to its own folders"
                        + " only. For another one, which must be there and belong to it:"
                        + " systemctl edit mailrace, with the lines [Service] and ReadWritePaths="
                        + path + ", then systemctl restart mailrace");
            }
        }
        return Optional.empty();
    }
}
