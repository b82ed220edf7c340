// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.benchmarks.AttackProgram.Outcome;
import io.mailrace.benchmarks.AttackProgram.Plan;
import io.mailrace.benchmarks.Attackers.Kind;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The quick version: fewer attackers, a few seconds each; a wide bound for busy machines. */
class AttackProgramTest {
    @Test
    void attacks_someSecondsEach_honestMailGoesOnAndNothingIsLost() throws Exception {
        var text = new ByteArrayOutputStream();
        Duration each = Duration.ofSeconds(3);
        Outcome outcome = AttackProgram.run(
                new Plan(List.of(Kind.values()), 10, each, each, 10, 10_000, 256, false),
                new PrintStream(text, true, StandardCharsets.UTF_8));
        String said = text.toString(StandardCharsets.UTF_8);
        assertThat(outcome.holds()).describedAs(said).isTrue();
        assertThat(outcome.rows()).hasSize(1 + Kind.values().length);
    }
}
