// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.time.Duration;

/** Values as people write them. */
final class Texts {
    private Texts() {}

    /** In the largest unit that leaves no rest: {@code 90m}, {@code 2h}, {@code 1d}. */
    static String duration(Duration of) {
        long seconds = of.toSeconds();
        if (seconds % 86_400 == 0) {
            return seconds / 86_400 + "d";
        }
        return seconds % 3600 == 0 ? seconds / 3600 + "h"
                : seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
    }
}
