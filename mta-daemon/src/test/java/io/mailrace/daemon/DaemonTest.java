// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The whole daemon on loopback: a client, the real modules, a receiver. */
class DaemonTest {
    @TempDir
    Path folder;
    private SinkServer sink = newSink();

    private static SinkServer newSink() {
        try {
            return new SinkServer();
        } catch (IOException failed) {
            throw new java.io.UncheckedIOException(failed);
        }
    }

    @BeforeEach
    void untouched() {
        assertThat(sink.messages).isEmpty();
    }

    @AfterEach
    void closeSink() throws IOException {
        sink.close();
    }

    private static ConditionFactory soon() {
        return await().atMost(Duration.ofSeconds(30)).pollInterval(Duration.ofMillis(20));
    }

    private String configText(String more) {
        return """
                hostname = mta1.example.test
                listeners { relay { bind = "127.0.0.1:0", tls = off,
                                    relay-from = ["127.0.0.0/8"] } }
                spool { path = "%1$s/spool", min-free = 1m }
                routes = [ { via = "smtp://127.0.0.1:%2$d" } ]
                retry.default.intervals = [1s]
                admin { socket = "%1$s/run/admin.sock", bind = "127.0.0.1:0" }
                users.file = "%1$s/users"
                log { events = "%1$s/events.log", level = warn }
                stop-timeout = 10s
                %3$s
                """.formatted(folder, sink.port(), more);
    }

    private Daemon start() {
        return start("");
    }

    private Daemon start(String more) {
        return Daemon.start(DaemonConfig.ofText(configText(more)));
    }

