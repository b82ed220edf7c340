// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.benchmarks.CrashProgram.Outcome;
import io.mailrace.benchmarks.CrashProgram.Plan;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The quick versions of the crash program; the long one is a tag of its own. */
class CrashTest {
    private static final Duration MIN_LIFE = Duration.ofMillis(300);
    private static final Duration MAX_LIFE = Duration.ofMillis(2500);

    private final ByteArrayOutputStream text = new ByteArrayOutputStream();

    @Test
    void kill_threeTimesUnderLoad_nothingLost() throws Exception {
        Outcome outcome = run(3, false);
        assertThat(outcome.holds()).describedAs(said()).isTrue();
        assertThat(outcome.kills()).hasSize(3);
    }

    @Test
    void stop_twiceUnderLoad_nothingLostAndNothingTwice() throws Exception {
        Outcome outcome = run(2, true);
        assertThat(outcome.holds()).describedAs(said()).isTrue();
        assertThat(outcome.copies()).describedAs(said()).isZero();
    }

    @Test
    @Tag("long")
    void kill_tenTimesUnderLoad_nothingLost() throws Exception {
        assertThat(run(10, false).holds()).describedAs(said()).isTrue();
    }

    private Outcome run(int kills, boolean orderly) throws Exception {
        var plan = new Plan(kills, System.nanoTime(), 20, 4096, orderly, MIN_LIFE, MAX_LIFE,
                false);
        return CrashProgram.run(plan, new PrintStream(text, true, StandardCharsets.UTF_8));
    }

    private String said() {
        return text.toString(StandardCharsets.UTF_8);
    }
}
