// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** The users file changes under a running server: what clients see, what the operator is told. */
class UsersReloadTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String REFUSED = "smtp_files_refused_total{file=users}";
    private static final String TAKEN = "smtp_files_reloaded_total{file=users}";
    @TempDir
    private Path directory;
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(LoginCheck.class);
    private Path file = Path.of("");

    @BeforeEach
    void begin() throws Exception {
        file = directory.resolve("users");
        Files.write(file, Fixture.USER_LINES);
        log.start();
        logger.addAppender(log);
    }

    @AfterEach
    void detach() {
        logger.detachAppender(log);
    }

    private TestServer server() {
        return TestServer.start(Fixture.config("users.file = \"" + file + "\""),
                new RecordingSpool());
    }

    private static TestClient loggedIn(TestServer server, String user) throws IOException {
        TestClient client = server.greeted("submissions");
        client.ask("EHLO c");
        assertThat(client.ask("AUTH PLAIN " + Fixture.plainLogin(user, Fixture.PASSWORD)))
                .startsWith("235");
        return client;
    }

    private void replace(String line, String by) throws IOException {
        List<String> lines = new ArrayList<>(Files.readAllLines(file));
        int at = lines.indexOf(lines.stream().filter(one -> one.startsWith(line + ":"))
                .findFirst().orElseThrow());
        lines.set(at, lines.get(at).split(":", 4)[0] + ":" + lines.get(at).split(":", 4)[1]
                + "::" + by);
        Path fresh = directory.resolve("fresh");
        Files.write(fresh, lines);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }

    @Test
    void rights_changed_holdForNewConnections() throws Exception {
        try (TestServer server = server(); TestClient old = loggedIn(server, "news")) {
            replace("news", "from=shop.test");
            await().atMost(PATIENCE).until(() -> server.metric(TAKEN) == 1);
            try (TestClient fresh = loggedIn(server, "news")) {
                assertThat(fresh.ask("MAIL FROM:<a@example.com>")).startsWith("550 5.7.1");
                assertThat(fresh.ask("MAIL FROM:<a@shop.test>")).startsWith("250");
            }
            assertThat(old.ask("MAIL FROM:<a@example.com>")).as("began before").startsWith("250");
        }
    }

    @Test
    void badLine_keepsTheOldFileAndSaysSo() throws Exception {
        try (TestServer server = server()) {
            replace("shop", "form=shop.test");
            await().atMost(PATIENCE).until(() -> server.metric(REFUSED) == 1);
            assertThat(log.list).anySatisfy(event -> assertThat(event.getFormattedMessage())
                    .startsWith("users=kept file=" + file + " why=\"line 2: unknown key form"));
            try (TestClient client = loggedIn(server, "shop")) {
                assertThat(client.ask("MAIL FROM:<a@example.com>")).as("as it was")
                        .startsWith("550 5.7.1");
            }
            assertThat(server.metric(TAKEN)).isZero();
            replace("shop", "from=example.com");
            await().atMost(PATIENCE).until(() -> server.metric(TAKEN) == 1);
            try (TestClient client = loggedIn(server, "shop")) {
                assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("250");
            }
        }
    }

    @Test
    void unknownPool_isRefusedLikeAnyMistake() throws Exception {
        try (TestServer server = server()) {
            replace("shop", "pool=nowhere");
            await().atMost(PATIENCE).until(() -> server.metric(REFUSED) == 1);
            assertThat(log.list).anySatisfy(event -> assertThat(event.getFormattedMessage())
                    .contains("line 2: there is no pool nowhere; known are b, default"));
        }
    }
}
