// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.benchmarks.BacklogProgram.Outcome;
import io.mailrace.benchmarks.BacklogProgram.Plan;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The quick version: figures that depend on the machine decide nothing here. */
class BacklogProgramTest {
    private static final int MESSAGES = 4000;

    @Test
    void restart_deferredMailWaits_keepsToItsTimesAndSendsWhatIsDue() throws Exception {
        var text = new ByteArrayOutputStream();
        var plan = new Plan(MESSAGES, 400, 500, false, Duration.ofHours(1), 20,
                Duration.ofSeconds(1), 1, Duration.ofSeconds(6), Optional.of("256m"), false,
                false);
        Outcome outcome = BacklogProgram.run(plan,
                new PrintStream(text, true, StandardCharsets.UTF_8));
        String said = text.toString(StandardCharsets.UTF_8);
        assertThat(outcome.deferred()).describedAs(said).isGreaterThanOrEqualTo(MESSAGES);
        assertThat(outcome.early()).describedAs(said).isZero();
        assertThat(outcome.firstSeconds()).describedAs(said).isPositive();
        assertThat(outcome.intake()).describedAs(said).isPositive();
    }
}
