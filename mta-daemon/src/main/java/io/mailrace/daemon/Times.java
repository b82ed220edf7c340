// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.time.Duration;
import java.util.Optional;

/** Lengths of time as people type them: {@code 90s}, {@code 15m}, {@code 2h}, {@code 3d}. */
final class Times {
    private Times() {}

    /** Empty for anything else, and for more than six digits. */
    static Optional<Duration> parse(String text) {
        if (!text.matches("[0-9]{1,6}[smhd]")) {
            return Optional.empty();
        }
        long number = Long.parseLong(text, 0, text.length() - 1, 10);
        return Optional.of(switch (text.charAt(text.length() - 1)) {
            case 's' -> Duration.ofSeconds(number);
            case 'm' -> Duration.ofMinutes(number);
            case 'h' -> Duration.ofHours(number);
            default -> Duration.ofDays(number);
        });
    }
}
