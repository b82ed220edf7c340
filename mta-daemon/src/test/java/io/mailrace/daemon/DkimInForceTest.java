// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.dkim.DkimConfig;
import io.mailrace.dkim.DkimSigners;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DkimInForceTest {
    private static DkimConfig config() {
        return new DkimConfig(DkimConfig.Engine.STREAMING, DkimConfig.RsaProvider.JDK,
                DkimConfig.Wide.OFF, Duration.ZERO, List.of("From"), List.of(), Map.of(),
                List.of());
    }

    /** Whoever keeps signatures must notice. */
    @Test
    void replace_givesAnotherGeneration() {
        try (DkimInForce keys = new DkimInForce(config(), DkimSigners::open,
                new FakeTimeSource())) {
            long before = keys.generation();
            assertThat(keys.generation()).isEqualTo(before);
            keys.replace(config());
            assertThat(keys.generation()).isNotEqualTo(before);
        }
    }
}
