// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mailrace.core.TimeSource;
import io.mailrace.queue.SpoolPressure;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Too much at once: what sessions and a server answer, and that it ends by itself. */
class IntakeRoomTest {
    private static final int KB = 1 << 10;
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private final SmtpServerConfig config = Fixture.config(
            "submission { max-size = 1m, max-header = 64k }");

    private SessionDriver session(IntakeBudget budget) {
        SessionDriver driver = new SessionDriver(config, "relay");
        driver.budget = budget;
        driver.open();
        return driver.say("EHLO c");
    }

    private static SessionDriver inMail(SessionDriver driver, String size) {
        return driver.say("MAIL FROM:<a@b>" + size, "RCPT TO:<b@c>");
    }

    @Test
    void data_withoutRoom_isPutOffAndTheTransactionStays() {
        IntakeBudget budget = new IntakeBudget(128 * KB);
        IntakeBudget.Grant others = budget.open("others");
        others.covers(96 * KB);
        SessionDriver driver = inMail(session(budget), "").say("DATA");
        assertThat(driver.lastLine()).startsWith("452 4.3.1");
        others.close();
        driver.say("DATA", "A: b", "", "x", ".");
        assertThat(driver.lastLine()).startsWith("250 2.0.0 queued as");
        assertThat(budget.used()).isZero();
    }

    @Test
    void bdat_withoutRoom_isSwallowedAndPutOff() {
        IntakeBudget budget = new IntakeBudget(128 * KB);
        IntakeBudget.Grant others = budget.open("others");
        others.covers(96 * KB);
        SessionDriver driver = inMail(session(budget), "").say("BDAT 6 LAST").feed("QUIT\r\n");
        assertThat(driver.lastLine()).startsWith("452 4.3.1");
        assertThat(driver.closed).isFalse();
        others.close();
        inMail(driver, "").say("BDAT 6 LAST").feed("A: b\r\n");
        assertThat(driver.lastLine()).startsWith("250 2.0.0 queued as");
        assertThat(budget.used()).isZero();
    }

    @Test
    void content_growingBeyondTheRoom_isPutOffAndItsMemoryFreedAtOnce() {
        IntakeBudget budget = new IntakeBudget(96 * KB);
        SessionDriver driver = inMail(session(budget), "").say("DATA", "A: b", "");
        for (int i = 0; i < 200; i++) {
            driver.say("x".repeat(998));
        }
        assertThat(driver.spool.discarded.get()).isEqualTo(1);
        assertThat(budget.used()).as("while the rest is swallowed").isLessThanOrEqualTo(4 * KB);
        driver.say(".");
        assertThat(driver.lastLine()).startsWith("452 4.3.1");
        assertThat(driver.told).contains("data 452");
        assertThat(driver.closed).isFalse();
        assertThat(budget.used()).isZero();
    }

    @Test
    void content_ofAnySize_takesTwoChunksAtMost() {
        IntakeBudget budget = new IntakeBudget(1024 * KB);
        SessionDriver driver = inMail(session(budget), " SIZE=900000").say("DATA", "A: b", "");
        assertThat(budget.used()).isEqualTo(160 * KB);
        for (int i = 0; i < 800; i++) {
            driver.say("x".repeat(998));
        }
        assertThat(budget.used()).isLessThanOrEqualTo(288 * KB);
        driver.say(".");
        assertThat(driver.lastLine()).startsWith("250 2.0.0 queued as");
        assertThat(budget.used()).isZero();
    }

    @Test
    void recipients_withoutRoom_arePutOff() {
        IntakeBudget budget = new IntakeBudget(8 * KB);
        SmtpServerConfig many = Fixture.config("submission.max-recipients = 1000");
        SessionDriver driver = new SessionDriver(many, "relay");
        driver.budget = budget;
        driver.open();
        driver.say("EHLO c", "MAIL FROM:<a@b>");
        for (int i = 0; i < 20; i++) {
            driver.say("RCPT TO:<r" + i + "@c>");
        }
        assertThat(driver.lines.stream().filter(l -> l.startsWith("250 2.1.5"))).hasSize(8);
        assertThat(driver.lines.stream().filter(l -> l.startsWith("452 4.3.1"))).hasSize(12);
        driver.say("RSET");
        assertThat(budget.used()).isZero();
    }

