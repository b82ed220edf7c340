// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What operators see of warm-up and do to it, over the admin socket of a running daemon. */
class WarmupCommandsTest {
    @TempDir
    Path folder;
    private Path config = Path.of("unset");
    private Daemon daemon = unset();

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // set before each test
    private static <T> T unset() {
        return null;
    }

    /** What a command printed and its exit code. */
    private record Said(int code, String out, String err) {}

    @BeforeEach
    void start() throws IOException {
        for (String name : new String[]{"providers.conf", "warmup.conf"}) {
            Files.copy(Path.of("../config").resolve(name), folder.resolve(name));
        }
        config = folder.resolve("mailrace.conf");
        Files.writeString(config, """
                hostname = mta1.example.test
                include "providers.conf"
                include "warmup.conf"
                listeners { relay { bind = "127.0.0.1:0", tls = off,
                                    relay-from = ["127.0.0.0/8"] } }
                sources { a { warmup { plan = fast, unchecked = true } }, b {} }
                spool { path = "%1$s/spool", min-free = 1m }
                admin { socket = "%1$s/admin.sock", bind = "" }
                users.file = "%1$s/users"
                log { events = off, level = error }
                stop-timeout = 1s
                """.formatted(folder));
        daemon = Daemon.start(DaemonConfig.load(config));
    }

    @AfterEach
    void stop() {
        daemon.close();
    }

    private Said run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = Main.commandLine().setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err));
        String[] all = Arrays.copyOf(arguments, arguments.length + 2);
        all[arguments.length] = "--config";
        all[arguments.length + 1] = config.toString();
        int code = line.execute(all);
        return new Said(code, out.toString(), err.toString());
    }

    @Test
    void status_saysWhatIsToBeKnown() {
        assertThat(run("warmup", "status").out())
                .startsWith("SOURCE  PROVIDER  STATE    PLAN  STEP")
                .contains("a       -         waiting  fast  1/12", "a: it had no mail yet");
        assertThat(run("warmup", "--json").out()).contains("\"source\":\"a\"",
                "\"plan\":\"fast\"", "\"steps\":12");
    }

    @Test
    void plan_saysWhenTheVolumeFitsAndWhatDoesNotUntilThen() {
        assertThat(run("warmup", "plan", "a", "--provider", "gmail", "--volume", "6000").out())
                .contains("a at gmail, plan fast, 6,000 messages a day, 3,000 of them its part: all"
                        + " of it fits from ",
                        "and is never warm with so little mail",
                        "1     500    500    2,500", "4     4,000  3,000  0", "REST goes by warm");
        assertThat(run("warmup", "plan", "b").err()).contains(
                "source b is not warmed up: name a plan of by-share, fast");
        assertThat(run("warmup", "plan", "b", "--plan", "six-weeks", "--volume", "400000",
                "--json").out()).contains("\"plan\":\"six-weeks\"", "\"warm-on\":");
    }

    @Test
    void changes_areDoneOrRefusedWithASentence() {
        assertThat(run("warmup", "start", "b", "--plan", "standard", "--unchecked").out())
                .isEqualTo("started: b\n");
        assertThat(run("warmup", "status").out()).contains("b       -         waiting  standard");
        assertThat(run("warmup", "start", "b").err()).contains("is warmed up already");
        assertThat(run("warmup", "start", "c", "--plan", "fast").err()).contains(
                "there is no source named c");
        assertThat(run("warmup", "start", "a", "--plan", "slow").err()).contains(
                "there is no plan named slow");
        assertThat(run("warmup", "pause", "a", "--provider", "gmial").err()).contains(
                "there is no provider named gmial");
        assertThat(run("warmup", "pause", "nobody").err()).contains(
                "there is no source named nobody");
        assertThat(run("warmup", "complaints", "a", "3", "--provider", "gmail").err()).contains(
                "source a is not warmed up at gmail");
    }

    @Test
    void wholeSource_isPausedCompletedAndStopped() {
        assertThat(run("warmup", "pause", "a", "--why", "holidays").out()).isEqualTo(
                "paused: a\n");
        assertThat(run("warmup", "status").out()).contains("a       -         paused  fast",
                "a: the warm-up of source a is paused: holidays");
        assertThat(run("warmup", "resume", "a").out()).isEqualTo("resumed: a\n");
        assertThat(run("warmup", "pause", "b").err()).contains("source b is not warmed up");
        assertThat(run("warmup", "complete", "a", "--provider", "gmail").out()).isEqualTo(
                "complete: a at gmail\n");
        assertThat(run("warmup", "complete", "a").out()).isEqualTo("complete: a\n");
        assertThat(run("warmup", "status").out()).contains("a       gmail     warm");
        assertThat(run("warmup", "stop", "a").err()).contains(
                "the configuration says that source a is warmed up");
        assertThat(run("warmup", "stop", "b").err()).contains("source b is not warmed up");
        assertThat(run("warmup", "start", "b", "--plan", "fast").code()).isZero();
        assertThat(run("warmup", "stop", "b").out()).isEqualTo("stopped: b\n");
        assertThat(run("warmup", "status").out()).doesNotContain("b   ");
        assertThat(run("warmup", "--help").out()).contains("complete", "stop");
    }

    @Test
    void simulate_needsNoDaemon() {
        assertThat(run("warmup", "simulate", "--days", "3", "--volume", "2000", "--plan", "fast")
                .out()).contains("DAY         CAP        SENT", "beyond a cap 0");
        assertThat(run("warmup", "simulate", "--plan", "slow").err()).contains(
                "there is no plan named slow");
    }
}
