// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The fast rows; {@code benchmarks/faults} has them all. */
class FaultProgramTest {
    @ParameterizedTest
    @ValueSource(strings = {"two", "wal-flip", "min-free", "low-at-start"})
    void row_fast_holds(String name) throws Exception {
        var nowhere = new PrintStream(OutputStream.nullOutputStream(), true,
                StandardCharsets.UTF_8);
        FaultProgram.Result result = FaultProgram.run(List.of(name), false, nowhere).getFirst();
        assumeTrue(result.skipped().isEmpty(), "skipped: " + result.skipped());
        assertThat(result.holds()).describedAs(result.line()).isTrue();
    }
}
