// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Base64;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * BINARYMIME (RFC 3030 3) through the whole daemon: octets that are no text come in by BDAT and go
 * on as they are to a receiver that takes them; to one that does not they bounce, and nothing of
 * them is ever sent as text.
 */
class BinaryMailTest {
    /** Ends a DATA, begins a command, has every kind of line end and no end of its own. */
    private static final String BODY = String.join("\r\n", "\0\1\n\n\r", ".",
            "MAIL\u00a0FROM:<evil@evil.test>", "", ".\nRSET\r.",
            "\u00ff\u00fe" + "x".repeat(3000) + "end");
    private static final String HEADER = String.join("\r\n", "From: a@sender.test",
            "Subject: octets", "Date: Fri, 20 Nov 2026 12:00:00 +0000",
            "Message-ID: <1@sender.test>", "MIME-Version: 1.0",
            "Content-Type: application/octet-stream", "Content-Transfer-Encoding: binary", "",
            "");

    @TempDir
    Path folder;
    private final SinkServer binary = sink();
    private final SinkServer plain = sink();

    private static SinkServer sink() {
        try {
            return new SinkServer();
        } catch (IOException failed) {
            throw new java.io.UncheckedIOException(failed);
        }
    }

    @BeforeEach
    void offer() {
        binary.binary = true;
    }

    @AfterEach
    void close() throws IOException {
        binary.close();
        plain.close();
    }

    private Daemon start() throws IOException, GeneralSecurityException {
        if (!Files.exists(folder.resolve("s1.pem"))) {
            makeKey();
        }
        return Daemon.start(DaemonConfig.ofText("""
                hostname = mta1.example.test
                listeners { relay { bind = "127.0.0.1:0", tls = off,
                                    relay-from = ["127.0.0.0/8"] } }
                submission.binarymime = true
                retry { default { intervals = [1s], max-age = 1h } }
                spool { path = "%1$s/spool", min-free = 1m, keep.content-for = 1h }
                routes = [ { when { recipient-domain = binary.test },
                             via = "smtp://127.0.0.1:%2$d" }
                           { via = "smtp://127.0.0.1:%3$d" } ]
                dkim { "sender.test" = [ { selector = s1, key = "%1$s/s1.pem" } ] }
                admin { socket = "%1$s/run/admin.sock", bind = "127.0.0.1:0" }
                log { events = "%1$s/events.log", level = warn }
                stop-timeout = 10s
                """.formatted(folder, binary.port(), plain.port())));
    }

