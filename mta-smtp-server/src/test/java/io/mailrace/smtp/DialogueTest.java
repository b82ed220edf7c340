// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;

/** Every conversation in {@code dialogues/}, against the state machine and through a socket. */
class DialogueTest {
    private static final int SESSIONS_AT_ONCE = 64;
    private static final int MAX_SPLIT = 200;
    private static final Logger LOGGER = (Logger) LoggerFactory.getLogger("io.mailrace.smtp");
    private static final LogLines LOG_LINES = new LogLines();
    private static TestServer server;

    static Stream<Dialogue> all() {
        return Dialogue.all();
    }

    @BeforeAll
    static void start() {
        LOG_LINES.start();
        LOGGER.addAppender(LOG_LINES);
        LOGGER.setLevel(Level.DEBUG);
        server = TestServer.start(Fixture.config(), new RecordingSpool());
    }

    @AfterAll
    static void stop() {
        server.close();
        LOGGER.detachAppender(LOG_LINES);
        LOGGER.setLevel(null);
        assertThat(LOG_LINES.lines).as("whatever a client says, an event is one line of text")
                .isNotEmpty().allMatch(line -> line.chars().noneMatch(
                        c -> c < 32 || (c >= 127 && c < 160) || c == 0x2028 || c == 0x2029));
    }

    /** All that is logged of the server. */
    private static final class LogLines extends AppenderBase<ILoggingEvent> {
        private final Queue<String> lines = new ConcurrentLinkedQueue<>();

