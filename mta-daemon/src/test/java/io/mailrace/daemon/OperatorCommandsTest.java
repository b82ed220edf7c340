// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mailrace.core.Lane;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What operators do to mail and spool, as they type it, against a daemon that cannot deliver. */
class OperatorCommandsTest {
    @TempDir
    Path folder;
    private Path config = Path.of("unset");
    private Daemon daemon = unset();
    private int closedPort;

    @SuppressWarnings("NullAway") // set before each test
    private static Daemon unset() {
        return null;
    }

    /** What a command printed and its exit code. */
    private record Said(int code, String out, String err) {}

    @BeforeEach
    void start() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closedPort = socket.getLocalPort();
        }
        config = folder.resolve("mailrace.conf");
        Files.writeString(config, """
                hostname = mta1.example.test
                listeners { relay { bind = "127.0.0.1:0", tls = off,
                                    relay-from = ["127.0.0.0/8"] } }
                spool { path = "%1$s/spool", min-free = 1m }
                routes = [ { when { recipient-domain = bulk.test }, lane = bulk
                             via = "smtp://127.0.0.1:%2$d" }
                           { via = "smtp://127.0.0.1:%2$d" } ]
                admin { socket = "%1$s/admin.sock", bind = "" }
                users.file = "%1$s/users"
                log { events = off, level = error }
                stop-timeout = 1s
                """.formatted(folder, closedPort));
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

    private String submit(String recipient) throws IOException {
        InetSocketAddress address = Objects.requireNonNull(daemon.addresses().get("relay"));
        try (SimulatedClient client = SimulatedClient.connect(address, Duration.ofSeconds(30))) {
            SimulatedClient.Reply reply = client.send("app@sender.test", List.of(recipient),
                    "Subject: to be looked after\r\n\r\nHello\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
            assertThat(reply.code()).isEqualTo(250);
            String text = reply.toString();
            return text.substring(text.indexOf("queued as ") + 10).strip().substring(0, 13);
        }
    }

    /** Until every attempt under way has failed and its mail waits. */
    private void settled(long waiting) {
        await().atMost(Duration.ofSeconds(30)).until(() -> {
            List<QueueStatus> all = daemon.spool().queues().statuses();
            return all.stream().mapToLong(QueueStatus::waiting).sum() == waiting
                    && all.stream().allMatch(one -> one.taken() == 0);
        });
    }

    @Test
    void holdAndRelease_byDomain_changeThatMailOnly() throws IOException {
        submit("a@one.test");
        submit("b@two.test");
        settled(2);
        assertThat(run("hold", "--domain", "one.test", "--why", "looks odd"))
                .extracting(Said::code, Said::out).containsExactly(0,
                        "hold domain=one.test: 1 envelopes changed of 2 looked at\n");
        assertThat(run("queue").out()).contains("1 held by an operator");
        assertThat(run("operations").out()).contains("done", "hold domain=one.test");
        assertThat(run("hold", "--domain", "one.test").out()).contains("0 envelopes changed");
        assertThat(run("release", "--all").out()).contains("1 envelopes changed");
        assertThat(run("queue").out()).doesNotContain("held by");
        assertThat(run("retry", "--all").code()).isZero();
    }

    @Test
    void bounceAndDiscard_removeMailAndSayWhatTheyDid() throws IOException {
        String bounced = submit("a@one.test");
        submit("b@two.test");
        submit("c@bulk.test");
        settled(3);
        assertThat(run("bounce", "--domain", "one.test", "--why", "no longer wanted").out())
                .contains("1 envelopes changed");
        assertThat(run("trace", bounced).out()).contains("bounced by an operator",
                "no longer wanted", "delivery status (failed) sent to <app@sender.test>");
        assertThat(run("discard", "--lane", "bulk").out()).contains("1 envelopes changed");
        assertThat(run("discard", "--all").err()).contains("give --yes");
        assertThat(run("discard", "--all", "--yes").code()).isZero();
        settled(0);
    }

    @Test
    void rebind_toAnotherLaneAndHop_movesTheQueue() throws IOException {
        submit("a@one.test");
        settled(1);
        assertThat(run("rebind", "--domain", "one.test", "--to-lane", "bulk", "--to-via",
                "smtp://127.0.0.1:" + closedPort).out()).contains("1 envelopes changed");
        assertThat(daemon.spool().queues().statuses()).extracting(QueueStatus::key)
                .containsExactly(new QueueKey(Lane.BULK, "default",
                        "smtp://127.0.0.1:" + closedPort, "default"));
        assertThat(run("rebind", "--all", "--to-via", "http://x").err())
                .contains("to-via must be smtp://host:port or mx");
        assertThat(run("rebind", "--all").err()).contains("rebind needs");
    }

    @Test
    void malformedSelections_areRefusedWithAReason() {
        assertThat(run("hold").err()).contains("--all");
        assertThat(run("hold", "--lane", "fast").err()).contains("transactional, default or bulk");
        assertThat(run("hold", "--older-than", "soon").err()).contains("90s, 15m, 2h or 3d");
        assertThat(run("hold", "--id", "1").err()).contains("queued as ID");
        assertThat(run("hold", "--tenant", "a\nb").err()).contains("short printable text");
        assertThat(run("operations", "--cancel", "77").err()).contains("no such operation");
    }

    @Test
    void spoolCommands_backupCheckRestoreExport() throws IOException {
        String id = submit("a@one.test");
        submit("b@two.test");
        settled(2);
        assertThat(run("spool", "stats").out()).contains("envelopes waiting", "files of content");
        assertThat(run("spool", "stats", "--json").out()).contains("\"waiting\":2");
        assertThat(run("spool", "compact").out()).contains("compact: done");
        Path backup = folder.resolve("backup");
        assertThat(run("backup", backup.toString()).out()).contains("done");
        assertThat(run("backup", backup.toString()).err()).contains("is not empty");
        assertThat(daemon.spool().care().content(
                SpoolId.parse(id).orElseThrow())).isPresent();
        daemon.close();
        assertThat(run("spool", "check").out()).contains("2 envelopes, 0 problems");
        assertThat(run("spool", "check", backup.toString()).out())
                .contains("2 envelopes, 0 problems");
        Path export = folder.resolve("export");
        assertThat(run("spool", "export", export.toString(), "--from", backup.toString(),
                "--domain", "one.test").out()).contains("1 messages written");
        assertThat(Files.readString(export.resolve(id + ".eml"))).contains("to be looked after");
        assertThat(run("restore", backup.toString()).err()).contains("already");
        Files.move(folder.resolve("spool"), folder.resolve("old"));
        assertThat(run("restore", backup.toString()).out())
                .contains("2 envelopes, 0 problems");
        daemon = Daemon.start(DaemonConfig.load(config));
        settled(2);
        assertThat(run("spool", "stats").out()).contains("envelopes waiting");
    }
}