    /** Runs a whole dialogue; the replies to each line, the greeting first. */
    private static List<String> dialogue(Daemon daemon, String... lines) throws IOException {
        InetSocketAddress address = Objects.requireNonNull(daemon.addresses().get("relay"));
        List<String> replies = new ArrayList<>();
        try (Socket client = new Socket(InetAddress.getLoopbackAddress(), address.getPort())) {
            client.setSoTimeout(30_000);
            BufferedReader in = new BufferedReader(new InputStreamReader(client.getInputStream(),
                    StandardCharsets.ISO_8859_1));
            replies.add(in.readLine());
            for (String line : lines) {
                client.getOutputStream().write(
                        (line + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
                String reply = in.readLine();
                while (reply != null && reply.length() > 3 && reply.charAt(3) == '-') {
                    reply = in.readLine();
                }
                replies.add(reply);
            }
        }
        return replies;
    }

    /** Submits one message and returns its spool id. */
    private static String submit(Daemon daemon, String body) throws IOException {
        List<String> replies = dialogue(daemon, "EHLO client.test", "MAIL FROM:<a@sender.test>",
                "RCPT TO:<b@one.test>", "DATA", "Subject: test\r\n\r\n" + body + "\r\n.", "QUIT");
        assertThat(replies).allMatch(reply -> reply.startsWith("2") || reply.startsWith("354"));
        String accepted = replies.get(5);
        assertThat(accepted).startsWith("250 2.0.0 queued as ");
        return accepted.substring("250 2.0.0 queued as ".length()).strip();
    }

    private AdminClient.Answer ask(String uri) throws IOException {
        return new AdminClient(folder.resolve("run/admin.sock")).get(uri, true);
    }

    private List<Map<String, Object>> eventLog() throws IOException {
        Path file = folder.resolve("events.log");
        if (!Files.exists(file)) {
            return List.of();
        }
        return Files.readAllLines(file).stream().map(JsonTree::object).toList();
    }

    @Test
    void submit_throughSmartHost_arrivesAndEverythingTellsIt() throws IOException {
        try (Daemon daemon = start()) {
            String id = submit(daemon, "hello from the test");
            soon().until(() -> sink.messages.size() == 1);
            assertThat(sink.messages.getFirst()).startsWith("Received: ")
                    .contains("Subject: test\r\n", "Message-ID: <" + id + "@mta1.example.test>")
                    .endsWith("\r\n\r\nhello from the test\r\n");
            soon().until(() -> daemon.spool().queues().waiting() == 0);

            AdminClient.Answer trace = ask("/api/v1/trace/" + id);
            assertThat(trace.body()).contains("\"kind\":\"received\"", "\"outcome\":\"delivered\"",
                    "250 2.0.0 taken");
            assertThat(ask("/api/v1/queues").body()).contains("\"waiting\":0");
            assertThat(ask("/metrics").body()).contains("jvm_memory_used_bytes")
                    .containsPattern("\nsmtp_messages_accepted_total(\\{.*})? 1.0\n")
                    .containsPattern("\nspool_messages_accepted_total(\\{.*})? 1.0\n")
                    .containsPattern("\ndelivery_attempts_total(\\{.*})? 1.0\n");
            soon().until(() -> eventLog().size() == 3);
            assertThat(eventLog()).extracting(e -> e.get("kind"), e -> e.get("id"))
                    .containsExactly(tuple("received", id), tuple("lint-found", id),
                            tuple("attempted", id));
        }
        assertThat(sink.messages).hasSize(1);
    }

    @Test
    void commands_askTheRunningDaemon() throws IOException {
        try (Daemon daemon = start()) {
            String id = submit(daemon, "x");
            soon().until(() -> daemon.spool().queues().waiting() == 0
                    && !sink.messages.isEmpty());
            Path config = Files.writeString(folder.resolve("mailrace.conf"), configText(""));
            assertThat(command("trace", id, "--config", config.toString()))
                    .contains("received from relay", "delivered <b@one.test>");
            assertThat(command("queue", "--config", config.toString()))
                    .isEqualTo("Nothing waits.\n");
        }
    }

    private static String command(String... arguments) {
        StringWriter out = new StringWriter();
        CommandLine line = Main.commandLine();
        line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(out, true));
        line.execute(arguments);
        return out.toString();
    }

    @Test
    void restart_withDeferredMail_keepsItSaysWhyAndDeliversOnce() throws IOException {
        sink.rcptReply = "451 4.7.1 come back later";
        String id;
        try (Daemon daemon = start("retry.default.intervals = [1h]")) {
            id = submit(daemon, "deferred");
            soon().until(() -> ask("/api/v1/trace/" + id).body().contains("come back later"));
            soon().until(() -> ask("/api/v1/queues").body().contains("\"taken\":0"));
            assertThat(ask("/api/v1/queues").body()).contains("\"waiting\":1", "\"why\":\"");
        }
        assertThat(sink.messages).isEmpty();
        try (Daemon daemon = start("retry.default.intervals = [1h]")) {
            assertThat(daemon.spool().queues().waiting()).isEqualTo(1);
            assertThat(ask("/api/v1/queues").body()).contains("deferred: the next attempt is due");
            assertThat(ask("/api/v1/trace/" + id).body()).contains("come back later");
        }
    }

    @Test
    void deferred_whenTheReceiverTakesItLater_arrivesOnceAfterARestart() throws IOException {
        sink.rcptReply = "451 4.7.1 come back later";
        try (Daemon daemon = start()) {
            String id = submit(daemon, "twice tried");
            soon().until(() -> ask("/api/v1/trace/" + id).body().contains("come back later"));
        }
        sink.rcptReply = "250 2.1.5 fine";
        try (Daemon daemon = start()) {
            soon().until(() -> daemon.spool().queues().waiting() == 0);
        }
        assertThat(sink.messages).hasSize(1);
    }

    @Test
    void spool_refusing_isNotReadyAndSaysWhy() throws IOException {
        try (Daemon daemon = start("spool.min-free = 1000000g")) {
            soon().until(() -> ask("/healthz/ready").status() == 503);
            assertThat(ask("/healthz").body()).contains("new mail is refused: ");
            assertThat(ask("/healthz/live").status()).isEqualTo(200);
            assertThat(dialogue(daemon, "EHLO client.test", "MAIL FROM:<a@sender.test>"))
                    .last().asString().startsWith("452 4.3.1");
        }
    }

    @Test
    void start_secondOnTheSameSpool_failsAndHarmsNobody() throws IOException {
        try (Daemon daemon = start()) {
            assertThatThrownBy(this::start).isInstanceOf(RuntimeException.class)
                    .isNotInstanceOf(java.util.concurrent.CompletionException.class);
            submit(daemon, "still here");
            soon().until(() -> sink.messages.size() == 1);
            assertThat(ask("/healthz/ready").status()).isEqualTo(200);
        }
    }

    @Test
    void start_addressInUse_failsAndLeavesNothingOpen() throws IOException {
        try (ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() -> start("listeners.relay.bind = \"127.0.0.1:"
                    + other.getLocalPort() + "\"")).hasMessageContainingAll("relay",
                            "belongs to", "process " + ProcessHandle.current().pid(),
                            "take another port with listeners.relay.bind");
        }
        assertThat(folder.resolve("run/admin.sock")).doesNotExist();
        start().close();
    }

