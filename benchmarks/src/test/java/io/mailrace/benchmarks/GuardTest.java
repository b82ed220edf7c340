// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** A guard that has nothing to hold a run against says so before it measures. */
class GuardTest {
    @TempDir
    private Path folder;

    private static int run(Path file) {
        return new CommandLine(new Guard()).execute("--file", file.toString());
    }

    @Test
    void run_withoutRatios_isRefused() throws IOException {
        Path file = folder.resolve("guard.json");
        assertThat(Guard.refusal(file, 2)).get().asString().contains("is missing", "--accept");
        assertThat(run(file)).isEqualTo(Guard.NOTHING_TO_HOLD);
        assertThat(file).doesNotExist();
    }

    @Test
    void run_ratiosThatCannotBeRead_isRefused() throws IOException {
        Path file = Files.writeString(folder.resolve("guard.json"), "{}");
        assertThat(Guard.refusal(file, 2)).get().asString().contains("cannot be read");
        assertThat(run(file)).isEqualTo(Guard.NOTHING_TO_HOLD);
    }

    @Test
    void run_ratiosOfOtherCores_isRefused() throws IOException {
        Path file = folder.resolve("guard.json");
        Files.write(file, new GuardRatios(2, 1, Map.of("cores", "1000")).json());
        assertThat(Guard.refusal(file, 2)).get().asString().contains("of 1000 cores, here are 2");
        assertThat(Guard.refusal(file, 1000)).isEmpty();
        assertThat(run(file)).isEqualTo(Guard.NOTHING_TO_HOLD);
        Files.write(file, new GuardRatios(2, 1, Map.of()).json());
        assertThat(Guard.refusal(file, 2)).get().asString().contains("unknown number");
    }
}