    private void makeKey() throws IOException, GeneralSecurityException {
        KeyPairGenerator keys = KeyPairGenerator.getInstance("RSA");
        keys.initialize(2048);
        Path key = Files.createFile(folder.resolve("s1.pem"), PosixFilePermissions
                .asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(key, "-----BEGIN PRIVATE KEY-----\n" + Base64.getMimeEncoder()
                .encodeToString(keys.generateKeyPair().getPrivate().getEncoded())
                + "\n-----END PRIVATE KEY-----\n");
    }

    /** Submits the message in two chunks, cut inside its body; returns its spool id. */
    private static String submit(Daemon daemon, String recipient) throws IOException {
        int port = Objects.requireNonNull(daemon.addresses().get("relay")).getPort();
        String message = HEADER + BODY;
        int cut = message.length() - 1500;
        try (Socket client = new Socket(InetAddress.getLoopbackAddress(), port)) {
            client.setSoTimeout(30_000);
            reply(client);
            say(client, "EHLO client.test\r\n");
            assertThat(reply(client)).contains("250-BINARYMIME\r\n", "250-CHUNKING\r\n");
            say(client, "MAIL FROM:<a@sender.test> BODY=BINARYMIME RET=FULL\r\n");
            reply(client);
            say(client, "RCPT TO:<" + recipient + ">\r\n");
            reply(client);
            say(client, "DATA\r\n");
            assertThat(reply(client)).startsWith("503 5.5.1 ");
            say(client, "BDAT " + cut + "\r\n" + message.substring(0, cut));
            reply(client);
            say(client, "BDAT " + (message.length() - cut) + " LAST\r\n" + message.substring(cut));
            String taken = reply(client);
            assertThat(taken).startsWith("250 2.0.0 queued as ");
            return taken.substring("250 2.0.0 queued as ".length()).strip();
        }
    }

    private static void say(Socket client, String octets) throws IOException {
        client.getOutputStream().write(octets.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static String reply(Socket client) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        int lineStart = 0;
        while (true) {
            int octet = client.getInputStream().read();
            if (octet < 0) {
                throw new IOException("closed after: " + all);
            }
            all.write(octet);
            if (octet == '\n') {
                String text = all.toString(StandardCharsets.ISO_8859_1);
                if (text.charAt(lineStart + 3) == ' ') {
                    return text;
                }
                lineStart = text.length();
            }
        }
    }

    private static void soon(Callable<Boolean> done) {
        await().atMost(Duration.ofSeconds(30)).pollInterval(Duration.ofMillis(20)).until(done);
    }

    /** Byte for byte, signed over the octets as they are. */
    @Test
    void binaryContent_toAPeerThatTakesIt_arrivesAsItCame() throws Exception {
        try (Daemon daemon = start()) {
            String id = submit(daemon, "b@binary.test");
            soon(() -> !binary.messages.isEmpty());
            String got = binary.messages.getFirst();
            assertThat(binary.envelopes).hasSize(1).first().asString()
                    .contains(" BODY=BINARYMIME").doesNotContain("8BITMIME");
            assertThat(got).endsWith("\r\n" + HEADER + BODY);
            assertThat(got).startsWith("DKIM-Signature: ");
            // Its relaxed form: there are no blanks in it, and a CRLF ends it (RFC 6376 3.4.4).
            String hash = Base64.getEncoder().encodeToString(MessageDigest.getInstance("SHA-256")
                    .digest((BODY + "\r\n").getBytes(StandardCharsets.ISO_8859_1)));
            assertThat(got.replaceAll("\r\n[ \t]+", "").replace(" ", ""))
                    .contains("bh=" + hash + ";");
            AdminClient.Answer content = new AdminClient(folder.resolve("run/admin.sock"))
                    .get("/api/v1/content/" + id, true);
            assertThat(new String(content.bytes(), StandardCharsets.ISO_8859_1))
                    .endsWith("\r\n" + HEADER + BODY);
            assertThat(plain.messages).isEmpty();
        }
    }

    /** It lies in the spool as it came, and a start knows that it is no text. */
    @Test
    void binaryContent_waitingOverARestart_arrivesAsItCame() throws Exception {
        binary.rcptReply = "451 4.3.0 later";
        try (Daemon daemon = start()) {
            submit(daemon, "b@binary.test");
            soon(() -> !binary.envelopes.isEmpty());
        }
        assertThat(binary.messages).isEmpty();
        binary.rcptReply = "250 2.1.5 fine";
        try (Daemon again = start()) {
            assertThat(again.addresses()).containsKey("relay");
            soon(() -> !binary.messages.isEmpty());
            assertThat(binary.messages.getFirst()).startsWith("DKIM-Signature: ")
                    .endsWith("\r\n" + HEADER + BODY);
            assertThat(binary.envelopes.getLast()).contains(" BODY=BINARYMIME");
        }
    }

    @Test
    void binaryContent_toAPeerThatDoesNot_bouncesWithItsHeaderOnly() throws Exception {
        try (Daemon daemon = start()) {
            String id = submit(daemon, "b@plain.test");
            soon(() -> !plain.messages.isEmpty());
            String dsn = plain.messages.getFirst();
            assertThat(plain.envelopes).as("all that was sent").hasSize(1).first().asString()
                    .startsWith("MAIL FROM:<>").doesNotContain("BINARYMIME");
            assertThat(dsn).contains("Action: failed\r\n", "Status: 5.6.3\r\n",
                    "does not support BINARYMIME, which the message needs",
                    "Content-Type: text/rfc822-headers", "Subject: octets\r\n")
                    .doesNotContain("evil").doesNotContain("\0").doesNotContain("xxxx");
            AdminClient.Answer trace = new AdminClient(folder.resolve("run/admin.sock"))
                    .get("/api/v1/trace/" + id, false);
            assertThat(trace.body()).contains("5.6.3", "BINARYMIME");
        }
    }
}
