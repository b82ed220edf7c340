// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * Who may log in, and what guessing costs.
 *
 * @param file see {@link UserFile}
 * @param hashQueue logins that may wait for a hashing thread
 * @param verdictCache how long a good login is remembered
 * @param maxFailures failed logins of one address before it is braked
 * @param maxUserFailures failed logins of one user before he is braked where he is not known
 * @param failureWindow how long failures are remembered
 */
public record UsersConfig(Path file, int hashQueue, Duration verdictCache, int maxFailures,
        int maxUserFailures, Duration failureWindow) {
    /** Only stands in after a problem was noted: never used by a running server. */
    static final UsersConfig STAND_IN = new UsersConfig(Path.of(""), 1, Duration.ZERO, 1, 1,
            Duration.ofSeconds(1));

    static Optional<UsersConfig> from(ConfigReader section) {
        Path file = section.parsed("file", "a path", Path.of(""), UsersConfig::parsePath);
        int hashQueue = section.integer("hash-queue", 1, 100_000);
        Duration verdictCache = section.duration("verdict-cache", Duration.ZERO,
                Duration.ofHours(1));
        int maxFailures = section.integer("max-failures", 1, 100_000);
        int maxUserFailures = section.integer("max-user-failures", 1, 1_000_000);
        Duration failureWindow = section.duration("failure-window", Duration.ofSeconds(1),
                Duration.ofDays(1));
        return section.build(() -> new UsersConfig(file, hashQueue, verdictCache, maxFailures,
                maxUserFailures, failureWindow));
    }

    private static Optional<Path> parsePath(String text) {
        if (text.isEmpty() || text.indexOf('\0') >= 0) {
            return Optional.empty();
        }
        return Optional.of(Path.of(text));
    }
}
