// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every conversation in {@code dialogues/}, against the state machine and through a socket. */
class DialogueTest {
    private static TestServer server;

    static Stream<Dialogue> all() {
        return Dialogue.all();
    }

    @BeforeAll
    static void start() {
        server = TestServer.start(Fixture.config(), new RecordingSpool());
    }

    @AfterAll
    static void stop() {
        server.close();
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
                    case Dialogue.Step.Expect expect -> {
                        String actual = client.line();
                        assertThat(expect.matches(actual)).as(actual + " for " + expect.line())
                                .isTrue();
                    }
                    case Dialogue.Step.Tls() -> client.startTls();
                    case Dialogue.Step.Closed() -> assertThat(client.atEnd()).isTrue();
                    case Dialogue.Step.Messages(int count) -> assertThat(spool.stored)
                            .hasSize(count);
                    case Dialogue.Step.Holds(String text) -> assertThat(
                            spool.stored.getFirst().text()).contains(text);
                    case Dialogue.Step.Lacks(String text) -> assertThat(
                            spool.stored.getFirst().text()).doesNotContain(text);
                    case Dialogue.Step.Found(String rules) -> assertThat(
                            spool.stored.getFirst().findings()).isEqualTo(rules);
                    case Dialogue.Step.Send never -> throw new AssertionError(never);
                }
            }
        }
    }
}
