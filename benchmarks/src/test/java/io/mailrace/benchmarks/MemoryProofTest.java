// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.benchmarks.MemoryProof.Outcome;
import io.mailrace.benchmarks.MemoryProof.Plan;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Large messages through a small heap: the quick version and the full one. */
class MemoryProofTest {
    @Test
    void relay_moreThanTheHeapAtOnce_allArrive() throws Exception {
        prove(new Plan("96m", 30L << 20, 60, 3L << 20, false));
    }

    @Test
    @Tag("long")
    void relay_twoGigabytesAtOnceThrough256m_allArrive() throws Exception {
        prove(new Plan("256m", 100L << 20, 200, 10L << 20, false));
    }

    private static void prove(Plan plan) throws Exception {
        var text = new ByteArrayOutputStream();
        Outcome outcome = MemoryProof.run(plan,
                new PrintStream(text, true, StandardCharsets.UTF_8));
        assertThat(outcome.holds()).describedAs(text.toString(StandardCharsets.UTF_8)).isTrue();
    }
}