        @Override
        protected void append(ILoggingEvent event) {
            lines.add(event.getFormattedMessage());
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void session_wholeSegments_answersAsWritten(Dialogue dialogue) {
        play(dialogue, false);
    }

    @ParameterizedTest
    @MethodSource("all")
    void session_oneByteAtATime_answersAsWritten(Dialogue dialogue) {
        if (!dialogue.oneSegment()) {
            play(dialogue, true);
        }
    }

    private static void play(Dialogue dialogue, boolean split) {
        SessionDriver driver = SessionDriver.opened(dialogue.listener());
        int read = 0;
        ByteArrayOutputStream sending = new ByteArrayOutputStream();
        for (Dialogue.Step step : dialogue.steps()) {
            if (step instanceof Dialogue.Step.Send(String octets)) {
                sending.writeBytes(Fixture.latin1(octets));
                continue;
            }
            byte[] block = sending.toByteArray();
            sending.reset();
            for (int i = 0; split && i < block.length; i++) {
                driver.feed(block, i, i + 1);
            }
            if (!split && block.length > 0) {
                driver.feed(block, 0, block.length);
            }
            switch (step) {
                case Dialogue.Step.Expect expect -> {
                    assertThat(driver.lines).as("missing: " + expect.line())
                            .hasSizeGreaterThan(read);
                    String actual = driver.lines.get(read++);
                    assertThat(expect.matches(actual)).as(actual + " for " + expect.line())
                            .isTrue();
                }
                case Dialogue.Step.Tls() -> {
                    assertThat(driver.tlsAsked).isTrue();
                    driver.establishTls();
                }
                case Dialogue.Step.Closed() -> assertThat(driver.closed).isTrue();
                case Dialogue.Step.Messages(int count) -> assertThat(driver.spool.stored)
                        .hasSize(count);
                case Dialogue.Step.Holds(String text) -> assertThat(
                        driver.spool.stored.getFirst().text()).contains(text);
                case Dialogue.Step.Lacks(String text) -> assertThat(
                        driver.spool.stored.getFirst().text()).doesNotContain(text);
                case Dialogue.Step.Ends(String text) -> assertThat(
                        driver.spool.stored.getFirst().text()).endsWith(text);
                case Dialogue.Step.Content(boolean binary) -> assertThat(
                        driver.spool.stored.getFirst().submission().facts().binary())
                        .isEqualTo(binary);
                case Dialogue.Step.Found(String rules) -> assertThat(
                        driver.spool.stored.getFirst().findings()).isEqualTo(rules);
                case Dialogue.Step.Send never -> throw new AssertionError(never);
            }
        }
        assertThat(driver.lines).as("surplus replies").hasSize(read);
    }

    static Stream<Dialogue> withSocket() {
        return Dialogue.all().filter(one -> !one.noSocket());
    }

    @ParameterizedTest
    @MethodSource("withSocket")
    void server_throughSocket_answersAsWritten(Dialogue dialogue) throws Exception {
        RecordingSpool spool = server.recording();
        spool.stored.clear();
        try (TestClient client = server.connect(dialogue.listener())) {
            ByteArrayOutputStream sending = new ByteArrayOutputStream();
            for (Dialogue.Step step : dialogue.steps()) {
                if (step instanceof Dialogue.Step.Send(String octets)) {
                    sending.writeBytes(Fixture.latin1(octets));
                    continue;
                }
                if (sending.size() > 0) {
                    client.send(sending.toByteArray());
                    sending.reset();
                }
                switch (step) {
                    case Dialogue.Step.Messages(int count) -> assertThat(spool.stored)
                            .hasSize(count);
                    case Dialogue.Step.Holds(String text) -> assertThat(
                            spool.stored.getFirst().text()).contains(text);
                    case Dialogue.Step.Lacks(String text) -> assertThat(
                            spool.stored.getFirst().text()).doesNotContain(text);
                    case Dialogue.Step.Ends(String text) -> assertThat(
                            spool.stored.getFirst().text()).endsWith(text);
                    case Dialogue.Step.Content(boolean binary) -> assertThat(
                            spool.stored.getFirst().submission().facts().binary())
                            .isEqualTo(binary);
                    case Dialogue.Step.Found(String rules) -> assertThat(
                            spool.stored.getFirst().findings()).isEqualTo(rules);
                    default -> meet(client, step);
                }
            }
        }
    }

    private static void meet(TestClient client, Dialogue.Step step) throws IOException {
        switch (step) {
            case Dialogue.Step.Expect expect -> {
                String actual = client.line();
                assertThat(expect.matches(actual)).as(actual + " for " + expect.line()).isTrue();
            }
            case Dialogue.Step.Tls() -> client.startTls();
            case Dialogue.Step.Closed() -> assertThat(client.atEnd()).isTrue();
            case Dialogue.Step.Messages many -> {
                // who counts them has the spool for himself
            }
            case Dialogue.Step.Holds many -> {
                // as above
            }
            case Dialogue.Step.Lacks many -> {
                // as above
            }
            case Dialogue.Step.Ends many -> {
                // as above
            }
            case Dialogue.Step.Content many -> {
                // as above
            }
            case Dialogue.Step.Found many -> {
                // as above
            }
            case Dialogue.Step.Send never -> throw new AssertionError(never);
        }
    }

    /**
     * The short ones without TLS, cut in two at each place: what a client's packets are is not its
     * choice. Under TLS the cuts would be those of records; the byte by byte version has them.
     */
    @Test
    void server_splitAtEveryPosition_answersAsWritten() throws Exception {
        Semaphore atOnce = new Semaphore(SESSIONS_AT_ONCE);
        List<Future<?>> all = new ArrayList<>();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Dialogue dialogue : Dialogue.all().filter(DialogueTest::canBeSplit).toList()) {
                for (int cut = 1; cut < octets(dialogue); cut++) {
                    int at = cut;
                    atOnce.acquire();
                    all.add(clients.submit(() -> {
                        try {
                            playSplit(dialogue, at);
                        } catch (IOException | AssertionError wrong) {
                            throw new AssertionError(dialogue + " cut at " + at, wrong);
                        } finally {
                            atOnce.release();
                        }
                    }));
                }
            }
        }
        for (Future<?> one : all) {
            one.get();
        }
        assertThat(all).hasSizeGreaterThan(2000);
    }

    private static boolean canBeSplit(Dialogue dialogue) {
        return !dialogue.oneSegment() && octets(dialogue) < MAX_SPLIT
                && !dialogue.listener().equals("submissions")
                && !dialogue.steps().contains(new Dialogue.Step.Tls());
    }

    private static int octets(Dialogue dialogue) {
        return dialogue.steps().stream().mapToInt(
                step -> step instanceof Dialogue.Step.Send(String octets) ? octets.length() : 0)
                .sum();
    }

    private static void playSplit(Dialogue dialogue, int cut) throws IOException {
        int sent = 0;
        try (TestClient client = server.connect(dialogue.listener())) {
            ByteArrayOutputStream sending = new ByteArrayOutputStream();
            for (Dialogue.Step step : dialogue.steps()) {
                if (step instanceof Dialogue.Step.Send(String octets)) {
                    sending.writeBytes(Fixture.latin1(octets));
                    continue;
                }
                byte[] block = sending.toByteArray();
                sending.reset();
                if (cut > sent && cut < sent + block.length) {
                    client.send(Arrays.copyOfRange(block, 0, cut - sent));
                    client.send(Arrays.copyOfRange(block, cut - sent, block.length));
                } else if (block.length > 0) {
                    client.send(block);
                }
                sent += block.length;
                meet(client, step);
            }
        }
    }
}
