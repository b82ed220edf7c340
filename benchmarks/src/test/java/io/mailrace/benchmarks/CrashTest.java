// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.mailrace.benchmarks.CrashProgram.Ending;
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
    private static final Duration MIN_LIFE = Duration.ofMillis(200);
    private static final Duration MAX_LIFE = Duration.ofMillis(900);

    private final ByteArrayOutputStream text = new ByteArrayOutputStream();

    @Test
    void kill_fiveTimesUnderLoad_nothingLost() throws Exception {
        Outcome outcome = run(5, Ending.KILL, false, "");
        assertThat(outcome.holds()).describedAs(said()).isTrue();
        assertThat(outcome.kills()).hasSize(5);
    }

    @Test
    void stop_twiceUnderLoad_nothingLostAndNothingTwice() throws Exception {
        Outcome outcome = run(2, Ending.STOP, false, "");
        assertThat(outcome.holds()).describedAs(said()).isTrue();
        assertThat(outcome.copies()).describedAs(said()).isZero();
    }

    @Test
    void powerCut_underLoad_nothingLost() throws Exception {
        assumeCompiler();
        assertThat(run(1, Ending.POWER_CUT, false, "").holds()).describedAs(said()).isTrue();
    }

    @Test
    void powerCut_torn_nothingLost() throws Exception {
        assumeCompiler();
        assertThat(run(1, Ending.TORN_POWER_CUT, false, "").holds()).describedAs(said()).isTrue();
    }

    @Test
    void powerCut_withBacklog_nothingLost() throws Exception {
        assumeCompiler();
        assertThat(run(1, Ending.POWER_CUT, true, "").holds()).describedAs(said()).isTrue();
    }

    /** What is acknowledged unsynced is lost: the power cuts do cut. */
    @Test
    void powerCut_withoutSyncs_losesAcknowledgedMail() throws Exception {
        assumeCompiler();
        Outcome outcome = run(1, Ending.POWER_CUT, true,
                "spool { durability = async, async-sync-interval = 10s }");
        assertThat(outcome.lost()).describedAs(said()).isPositive();
    }

    @Test
    @Tag("long")
    void kill_fiftyTimesUnderLoad_nothingLost() throws Exception {
        assertThat(run(50, Ending.KILL, false, "").holds()).describedAs(said()).isTrue();
    }

    private static void assumeCompiler() {
        assumeTrue(FaultDisk.compiler().isPresent(), "skipped: " + FaultDisk.NO_COMPILER);
    }

    private Outcome run(int kills, Ending ending, boolean backlog, String configuration)
            throws Exception {
        var plan = new Plan(kills, System.nanoTime(), 20, 4096, ending, MIN_LIFE, MAX_LIFE,
                false, true, backlog ? SinkNetwork.Refusing.ALL : SinkNetwork.Refusing.NONE,
                configuration);
        return CrashProgram.run(plan, new PrintStream(text, true, StandardCharsets.UTF_8));
    }

    private String said() {
        return text.toString(StandardCharsets.UTF_8);
    }
}