    @Test
    void close_twice_isHarmless() {
        Daemon daemon = start();
        daemon.close();
        daemon.close();
        assertThat(daemon.accepting()).isFalse();
    }

    /** The process itself: its log, its exit codes, its stop on SIGTERM. */
    @Test
    void serve_sigterm_stopsInOrderWithExitCodeZero() throws Exception {
        Path config = Files.writeString(folder.resolve("mailrace.conf"), configText(
                "log.level = info"));
        Path log = folder.resolve("stderr.log");
        NotifyListener systemd = new NotifyListener();
        systemd.bind(folder.resolve("notify").toString());
        Process process = serve(config, log);
        try (systemd) {
            systemd.awaitMessage("READY=1\nSTATUS=0 waiting; listening on relay 127.0.0.1:");
            systemd.awaitMessage("WATCHDOG=1");
            assertThat(Files.readString(log)).contains("Daemon: started");
            process.destroy();
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
            systemd.awaitMessage("STATUS=Stopped");
            assertThat(systemd.messages.getFirst()).startsWith("STATUS=Starting: opening");
            assertThat(systemd.count("STOPPING=1\n")).isEqualTo(1);
            assertThat(Files.readString(log)).contains("stopping", "stopped")
                    .doesNotContain("ERROR", "Exception", "WARNING");
            assertThat(process.exitValue()).isZero();
        } finally {
            process.destroyForcibly();
        }
        assertThat(folder.resolve("run/admin.sock")).doesNotExist();
    }

    @Test
    void serve_badConfig_printsTheProblemsAndHasItsExitCode() throws Exception {
        Path config = Files.writeString(folder.resolve("mailrace.conf"), "hostnam = x\n");
        Path log = folder.resolve("stderr.log");
        try (NotifyListener systemd = new NotifyListener()) {
            systemd.bind(folder.resolve("notify").toString());
            Process process = serve(config, log);
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isEqualTo(Main.BAD_CONFIG);
            systemd.awaitMessage("STATUS=Not started: ");
            assertThat(systemd.count("READY=1")).isZero();
        }
        assertThat(Files.readString(log)).contains("did you mean hostname?", "2 problems")
                .doesNotContain("\tat ");
    }

    private Process serve(Path config, Path log) throws IOException {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        ProcessBuilder builder = new ProcessBuilder(Stream.of(java.toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=deny", "-XX:+UseCompactObjectHeaders",
                "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"),
                "io.mailrace.daemon.Main", "serve", "--config", config.toString()).toList())
                .redirectOutput(folder.resolve("stdout.log").toFile())
                .redirectError(log.toFile());
        builder.environment().put("NOTIFY_SOCKET", folder.resolve("notify").toString());
        builder.environment().put("WATCHDOG_USEC", "10000000");
        return builder.start();
    }
}
