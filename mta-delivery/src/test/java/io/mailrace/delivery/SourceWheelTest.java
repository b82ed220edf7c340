// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SourceWheelTest {
    private final FakeTimeSource time = new FakeTimeSource();
    private final EgressSource a = source("a");
    private final EgressSource b = source("b");
    private final SourceWheel wheel = new SourceWheel(List.of(a, b), new int[]{1, 3});

    private EgressSource source(String name) {
        return new EgressSource(new SourceConfig(name, Optional.empty(), "mta.test",
                SourceConfig.Bounds.NONE), time);
    }

    private Map<String, Integer> turns(int count) {
        Map<String, Integer> turns = new HashMap<>();
        for (int i = 0; i < count; i++) {
            EgressSource next = wheel.next(one -> !one.resting());
            turns.merge(next == null ? "none" : next.name(), 1, Integer::sum);
        }
        return turns;
    }

    @Test
    void next_weights_areKept() {
        assertThat(turns(400)).containsEntry("a", 100).containsEntry("b", 300);
    }

    @Test
    void next_sourceRests_othersDoItsWork() {
        b.rest(Duration.ofMinutes(1).toNanos(), "cannot bind");
        assertThat(turns(10)).containsOnlyKeys("a");
        a.rest(Duration.ofMinutes(1).toNanos(), "cannot bind");
        assertThat(turns(1)).containsOnlyKeys("none");
        time.advance(Duration.ofMinutes(2));
        assertThat(turns(400)).containsKeys("a", "b");
    }

    @Test
    void charge_oneSided_isMadeUpFor() {
        for (int i = 0; i < 10; i++) {
            wheel.charge(a);
        }
        assertThat(turns(20)).containsEntry("b", 20);
    }
}
