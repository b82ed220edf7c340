// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.jspecify.annotations.Nullable;

/** {@code mailrace serve} as a process of its own: signals, exit codes, what the journal gets. */
class ServeProcessTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    @TempDir
    private Path folder;
    private Path log = Path.of("");
    private @Nullable Process process;

    @BeforeEach
    void names() throws IOException {
        log = Files.createFile(folder.resolve("log"));
    }

    @AfterEach
    void end() {
        if (process != null) {
            process.destroyForcibly().onExit().join();
        }
    }

    /** Standard error is a file that counts as the journal. */
    private Process serve(String config) throws IOException {
        Path file = Files.writeString(folder.resolve("mailrace.conf"), config);
        // a test run under nohup hands down that SIGHUP is ignored, and Java leaves it at that
        ProcessBuilder builder = new ProcessBuilder("env", "--default-signal=HUP",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-cp",
                System.getProperty("java.class.path"), Main.class.getName(), "serve", "--config",
                file.toString()).redirectError(log.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD);
        builder.environment().put("JOURNAL_STREAM", Files.getAttribute(log, "unix:dev") + ":"
                + Files.getAttribute(log, "unix:ino"));
        Process started = builder.start();
        process = started;
        return started;
    }

    private void awaitLine(String part) {
        await().atMost(LIMIT).until(() -> Files.readString(log).contains(part));
    }

    private String config(String level) {
        return """
                hostname = mta1.example.test
                listeners { relay { bind = "127.0.0.1:0", tls = off,
                                    relay-from = ["127.0.0.0/8"] } }
                spool { path = "%1$s/spool", min-free = 1m }
                admin { socket = "%1$s/admin.sock", bind = "" }
                log { events = off, level = %2$s }
                """.formatted(folder, level);
    }

    private static void signal(Process to, String name) throws Exception {
        assertThat(Program.run("kill", "-s", name, Long.toString(to.pid())).exit()).isZero();
    }

    @Test
    void hangUp_reloadsAndGoesOn_termEndsIt() throws Exception {
        Process serving = serve(config("info"));
        awaitLine("started version=");
        signal(serving, "HUP");
        awaitLine("reload=taken");
        assertThat(serving.isAlive()).isTrue();
        Files.writeString(folder.resolve("mailrace.conf"), config("loud"));
        signal(serving, "HUP");
        awaitLine("reload=refused");
        assertThat(serving.isAlive()).isTrue();
        signal(serving, "TERM");
        assertThat(serving.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(serving.exitValue()).isZero();
        List<String> lines = Files.readAllLines(log);
        assertThat(lines).anyMatch(line -> line.matches("<6>.* INFO .*started version=.*"))
                .anyMatch(line -> line.matches("<3>.* ERROR .*reload=refused.*"))
                .allMatch(line -> line.matches("<[3467]>.*"));
    }

    @Test
    void badConfiguration_hasACodeOfItsOwn() throws Exception {
        Process serving = serve("hostnam = mta1.example.test\n");
        assertThat(serving.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(serving.exitValue()).isEqualTo(Main.BAD_CONFIG);
        assertThat(Files.readAllLines(log)).isNotEmpty()
                .allMatch(line -> line.startsWith("<3>"));
        assertThat(Files.readString(Program.ROOT.resolve("packaging/systemd/mailrace.service")))
                .contains("\nRestartPreventExitStatus=" + Main.BAD_CONFIG + "\n");
    }
}
