// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.smtp.IntakePressure.Answer;
import io.mailrace.smtp.IntakePressure.Input;
import io.mailrace.smtp.IntakePressure.Level;
import io.mailrace.smtp.IntakePressure.Source;
import io.mailrace.smtp.IntakePressure.State;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Readings go in as numbers; 70 is high and 100 is full. */
class IntakePressureTest {
    private final Map<Input, AtomicLong> values = new EnumMap<>(Input.class);
    private Map<String, Long> tenants = Map.of();
    private final IntakePressure pressure = pressure();

    private IntakePressure pressure() {
        Map<Input, Source> sources = new EnumMap<>(Input.class);
        for (Input input : Input.values()) {
            AtomicLong value = new AtomicLong();
            values.put(input, value);
            sources.put(input, new Source(value::get, 70, 100));
        }
        return new IntakePressure(sources, () -> tenants, 10);
    }

    private Level after(Input input, long value) {
        values.get(input).set(value);
        pressure.sample();
        return pressure.snapshot().level();
    }

    @ParameterizedTest
    @EnumSource(Input.class)
    void eachInput_highAndFull_bringsAboutWhatTheTableSays(Input input) {
        assertThat(after(input, 69)).isEqualTo(Level.ACCEPT);
        after(input, 70);
        assertThat(pressure.snapshot().answers()).isEqualTo(input.answers(State.HIGH));
        after(input, 100);
        assertThat(pressure.snapshot().answers()).isEqualTo(input.answers(State.FULL));
        assertThat(after(input, 0)).isEqualTo(Level.ACCEPT);
        assertThat(pressure.snapshot().reasons()).isEmpty();
    }

    @Test
    void heap_full_refusesEverythingUntilATenthBelow() {
        assertThat(after(Input.HEAP_AFTER_COLLECTION, 100)).isEqualTo(Level.REFUSE);
        assertThat(pressure.snapshot().answers()).isEqualTo(
                Set.of(Answer.NO_MAIL, Answer.NO_TLS, Answer.NO_CONNECTION));
        assertThat(after(Input.HEAP_AFTER_COLLECTION, 90)).isEqualTo(Level.REFUSE);
        assertThat(after(Input.HEAP_AFTER_COLLECTION, 89)).isEqualTo(Level.SLOW);
        assertThat(after(Input.HEAP_AFTER_COLLECTION, 63)).isEqualTo(Level.SLOW);
        assertThat(after(Input.HEAP_AFTER_COLLECTION, 62)).isEqualTo(Level.ACCEPT);
        assertThat(after(Input.HEAP_AFTER_COLLECTION, 69)).isEqualTo(Level.ACCEPT);
    }

    @Test
    void twoInputs_bothHigh_theWorseCountsAndBothAreNamed() {
        after(Input.COMMITS_WAITING, 80);
        assertThat(after(Input.HANDSHAKES, 100)).isEqualTo(Level.REFUSE);
        assertThat(pressure.answers(Answer.SLOW)).isTrue();
        assertThat(pressure.answers(Answer.NO_TLS)).isTrue();
        assertThat(pressure.answers(Answer.NO_MAIL)).isFalse();
        assertThat(pressure.snapshot().reasons()).containsExactly(
                "commits-waiting 80 (slow at 70, refuse at 100)",
                "handshakes 100 (slow at 70, refuse at 100)");
    }

    @Test
    void source_withoutBounds_isOnlySeen() {
        IntakePressure seeing = new IntakePressure(
                Map.of(Input.BACKLOG_ENVELOPES, Source.seen(() -> Long.MAX_VALUE)), Map::of, 0);
        seeing.sample();
        assertThat(seeing.snapshot().level()).isEqualTo(Level.ACCEPT);
        assertThat(seeing.snapshot().readings()).extracting(r -> r.value())
                .isEqualTo(List.of(Long.MAX_VALUE));
    }

    @Test
    void tenant_withTooMuchWaiting_isFullAlone() {
        tenants = Map.of("big", 10L, "small", 9L);
        pressure.sample();
        assertThat(pressure.tenantFull("big")).isTrue();
        assertThat(pressure.tenantFull("small")).isFalse();
        assertThat(pressure.tenantFull("unknown")).isFalse();
        tenants = Map.of("big", 3L);
        pressure.sample();
        assertThat(pressure.tenantFull("big")).isFalse();
    }
}
