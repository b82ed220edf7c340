// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Certificates of clients through real handshakes: whom they log in, whom they do not. */
class ClientCertificateTest {
    @TempDir
    private Path directory;
    private final RecordingSpool spool = new RecordingSpool();
    private X509Bundle authority;
    private X509Bundle app;
    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        authority = TestCertificates.authority("ours");
        app = TestCertificates.client(authority, "app.test");
        Path authorities = directory.resolve("authorities.pem");
        Files.writeString(authorities, authority.getCertificatePathPEM());
        TestCertificates.write("mta.test", directory.resolve("c.pem"), directory.resolve("k.pem"));
        String hash = Fixture.USER_LINES.getFirst().split(":")[1];
        X509Bundle other = TestCertificates.client(authority, "other.test");
        Files.write(directory.resolve("users"), List.of("app:" + hash + ":team:cert=App.Test",
                "finger:" + hash + "::cert=sha256:" + ClientCertificate.names(
                        other.getCertificate()).getFirst(),
                "alice:" + hash));
        otherClient = other;
        server = TestServer.start(Fixture.config("""
                listeners {
                  may { bind = "127.0.0.1:0", tls = implicit, auth = required,
                        client-certificate = optional }
                  must { bind = "127.0.0.1:0", tls = starttls, auth = required,
                         client-certificate = required }
                }
                tls { certificate = "%s/c.pem", key = "%s/k.pem", client-authorities = "%s" }
                users.file = "%s/users"
                """.formatted(directory, directory, authorities, directory)), spool);
    }

    private X509Bundle otherClient;

    @AfterEach
    void stop() {
        server.close();
    }

    private TestClient connect(String listener, SSLContext context) throws IOException {
        TestClient client = new TestClient(server.address(listener));
        if (listener.equals("must")) {
            client.reply();
            client.ask("STARTTLS");
            client.startTls(context);
        } else {
            client.startTls(context);
            client.reply();
        }
        return client;
    }

    private static List<String> ehlo(TestClient client) throws IOException {
        List<String> lines = new ArrayList<>();
        client.say("EHLO c");
        do {
            lines.add(client.line());
        } while (lines.getLast().charAt(3) == '-');
        return lines;
    }

    @Test
    void certificate_ofUser_isALogin() throws Exception {
        for (String listener : List.of("may", "must")) {
            try (TestClient client = connect(listener,
                    TestClient.trusting(TestCertificates.keys(app)))) {
                assertThat(ehlo(client))
                        .anyMatch(line -> line.contains("AUTH PLAIN LOGIN EXTERNAL"));
                assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("250");
                client.ask("RCPT TO:<b@example.net>");
                client.ask("DATA");
                assertThat(client.ask("Subject: x", "", ".")).startsWith("250");
            }
        }
        assertThat(spool.stored).hasSize(2).allSatisfy(stored -> {
            assertThat(stored.submission().tenant()).isEqualTo("team");
            assertThat(stored.submission().from().user()).isEqualTo("app");
            assertThat(stored.text()).contains("with ESMTPSA");
        });
    }

    @Test
    void fingerprint_namesItsUser() throws Exception {
        try (TestClient client = connect("may",
                TestClient.trusting(TestCertificates.keys(otherClient)))) {
            client.ask("EHLO c");
            assertThat(client.ask("AUTH EXTERNAL " + Base64.getEncoder().encodeToString(
                    "finger".getBytes(java.nio.charset.StandardCharsets.UTF_8))))
                    .startsWith("235");
        }
    }

    @Test
    void external_confirmsTheCertificateAndNobodyElse() throws Exception {
        SSLContext context = TestClient.trusting(TestCertificates.keys(app));
        try (TestClient client = connect("may", context)) {
            client.ask("EHLO c");
            assertThat(client.ask("AUTH EXTERNAL YWxpY2U=")).startsWith("535");
            assertThat(client.ask("AUTH EXTERNAL !")).startsWith("501");
            assertThat(client.ask("AUTH EXTERNAL")).isEqualTo("334 ");
            assertThat(client.ask("*")).startsWith("501 5.7.0");
            assertThat(client.ask("AUTH EXTERNAL")).isEqualTo("334 ");
            assertThat(client.ask("")).startsWith("235");
            assertThat(client.ask("AUTH EXTERNAL =")).startsWith("503");
        }
        try (TestClient client = connect("may", context)) {
            client.ask("EHLO c");
            assertThat(client.ask("AUTH PLAIN " + Fixture.plainLogin("alice", Fixture.PASSWORD)))
                    .as("somebody else by password").startsWith("235");
            client.ask("MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA");
            client.reply();
            client.reply();
            assertThat(client.ask("Subject: x", "", ".")).startsWith("250");
        }
        assertThat(spool.stored.getFirst().submission().from().user()).isEqualTo("alice");
    }

    @Test
    void certificate_ofNobody_isNoLogin() throws Exception {
        X509Bundle stranger = TestCertificates.client(authority, "stranger.test");
        try (TestClient client = connect("may",
                TestClient.trusting(TestCertificates.keys(stranger)))) {
            assertThat(ehlo(client)).noneMatch(line -> line.contains("EXTERNAL"));
            assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("530");
            assertThat(client.ask("AUTH EXTERNAL =")).startsWith("504");
        }
    }

    @Test
    void certificate_ofAnotherAuthority_endsTheHandshake() throws Exception {
        X509Bundle forged = TestCertificates.client(TestCertificates.authority("ours"),
                "app.test");
        for (String listener : List.of("may", "must")) {
            assertThatThrownBy(() -> {
                try (TestClient client = connect(listener,
                        TestClient.trusting(TestCertificates.keys(forged)))) {
                    client.ask("EHLO c");
                }
            }).isInstanceOf(IOException.class);
        }
        assertThat(spool.stored).isEmpty();
    }

    @Test
    void noCertificate_isEnoughWhereItIsOptional() throws Exception {
        try (TestClient client = connect("may", TestClient.trusting())) {
            assertThat(ehlo(client)).noneMatch(line -> line.contains("EXTERNAL"));
            assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("530");
        }
        assertThatThrownBy(() -> {
            try (TestClient client = connect("must", TestClient.trusting())) {
                client.ask("EHLO c");
            }
        }).isInstanceOf(IOException.class);
    }

    @Test
    void listener_thatDoesNotAsk_knowsNobodyByCertificate() throws Exception {
        try (TestClient client = new TestClient(server.address("submissions"))) {
            client.startTls(TestClient.trusting(TestCertificates.keys(app)));
            client.reply();
            assertThat(ehlo(client)).noneMatch(line -> line.contains("EXTERNAL"));
            assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("530");
        }
    }

    @Test
    void names_areThoseOfSubjectAltName() throws Exception {
        assertThat(ClientCertificate.names(app.getCertificate())).hasSize(2).last()
                .isEqualTo("app.test");
        assertThat(ClientCertificate.name("sha256:" + "AB:".repeat(31) + "AB"))
                .contains("ab".repeat(32));
        assertThat(ClientCertificate.name("App@Example.com")).contains("app@example.com");
        for (String none : List.of("", "x", "sha256:xy", "a b.test", "*.test", ".test")) {
            assertThat(ClientCertificate.name(none)).as(none).isEmpty();
        }
    }
}
