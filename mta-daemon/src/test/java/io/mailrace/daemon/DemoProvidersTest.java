// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DemoProvidersTest {
    @Test
    void shortened_durationsOfRules_lastASecondForEachHour() {
        assertThat(DemoProviders.shortened("""
                { name = a, action = suspend, for = 2h, mail = retry }
                { name = b, scope = message, retry-after = 5m, match = ["451 for 10m"] }
                { name = c, for = 30d }
                { name = d, rate = 1/min, for = 90m
                """)).isEqualTo("""
                { name = a, action = suspend, for = 2s, mail = retry }
                { name = b, scope = message, retry-after = 1s, match = ["451 for 10m"] }
                { name = c, for = 720s }
                { name = d, rate = 1/min, for = 1s
                """);
    }

    @Test
    void config_hasEveryShippedProvider_andNoLongWaits() {
        assertThat(DemoProviders.config()).contains("gmail {", "outlook {", "yahoo {", "default {")
                .doesNotContainPattern("(for|retry-after) = \\d+[mhd]");
    }
}
