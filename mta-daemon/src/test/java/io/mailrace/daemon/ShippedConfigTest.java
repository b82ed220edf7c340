// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigException;
import io.mailrace.smtp.ListenerConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

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
    void load_shippedFileWithAHostName_hasNoProblem(Path file, @TempDir Path folder)
            throws IOException {
        assertThat(listeners(file, folder))
                .containsOnlyKeys("submission", "submissions", "relay");
    }

    /** Of a shipped file that names a host, beside the files it includes. */
    private static Map<String, ListenerConfig> listeners(Path file, Path folder)
            throws IOException {
        for (Path one : files(CONFIG)) {
            Files.writeString(folder.resolve(one.getFileName()), named(Files.readString(one)));
        }
        return DaemonConfig.load(folder.resolve(file.getFileName())).smtp().listeners();
    }

    /** Mail from a host that does not exist is refused everywhere: it must not begin. */
    @ParameterizedTest
    @MethodSource("shipped")
    void load_shippedFileAsItIs_asksForTheHostName(Path file) {
        assertThatThrownBy(() -> DaemonConfig.load(file)).isInstanceOf(ConfigException.class)
                .satisfies(e -> assertThat(((ConfigException) e).problems()).singleElement()
                        .satisfies(problem -> assertThat(problem.text())
                                .contains("hostname", "template", "mailrace init")));
    }

    private static String named(String text) {
        return text.replace("replace-me.invalid", "mta1.example.com");
    }

    /** The commented examples are promises too. */
    @ParameterizedTest
    @MethodSource("shipped")
    void load_shippedFileWithItsExamples_hasOnlyMissingFiles(Path file) throws IOException {
        String text = named(Files.readString(file)).replaceAll("include \"[a-z]+.conf\"", "")
                .replaceAll("(?m)^# (?=[a-z]+ ?[{=]|  |[}\\]])", "");
        assertThat(text).contains("\nroutes = [").contains("\ndkim {");
        assertThatThrownBy(() -> DaemonConfig.ofText(text)).isInstanceOf(ConfigException.class)
                .satisfies(e -> assertThat(((ConfigException) e).problems())
                        .allMatch(p -> p.text().contains("/etc/mailrace/")));
    }

    /** As an operator sees it: the command, its exit code and what it prints. */
    @ParameterizedTest
    @MethodSource("bad")
    void check_badFile_givesItsTextAndFails(Path file) throws IOException {
        List<String> expected = Files.readAllLines(
                Path.of(file.toString().replace(".conf", ".expected")));
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = Main.commandLine().setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err));
        int exit = line.execute("check", "--config", file.toString());
        List<String> said = err.toString().lines().toList();
        assertThat(said.subList(0, Math.max(0, said.size() - 1)).stream()
                .map(text -> text.replace(file + ":", "")).toList()).isEqualTo(expected);
        assertThat(said.getLast()).isEqualTo(expected.size() == 1
                ? "1 problem"
                : expected.size() + " problems");
        assertThat(exit).isEqualTo(1);
        assertThat(out.toString()).isEmpty();
    }

    /** Nobody from outside gets mail through any listener of a shipped file without a password. */
    @ParameterizedTest
    @MethodSource("shipped")
    void listeners_ofShippedFile_relayForNoStranger(Path file, @TempDir Path folder)
            throws Exception {
        Map<String, ListenerConfig> listeners = listeners(file, folder);
        assertThat(listeners).isNotEmpty();
        for (Map.Entry<String, ListenerConfig> listener : listeners.entrySet()) {
            assertThat(listener.getValue().relayFrom()).as(listener.getKey())
                    .allMatch(block -> block.prefixLength() >= 8);
            for (String stranger : List.of("203.0.113.7", "10.1.2.3", "192.168.1.1", "::1",
                    "2001:db8::1", "0.0.0.0")) {
                assertThat(listener.getValue().relayFrom()).as(listener.getKey() + " " + stranger)
                        .noneMatch(block -> block.contains(address(stranger)));
            }
        }
    }

    private static InetAddress address(String numeric) {
        return Cidr.parseAddress(numeric).orElseThrow();
    }

    @Test
    void bad_eachFileHasItsText() throws IOException {
        assertThat(bad()).hasSizeGreaterThanOrEqualTo(39).allMatch(file -> Files.exists(
                Path.of(file.toString().replace(".conf", ".expected"))));
    }
}
