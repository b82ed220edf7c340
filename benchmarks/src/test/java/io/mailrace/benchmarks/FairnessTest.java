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
        var plan = new Plan(3000, 10, 4, 20, 20, 1024, false);
        Outcome outcome = FairnessProgram.run(plan,
                new PrintStream(text, true, StandardCharsets.UTF_8));
        // the program allows a second besides; a machine that stands still takes more
        double most = outcome.fifoSeconds() / 2;
        String all = text.toString(StandardCharsets.UTF_8);
        assertThat(outcome.small().slots()).as(all).isLessThanOrEqualTo(plan.smallBound());
        assertThat(outcome.reset().slots()).as(all).isLessThanOrEqualTo(plan.resetBound());
        assertThat(outcome.small().seconds().getLast()).as(all).isLessThan(most);
        assertThat(outcome.reset().seconds().getLast()).as(all).isLessThan(most);
        assertThat(outcome.backlog()).as("a backlog to stand behind").isGreaterThan(500);
    }
}
