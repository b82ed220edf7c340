// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.benchmarks.EnduranceProgram.Outcome;
import io.mailrace.benchmarks.EnduranceProgram.Plan;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The quick version: rates and room on disk decide nothing here, the account does. */
class EnduranceProgramTest {

    @Test
    void load_someSeconds_everyMessageArrivesOnce() throws Exception {
        var text = new ByteArrayOutputStream();
        var plan = new Plan(Duration.ofSeconds(2), Duration.ofSeconds(5), Duration.ofSeconds(1),
                20, 4096, 10, 500, Duration.ofSeconds(3), false);
        Outcome outcome = EnduranceProgram.run(plan,
                new PrintStream(text, true, StandardCharsets.UTF_8));
        String said = text.toString(StandardCharsets.UTF_8);
        assertThat(outcome.accounted()).describedAs(said).isTrue();
        assertThat(outcome.amplification()).describedAs(said).isPositive();
    }
}
