// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is measured is what is shipped: the launchers themselves say what they give to the JVM. */
class LauncherOptionsTest {
    private static final Path ROOT = Path.of(System.getProperty("mailrace.root", ".."))
            .toAbsolutePath();

    @TempDir
    private Path folder;

    private static List<String> run(List<String> command, Map<String, String> environment)
            throws IOException, InterruptedException {
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(),
                StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return said.lines().toList();
    }

    @Test
    void daemon_ofTheSourceLauncher_isStartedWithTheseAndNoOthers()
            throws IOException, InterruptedException {
        assertThat(given("serve")).containsExactlyInAnyOrderElementsOf(LauncherOptions.DAEMON);
    }

    /** Beside where its archive of classes is, which belongs to other jars. */
    @Test
    void command_ofTheSourceLauncher_isStartedWithTheseAndNoOthers()
            throws IOException, InterruptedException {
        assertThat(given("queue")).filteredOn(option -> !option.contains("share")
                && !option.contains("SharedArchive"))
                .containsExactlyInAnyOrderElementsOf(LauncherOptions.COMMAND);
    }

    /** A checkout that is built already, and a Java that only tells what it was given. */
    private List<String> given(String command) throws IOException, InterruptedException {
        Path script = Files.copy(ROOT.resolve("mailrace"), folder.resolve("mailrace"));
        for (String file : List.of("pom.xml", "config/providers.conf")) {
            Files.createDirectories(folder.resolve(file).getParent());
            Files.createFile(folder.resolve(file));
        }
        for (String module : List.of("core", "queue", "dkim", "smtp-server", "delivery",
                "daemon")) {
            Files.createDirectories(folder.resolve("mta-" + module + "/src/main"));
            Files.createFile(folder.resolve("mta-" + module + "/pom.xml"));
        }
        Path target = Files.createDirectories(folder.resolve("mta-daemon/target"));
        Files.createFile(target.resolve("launcher.stamp"));
        Path java = Files.writeString(folder.resolve("java"),
                "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwx------"));
        List<String> given = run(List.of("sh", script.toString(), command), Map.of(
                "MAILRACE_JAVA", java.toString(), "MAILRACE_JAVA_OPTS", ""));
        assertThat(given).contains("io.mailrace.daemon.Main", command);
        return given.subList(0, given.indexOf("-cp")).stream()
                .filter(option -> !option.startsWith("-Xlog")).toList();
    }

    @Test
    void daemon_ofThePackageOnFourGigabytes_hasTheseToo()
            throws IOException, InterruptedException {
        List<String> given = run(List.of("sh", ROOT.resolve("packaging/bin/launch").toString(),
                "serve"),
                Map.of("MAILRACE_PRINT", "1", "MAILRACE_MEMORY", "3900",
                        "MAILRACE_DEFAULTS", folder.resolve("none").toString(),
                        "MAILRACE_JAVA_OPTS", ""));
        assertThat(given).containsAll(LauncherOptions.DAEMON);
    }

    @Test
    void relay_isStartedWithThem() {
        assertThat(LauncherOptions.relay().options()).isEqualTo(LauncherOptions.DAEMON)
                .contains("-XX:+UseSerialGC", "-Xmx256m", "-XX:MaxInlineLevel=3");
    }
}
