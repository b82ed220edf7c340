// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class PatienceTest {
    private static final Duration LIMIT = Duration.ofSeconds(1);

    private final FakeTimeSource time = new FakeTimeSource();
    private int looks;

    @Test
    void machineStoodStill_isNoReasonToGiveUp() {
        Patience.await(time, LIMIT, () -> {
            time.advance(Duration.ofMinutes(1));
            return ++looks == 5;
        });
        assertThat(looks).isEqualTo(5);
    }

    @Test
    void nothingHappens_endsAfterTheLimit() {
        assertThatThrownBy(() -> Patience.await(time, LIMIT, () -> {
            looks++;
            time.advance(Duration.ofMillis(50));
            return false;
        })).isInstanceOf(AssertionError.class);
        assertThat(looks).isEqualTo(21);
    }
}
