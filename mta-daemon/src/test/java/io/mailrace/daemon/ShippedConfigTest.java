// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigProblem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every file in the folder {@code config}: what is shipped is read, what is bad gives its text. */
class ShippedConfigTest {
    private static final Path CONFIG = Path.of(System.getProperty("mailrace.root"), "config");

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(file -> file.toString().endsWith(".conf")).sorted().toList();
        }
    }

    static List<Path> shipped() throws IOException {
        return files(CONFIG).stream().filter(file -> !file.endsWith("providers.conf")
                && !file.endsWith("warmup.conf")).toList();
    }

    static List<Path> bad() throws IOException {
        return files(CONFIG.resolve("bad"));
    }

    @ParameterizedTest
    @MethodSource("shipped")
    void load_shippedFile_hasNoProblem(Path file) {
        assertThat(DaemonConfig.load(file).smtp().listeners())
                .containsOnlyKeys("submission", "submissions", "relay");
    }

    /** The commented examples are promises too. */
    @ParameterizedTest
    @MethodSource("shipped")
    void load_shippedFileWithItsExamples_hasOnlyMissingFiles(Path file) throws IOException {
        String text = Files.readString(file).replaceAll("include \"[a-z]+.conf\"", "")
                .replaceAll("(?m)^# (?=[a-z]+ ?[{=]|  |[}\\]])", "");
        assertThat(text).contains("\nroutes = [").contains("\ndkim {");
        assertThatThrownBy(() -> DaemonConfig.ofText(text)).isInstanceOf(ConfigException.class)
                .satisfies(e -> assertThat(((ConfigException) e).problems())
                        .allMatch(p -> p.text().contains("/etc/mailrace/")));
    }

    @ParameterizedTest
    @MethodSource("bad")
    void load_badFile_givesItsText(Path file) throws IOException {
        Path expected = Path.of(file.toString().replace(".conf", ".expected"));
        assertThatThrownBy(() -> DaemonConfig.load(file)).isInstanceOf(ConfigException.class)
                .satisfies(e -> assertThat(((ConfigException) e).problems().stream()
                        .map(ShippedConfigTest::withoutFile).toList())
                        .isEqualTo(Files.readAllLines(expected)));
    }

    private static String withoutFile(ConfigProblem problem) {
        return problem.line() + ": " + problem.text();
    }

    @Test
    void bad_eachFileHasItsText() throws IOException {
        assertThat(bad()).hasSizeGreaterThan(10).allMatch(file -> Files.exists(
                Path.of(file.toString().replace(".conf", ".expected"))));
    }
}
