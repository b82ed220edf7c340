// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mailrace.core.Metrics;
import io.mailrace.core.SigningLoad;
import io.mailrace.core.TimeSource;
import io.netty.channel.epoll.Epoll;
import io.netty.handler.ssl.OpenSsl;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What only sockets show: many at once, slow and silent ones, limits, TLS, stopping. */
class SmtpServerTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static void sendMessage(TestClient client) throws IOException {
        assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("250");
        assertThat(client.ask("RCPT TO:<b@example.net>")).startsWith("250");
        assertThat(client.ask("DATA")).startsWith("354");
        assertThat(client.ask("Subject: x", "", "text", ".")).startsWith("250 2.0.0 queued as");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void sessions_200AtOnce_allAreServed(boolean nio) throws Exception {
        RecordingSpool spool = new RecordingSpool();
        try (TestServer server = nio
                ? TestServer.startOnNio(Fixture.config(), spool)
                : TestServer.start(Fixture.config(), spool);
                ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> all = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                boolean secure = i % 4 == 0;
                all.add(clients.submit(() -> {
                    try (TestClient client = server.greeted(secure ? "submissions" : "relay")) {
                        client.ask("EHLO c");
                        if (secure) {
                            assertThat(client.ask("AUTH PLAIN " + Fixture.plainLogin(
                                    Fixture.USER, Fixture.PASSWORD))).startsWith("235");
                        }
                        sendMessage(client);
                        sendMessage(client);
                        assertThat(client.ask("QUIT")).startsWith("221");
                        assertThat(client.atEnd()).isTrue();
                    }
                    return null;
                }));
            }
            for (Future<?> one : all) {
                one.get(60, TimeUnit.SECONDS);
            }
            assertThat(spool.stored).hasSize(400);
            assertThat(server.metric("smtp_messages_accepted_total")).isEqualTo(400);
            assertThat(server.metric("smtp_connections_total")).isEqualTo(200);
            await().atMost(PATIENCE).until(() -> server.metric("smtp_connections_current") == 0);
        }
    }

    @Test
    void client_neverReads_isHeldAndThenCutOff() throws Exception {
        SmtpServerConfig config = Fixture.config("submission { max-errors = 10000,"
                + " max-junk = 100000, idle-timeout = 500ms }");
        try (TestServer server = TestServer.start(config, new RecordingSpool());
                TestClient client = server.greeted("relay")) {
            byte[] batch = Fixture.latin1("EHLO c\r\nRSET\r\n".repeat(4000));
            client.socket().setReceiveBufferSize(4096);
            assertThatThrownBy(() -> {
                for (int i = 0; i < 2000; i++) {
                    client.send(batch);
                }
            }).isInstanceOf(SocketException.class);
            // Far less was read than was sent: the rest never left the client.
            assertThat(server.metric("smtp_bytes_received_total")).isLessThan(40_000_000L);
        }
    }

    @Test
    void client_silent_isToldAndCutOff() throws Exception {
        SmtpServerConfig config = Fixture.config("submission.idle-timeout = 2s");
        try (TestServer server = TestServer.start(config, new RecordingSpool());
                TestClient idle = server.greeted("relay");
                TestClient slow = server.greeted("relay")) {
            slow.ask("EHLO c");
            slow.ask("MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA");
            assertThat(idle.reply()).startsWith("421 4.4.2");
            assertThat(idle.atEnd()).isTrue();
            assertThat(slow.reply()).startsWith("250");
            assertThat(slow.reply()).startsWith("354");
            assertThat(slow.reply()).startsWith("421 4.4.2");
        }
    }

    /** As {@code printf ... | nc -N} does. */
    @ParameterizedTest
    @CsvSource({"false, false", "false, true", "true, false", "true, true"})
    void client_endsItsInputAfterTheDot_hearsItsReply(boolean nio, boolean quits)
            throws Exception {
        RecordingSpool spool = new RecordingSpool();
        spool.commits = RecordingSpool.Commits.HELD;
        try (TestServer server = nio
                ? TestServer.startOnNio(Fixture.config(), spool)
                : TestServer.start(Fixture.config(), spool);
                TestClient client = server.greeted("relay")) {
            client.say("EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<b@c>", "DATA", "A: b", "", ".");
            if (quits) {
                client.say("QUIT");
            }
            client.socket().shutdownOutput();
            await().atMost(PATIENCE).until(() -> spool.heldCommits() == 1);
            spool.releaseCommits();
            String heard = TestClient.text(client.readAll());
            assertThat(heard).contains("250 2.0.0 queued as");
            assertThat(heard.endsWith("221 2.0.0 Bye\r\n")).isEqualTo(quits);
            assertThat(spool.stored).hasSize(1);
            await().atMost(PATIENCE).until(() -> server.metric("smtp_connections_current") == 0);
        }
    }

    /** epoll reads all there is when the input ends, whether we read or not. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void client_endsItsInputWhileTheSpoolIsSlow_isTakenWhole(boolean nio) throws Exception {
        RecordingSpool spool = new RecordingSpool();
        SmtpServerConfig config = Fixture.config("submission.max-size = 1m");
        try (TestServer server = nio
                ? TestServer.startOnNio(config, spool)
                : TestServer.start(config, spool);
                TestClient client = server.greeted("relay")) {
            client.ask("EHLO c");
            client.ask("MAIL FROM:<a@example.com>");
            client.ask("RCPT TO:<b@example.net>");
            client.ask("DATA");
            spool.writable = false;
            client.send(Fixture.latin1(("y".repeat(998) + "\r\n").repeat(60) + ".\r\n"));
            client.socket().shutdownOutput();
            await().atMost(PATIENCE).until(() -> nio || !Epoll.isAvailable()
                    || server.metric("smtp_bytes_received_total") > 60_000);
            spool.writable = true;
            spool.incoming.getFirst().becomeWritable();
            assertThat(client.reply()).startsWith("250 2.0.0 queued as");
            assertThat(client.atEnd()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void client_endsItsInputBeforeThat_isClosedAtOnce(boolean nio) throws Exception {
        RecordingSpool spool = new RecordingSpool();
        try (TestServer server = nio
                ? TestServer.startOnNio(Fixture.config(), spool)
                : TestServer.start(Fixture.config(), spool);
                TestClient idle = server.greeted("relay");
                TestClient inContent = server.greeted("relay");
                TestClient shaking = new TestClient(server.address("submissions"));
                TestClient upgrading = server.greeted("submission")) {
            inContent.say("EHLO c", "MAIL FROM:<a@b>", "RCPT TO:<b@c>", "DATA", "A: b", "", "x");
            upgrading.say("STARTTLS");
            for (TestClient client : List.of(idle, inContent, shaking, upgrading)) {
                client.socket().shutdownOutput();
                client.readAll();
            }
            await().atMost(PATIENCE).until(() -> server.metric("smtp_connections_current") == 0);
            assertThat(spool.stored).isEmpty();
            assertThat(spool.discarded).hasValue(1);
        }
    }

    @Test
    void handshake_neverDone_isCutOff() throws Exception {
        SmtpServerConfig config = Fixture.config("submission.handshake-timeout = 300ms");
        try (TestServer server = TestServer.start(config, new RecordingSpool());
                TestClient implicit = new TestClient(server.address("submissions"));
                TestClient upgrading = server.greeted("submission")) {
            assertThat(upgrading.ask("STARTTLS")).startsWith("220");
            assertThat(implicit.atEnd()).isTrue();
            assertThat(upgrading.atEnd()).isTrue();
            await().atMost(PATIENCE)
                    .until(() -> server.metric("smtp_tls_handshakes_failed_total") == 2);
        }
    }

    @Test
    void plainText_afterStartTls_isNotAnswered() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        try (TestServer server = TestServer.start(Fixture.config(), spool);
                TestClient client = server.greeted("optional")) {
            assertThat(client.ask("STARTTLS")).startsWith("220");
            client.say("EHLO x", "MAIL FROM:<evil@example.com>", "RCPT TO:<b@example.net>");
            String answer = TestClient.text(client.readAll());
            assertThat(answer).doesNotContain("250");
        }
    }

    @Test
    void connections_tooMany_areTurnedAway() throws Exception {
        SmtpServerConfig config = Fixture.config("submission { max-connections = 3,"
                + " max-connections-per-address = 1 }");
        try (TestServer server = TestServer.start(config, new RecordingSpool());
                TestClient one = server.greeted("submission")) {
            assertThat(one.ask("NOOP")).startsWith("250");
            try (TestClient two = server.connect("submission")) {
                assertThat(two.reply()).startsWith("421 4.7.0 Too many connections");
                assertThat(two.atEnd()).isTrue();
            }
            try (TestClient implicit = new TestClient(server.address("submissions"))) {
                assertThat(implicit.atEnd()).isTrue();
            }
            try (TestClient trusted = server.greeted("relay");
                    TestClient also = server.greeted("relay");
                    TestClient tooMany = server.connect("relay")) {
                assertThat(trusted.ask("NOOP")).startsWith("250");
                assertThat(also.ask("NOOP")).startsWith("250");
                assertThat(tooMany.reply()).startsWith("421 4.7.0");
            }
            assertThat(server.metric("smtp_connections_refused_total")).isEqualTo(3);
        }
    }

    @Test
    void largeMessage_spoolSlow_isTakenWholeWithBoundedReading() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        SmtpServerConfig config = Fixture.config("submission.max-size = 40m");
        try (TestServer server = TestServer.start(config, spool);
                TestClient client = server.greeted("relay");
                ExecutorService sender = Executors.newVirtualThreadPerTaskExecutor()) {
            client.ask("EHLO c");
            client.ask("MAIL FROM:<a@example.com>");
            client.ask("RCPT TO:<b@example.net>");
            client.ask("DATA");
            spool.writable = false;
            byte[] line = Fixture.latin1("y".repeat(998) + "\r\n");
            Future<?> sending = sender.submit(() -> {
                for (int i = 0; i < 20_000; i++) {
                    client.send(line);
                }
                client.send(Fixture.latin1(".\r\n"));
                return null;
            });
            long before = server.metric("smtp_bytes_received_total");
            await().during(Duration.ofMillis(300)).atMost(PATIENCE).until(() -> server.metric(
                    "smtp_bytes_received_total") - before < 1 << 20);
            assertThat(sending.isDone()).isFalse();
            spool.writable = true;
            spool.incoming.getFirst().becomeWritable();
            sending.get(60, TimeUnit.SECONDS);
            assertThat(client.reply()).startsWith("250 2.0.0 queued as");
            assertThat(spool.stored.getFirst().submission().facts().sizeBytes())
                    .isGreaterThan(20_000_000L);
        }
    }

    @Test
    void lineWithoutEnd_isCutOff() throws Exception {
        try (TestServer server = TestServer.start(Fixture.config(), new RecordingSpool());
                TestClient client = server.greeted("relay")) {
            byte[] junk = Fixture.latin1("x".repeat(64 * 1024));
            assertThatThrownBy(() -> {
                for (int i = 0; i < 6000; i++) {
                    client.send(junk);
                }
            }).isInstanceOf(IOException.class);
            assertThat(server.metric("smtp_bytes_received_total")).isLessThan(8 << 20);
        }
    }

    @Test
    void stop_finishesTransactionsAndTurnsAwayTheRest() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        try (TestServer server = TestServer.start(Fixture.config(), spool);
                TestClient idle = server.greeted("relay");
                TestClient busy = server.greeted("relay")) {
            busy.ask("EHLO c");
            busy.ask("MAIL FROM:<a@example.com>");
            busy.ask("RCPT TO:<b@example.net>");
            InetSocketAddress relay = server.address("relay");
            server.server.stopAccepting();
            assertThat(server.server.accepting()).isFalse();
            assertThat(idle.reply()).startsWith("421 4.3.2");
            assertThat(idle.atEnd()).isTrue();
            assertThatThrownBy(() -> new TestClient(relay)).isInstanceOf(IOException.class);
            assertThat(busy.ask("DATA")).startsWith("354");
            assertThat(busy.ask("A: b", "", ".")).startsWith("250 2.0.0 queued");
            assertThat(busy.reply()).startsWith("421 4.3.2");
            assertThat(spool.stored).hasSize(1);
        }
    }

    @Test
    void close_sessionThatNeverFinishes_isForced() throws Exception {
        try (TestServer server = TestServer.start(Fixture.config(), new RecordingSpool());
                TestClient busy = server.greeted("relay")) {
            busy.ask("EHLO c");
            busy.ask("MAIL FROM:<a@example.com>");
            server.server.close(Duration.ofMillis(100));
            assertThat(busy.reply()).startsWith("421 4.3.2");
            assertThat(busy.atEnd()).isTrue();
            assertThat(server.metric("smtp_connections_current")).isZero();
        }
    }

    @Test
    void refusals_areToldToTheJournalWithinABound() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        spool.refusal = Optional.of("disk full");
        SmtpServerConfig config = Fixture.config("submission.max-junk = 1000");
        try (TestServer server = TestServer.start(config, spool);
                TestClient client = server.greeted("relay")) {
            client.ask("EHLO c");
            for (int i = 0; i < 300; i++) {
                assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("452 4.3.1");
            }
            assertThat(spool.events).isNotEmpty();
            assertThat(spool.events.size() + server.metric("smtp_rejections_dropped_total"))
                    .isEqualTo(300);
        }
    }

    @Test
    void certificate_changed_isShownToNewClients(@TempDir Path directory) throws Exception {
        Path certificate = directory.resolve("cert.pem");
        Path key = directory.resolve("key.pem");
        TestCertificates.write("one.test", certificate, key);
        SmtpServerConfig config = Fixture.config("tls { certificate = \"" + certificate
                + "\", key = \"" + key + "\" }");
        try (TestServer server = TestServer.start(config, new RecordingSpool());
                TestClient before = server.greeted("submissions")) {
            assertThat(before.certificate().getSubjectX500Principal().getName())
                    .isEqualTo("CN=one.test");
            Files.writeString(key, "nonsense");
            TestCertificates.write("two.test", certificate, key);
            await().atMost(PATIENCE).ignoreExceptions().until(() -> {
                try (TestClient client = server.greeted("submissions")) {
                    return client.certificate().getSubjectX500Principal().getName()
                            .equals("CN=two.test");
                }
            });
            assertThat(before.ask("NOOP")).startsWith("250");
        }
    }

    @Test
    void start_cannot_saysWhyAndLeavesNothingOpen(@TempDir Path directory) throws Exception {
        try (TestServer server = TestServer.start(Fixture.config(), new RecordingSpool())) {
            int taken = server.address("relay").getPort();
            assertThatThrownBy(() -> SmtpServer.start(Fixture.config(
                    "listeners.relay.bind = \"127.0.0.1:" + taken + "\""), new RecordingSpool(),
                    server.loops, TimeSource.system(), new Metrics(), Fixture.SIGNING,
                    SigningLoad.NONE))
                    .isInstanceOf(SmtpServerException.class)
                    .hasMessageContaining("listener relay cannot listen on");
            Path file = Files.writeString(directory.resolve("bad.pem"), "nonsense");
            assertThatThrownBy(() -> SmtpServer.start(Fixture.config("tls { certificate = \""
                    + file + "\", key = \"" + file + "\" }"), new RecordingSpool(), server.loops,
                    TimeSource.system(), new Metrics(), Fixture.SIGNING, SigningLoad.NONE))
                    .isInstanceOf(SmtpServerException.class)
                    .hasMessageContaining("bad.pem");
            Path users = Files.writeString(directory.resolve("users"), "nonsense\n");
            assertThatThrownBy(() -> SmtpServer.start(Fixture.config("users.file = \"" + users
                    + "\""), new RecordingSpool(), server.loops, TimeSource.system(),
                    new Metrics(), Fixture.SIGNING, SigningLoad.NONE))
                    .isInstanceOf(SmtpServerException.class)
                    .hasMessageContaining("line 1");
        }
    }

    @Test
    void nativeTls_isThere() {
        assertThat(OpenSsl.isAvailable()).isTrue();
    }
}