    @Test
    void bdatWithoutRoom_onAndOn_endsTheSession() {
        IntakeBudget budget = new IntakeBudget(128 * KB);
        budget.open("others").covers(96 * KB);
        SessionDriver driver = session(budget);
        for (int i = 0; i < 8; i++) {
            inMail(driver, "").say("BDAT 6 LAST").feed("A: b\r\n");
            assertThat(driver.lastLine()).startsWith("452 4.3.1");
        }
        inMail(driver, "").say("BDAT 6 LAST").feed("A: b\r\n");
        assertThat(driver.lastLine()).startsWith("421 4.7.0");
        assertThat(driver.closed).isTrue();
    }

    @Test
    void recipientsWithoutRoom_noneAccepted_endTheSession() {
        SessionDriver driver = session(new IntakeBudget(256)).say("MAIL FROM:<a@b>");
        for (int i = 0; i < 8; i++) {
            assertThat(driver.say("RCPT TO:<b@c>").lastLine()).startsWith("452 4.3.1");
        }
        assertThat(driver.say("RCPT TO:<b@c>").lastLine()).startsWith("421 4.7.0");
    }

    /** 4,000 sessions with one chunk each were half a gigabyte. */
    @Test
    void sessions_4000InDataAtOnce_stayWithinTheBudget() {
        IntakeBudget budget = new IntakeBudget(64 << 20);
        List<SessionDriver> all = new ArrayList<>();
        for (int i = 0; i < 4000; i++) {
            SessionDriver driver = inMail(session(budget), "").say("DATA", "A: b", "");
            all.add(driver);
            for (int line = 0; line < 125 && driver.lastLine().startsWith("354"); line++) {
                driver.say("x".repeat(998));
            }
        }
        assertThat(budget.used()).isLessThanOrEqualTo(budget.limit());
        long holding = all.stream().mapToLong(d -> d.spool.begun.get() - d.spool.discarded.get())
                .sum();
        assertThat(holding).as("messages that hold a chunk").isBetween(100L, 512L);
        all.forEach(d -> d.session.lost());
        assertThat(budget.used()).isZero();
    }

