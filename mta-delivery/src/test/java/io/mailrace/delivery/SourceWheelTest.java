// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.testing.FakeTimeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

class SourceWheelTest {
    private final FakeTimeSource time = new FakeTimeSource();
    private final EgressSource a = source("a");
    private final EgressSource b = source("b");
    private final SourceWheel wheel = new SourceWheel("p", List.of(a, b), new int[]{1, 3});

    private EgressSource source(String name) {
        return new EgressSource(SourceConfig.plain(name, "mta.test"), time);
    }

    private Map<String, Integer> turns(int count) {
        Map<String, Integer> turns = new HashMap<>();
        for (int i = 0; i < count; i++) {
            SourceWheel.Turn next = wheel.next(one -> !one.resting());
            turns.merge(next == null ? "none" : next.source().name(), 1, Integer::sum);
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
        assertThat(turns(400)).containsEntry("a", 100).containsEntry("b", 300);
    }

    @Test
    void charge_oneSided_isMadeUpFor() {
        for (int i = 0; i < 10; i++) {
            wheel.charge(a);
        }
        assertThat(turns(20)).containsEntry("b", 20);
    }

    /** Turns that came to nothing do not count. */
    @Test
    void undo_everyOther_weightsAreKept() {
        Map<String, Integer> used = new HashMap<>();
        for (int i = 0; i < 800; i++) {
            SourceWheel.Turn turn = Objects.requireNonNull(wheel.next(one -> true));
            if (i % 2 == 0) {
                turn.undo();
            } else {
                used.merge(turn.source().name(), 1, Integer::sum);
            }
        }
        assertThat(used).containsEntry("a", 100).containsEntry("b", 300);
    }

    /** Each site asks once, from four threads: the weights hold over all of them. */
    @Test
    void wheelsOf_manySitesWithOneMessageEach_weightsAreKept() {
        ConfigSource source = ConfigSource.ofText("""
                sources { a {}, b {} }
                pools { default { sources { a = 1, b = 3 } } }
                """);
        DeliveryConfig config = DeliveryConfig.from(source.root(), "mta.test");
        Egress egress = Egress.of(config, time);
        PoolConfig pool = Objects.requireNonNull(config.pools().get("default"));
        Map<String, Integer> sent = new ConcurrentHashMap<>();
        List<CompletableFuture<Void>> threads = new ArrayList<>();
        for (int thread = 0; thread < 4; thread++) {
            threads.add(CompletableFuture.runAsync(() -> {
                for (int site = 0; site < 2500; site++) {
                    SourceWheel wheelOfSite = egress.wheelsOf(pool).getFirst();
                    sent.merge(Objects.requireNonNull(wheelOfSite.next(one -> true)).source()
                            .name(), 1, Integer::sum);
                }
            }));
        }
        threads.forEach(CompletableFuture::join);
        assertThat(sent.get("a")).isCloseTo(2500, within(25));
        assertThat(sent.get("b")).isCloseTo(7500, within(75));
    }
}
