// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.benchmarks.FairnessProgram.Outcome;
import io.mailrace.benchmarks.FairnessProgram.Plan;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** The quick version of the fairness program: a few thousand against ten. */
class FairnessTest {
    @Test
    void backlogOfOneTenant_otherTenantAndReset_doNotWaitBehindIt() throws Exception {
        var text = new ByteArrayOutputStream();
        Outcome outcome = FairnessProgram.run(new Plan(3000, 10, 4, 20, 20, 1024, false),
                new PrintStream(text, true, StandardCharsets.UTF_8));
        assertThat(outcome.holds()).describedAs(text.toString(StandardCharsets.UTF_8)).isTrue();
        assertThat(outcome.backlog()).as("a backlog to stand behind").isGreaterThan(500);
    }
}