    @Test
    void server_underPressure_refusesMailAndTakesItAgainByItself() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        try (TestServer server = TestServer.start(
                Fixture.config("pressure { max-commits-waiting = 100, slow-delay = 10ms }"),
                spool);
                TestClient client = server.greeted("relay")) {
            client.ask("EHLO c");
            spool.pressure = new SpoolPressure(100, 0, 0, Map.of());
            await().atMost(PATIENCE).until(
                    () -> server.server.intake().level() == IntakePressure.Level.REFUSE);
            assertThat(client.ask("MAIL FROM:<a@b>")).startsWith("452 4.3.1");
            assertThat(server.metric("smtp_intake_level")).isEqualTo(2);
            assertThat(server.metric("smtp_intake_answers_total{answer=no-mail}")).isEqualTo(1);
            assertThat(server.metric("smtp_intake_value{input=commits-waiting}")).isEqualTo(100);
            spool.pressure = new SpoolPressure(60, 0, 0, Map.of());
            await().atMost(PATIENCE).until(
                    () -> server.server.intake().level() == IntakePressure.Level.SLOW);
            assertThat(client.ask("MAIL FROM:<a@b>")).startsWith("250");
            client.ask("RSET");
            spool.pressure = SpoolPressure.NONE;
            await().atMost(PATIENCE).until(
                    () -> server.server.intake().level() == IntakePressure.Level.ACCEPT);
            assertThat(client.ask("MAIL FROM:<a@b>")).startsWith("250");
        }
    }

    @Test
    void server_slow_delaysEachMessageOnce() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        spool.pressure = new SpoolPressure(60, 0, 0, Map.of());
        try (TestServer server = TestServer.start(
                Fixture.config("pressure { max-commits-waiting = 100, slow-delay = 300ms }"),
                spool);
                TestClient client = server.greeted("relay")) {
            await().atMost(PATIENCE).until(
                    () -> server.server.intake().level() == IntakePressure.Level.SLOW);
            long start = TimeSource.system().nanos();
            client.ask("EHLO c");
            client.ask("MAIL FROM:<a@b>");
            client.say("RCPT TO:<b@c>", "DATA", "A: b", "", "x", ".");
            assertThat(client.reply()).startsWith("250");
            assertThat(client.reply()).startsWith("354");
            assertThat(client.reply()).startsWith("250 2.0.0 queued as");
            long first = TimeSource.system().nanos() - start;
            assertThat(Duration.ofNanos(first)).isGreaterThanOrEqualTo(Duration.ofMillis(295));
            assertThat(client.ask("MAIL FROM:<a@b>")).startsWith("250");
            long second = TimeSource.system().nanos() - start;
            assertThat(Duration.ofNanos(second)).as("once before each message")
                    .isGreaterThanOrEqualTo(Duration.ofMillis(590));
        }
    }

    @Test
    void server_signingIsTheLimit_looksAtItByItself() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        spool.freshPercent = 100;
        try (TestServer server = TestServer.start(
                Fixture.config("pressure.flow-delay = 20ms"), spool,
                new MessageSpacingTest.BusySigning());
                TestClient client = server.greeted("relay")) {
            client.ask("EHLO c");
            await().atMost(PATIENCE).pollInterval(Duration.ofMillis(1)).until(() -> {
                assertThat(client.ask("MAIL FROM:<a@b>")).startsWith("250");
                client.say("RCPT TO:<b@c>", "DATA", "A: b", "", "x", ".");
                assertThat(client.reply()).startsWith("250");
                assertThat(client.reply()).startsWith("354");
                assertThat(client.reply()).startsWith("250 2.0.0 queued as");
                return server.metric("smtp_flow_delay_milliseconds") == 20;
            });
            assertThat(server.server.intake().flowDelay()).isEqualTo(Duration.ofMillis(20));
        }
    }

    @Test
    void server_handshakesFull_tellsStrangersOnlyToComeLater() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        SmtpServerConfig strangers = Fixture.config("pressure.max-handshakes = 1");
        try (TestServer server = TestServer.start(strangers, spool);
                TestClient holds = server.greeted("submission");
                TestClient stranger = server.greeted("submission");
                TestClient known = server.greeted("optional")) {
            assertThat(holds.ask("STARTTLS")).startsWith("220");
            await().atMost(PATIENCE).until(() -> !server.server.intake().reasons().isEmpty());
            assertThat(stranger.ask("STARTTLS")).startsWith("454 4.7.0");
            assertThat(known.ask("STARTTLS")).startsWith("220");
            holds.close();
            known.close();
            await().atMost(PATIENCE).until(() -> server.server.intake().reasons().isEmpty());
            assertThat(stranger.ask("STARTTLS")).startsWith("220");
        }
    }

    @Test
    void tenant_withTooMuchWaiting_isPutOffAlone() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        spool.pressure = new SpoolPressure(0, 5, 0, Map.of("default", 5L));
        try (TestServer server = TestServer.start(
                Fixture.config("pressure.max-tenant-backlog = 5"), spool);
                TestClient client = server.greeted("relay");
                TestClient other = server.connect("submissions")) {
            client.ask("EHLO c");
            await().atMost(PATIENCE).untilAsserted(() -> {
                assertThat(client.ask("MAIL FROM:<a@b>")).startsWith("452 4.2.2");
            });
            other.reply();
            other.ask("EHLO c");
            other.ask("AUTH PLAIN " + Fixture.plainLogin(Fixture.USER, Fixture.PASSWORD));
            assertThat(other.ask("MAIL FROM:<a@b>")).startsWith("250");
        }
    }

    /** One listener full of connections leaves the others their own. */
    @Test
    void listener_withItsConnectionsTaken_turnsAwayAlone() throws Exception {
        try (TestServer server = TestServer.start(Fixture.config(
                "listeners.relay.pressure.max-connections = 2\n"
                        + "submission.max-connections-per-address = 1"),
                new RecordingSpool());
                TestClient first = server.greeted("relay");
                TestClient second = server.greeted("relay")) {
            try (TestClient third = server.connect("relay")) {
                assertThat(third.reply()).startsWith("421 4.7.0 Too many connections");
                assertThat(third.atEnd()).isTrue();
            }
            try (TestClient elsewhere = server.connect("optional")) {
                assertThat(elsewhere.reply()).startsWith("220");
            }
            assertThat(server.server.intake().shares()).contains(
                    new IntakePressure.Share("relay", 2, 2, 0, 0));
            assertThat(server.metric("smtp_listener_connections_current{listener=relay}"))
                    .isEqualTo(2);
            assertThat(first.ask("NOOP")).startsWith("250");
            second.ask("QUIT");
            await().atMost(PATIENCE).untilAsserted(() -> {
                try (TestClient again = server.connect("relay")) {
                    assertThat(again.reply()).startsWith("220");
                }
            });
        }
    }

    @Test
    void listener_withItsBudgetTaken_putsOffAlone() throws Exception {
        try (TestServer server = TestServer.start(Fixture.config("""
                listeners.relay.pressure.budget = 2m
                submission { max-size = 10m, max-connections-per-address = 100 }
                """), new RecordingSpool())) {
            List<TestClient> clients = new ArrayList<>();
            String answer = "";
            while (!answer.startsWith("452 4.3.1") && clients.size() < 40) {
                answer = beginsContent(server.greeted("relay"), clients);
            }
            assertThat(answer).startsWith("452 4.3.1");
            assertThat(clients.size()).isBetween(3, 20);
            assertThat(beginsContent(server.greeted("optional"), clients)).startsWith("354");
            for (TestClient one : clients) {
                one.close();
            }
            await().atMost(PATIENCE).untilAsserted(() -> {
                List<TestClient> later = new ArrayList<>();
                assertThat(beginsContent(server.greeted("relay"), later)).startsWith("354");
                later.getFirst().close();
            });
        }
    }

    private static String beginsContent(TestClient client, List<TestClient> kept)
            throws IOException {
        kept.add(client);
        client.ask("EHLO c");
        client.ask("MAIL FROM:<a@b> SIZE=1000000");
        client.ask("RCPT TO:<c@d>");
        return client.ask("DATA");
    }

    /** Who may name another tenant is asked when he has: by that tenant alone. */
    @Test
    void tenant_namedInTheHeader_isTheOneWhoCounts() throws Exception {
        RecordingSpool spool = new RecordingSpool();
        spool.pressure = new SpoolPressure(0, 5, 0, Map.of("full", 5L, "big", 9L));
        try (TestServer server = TestServer.start(
                Fixture.config("pressure.max-tenant-backlog = 5"), spool);
                TestClient client = server.connect("submissions")) {
            client.reply();
            client.ask("EHLO c");
            client.ask("AUTH PLAIN " + Fixture.plainLogin("agency", Fixture.PASSWORD));
            await().atMost(PATIENCE).untilAsserted(() -> assertThat(
                    message(client, "Subject: of his own")).startsWith("452 4.2.2"));
            assertThat(message(client, "X-Mailrace-Tenant: big")).startsWith("452 4.2.2");
            assertThat(message(client, "X-Mailrace-Tenant: little")).startsWith("250 2.0.0");
            assertThat(spool.stored.getLast().submission().tenant()).isEqualTo("little");
        }
    }

    private static String message(TestClient client, String field) throws IOException {
        client.ask("MAIL FROM:<a@b>");
        client.ask("RCPT TO:<c@d>");
        client.ask("DATA");
        return client.ask(field + "\r\n\r\nHello\r\n.");
    }
}
