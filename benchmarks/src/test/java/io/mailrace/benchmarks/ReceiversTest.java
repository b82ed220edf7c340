// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.mailrace.benchmarks.PeerReceiver.Place;
import io.mailrace.benchmarks.PeerReceiver.Tls;
import io.mailrace.daemon.SimulatedClient;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Mailrace delivers to the mail servers of Debian 12: Postfix as installed, Exim and OpenSMTPD,
 * which apt does not install beside it, each unpacked into a root folder of its own
 * ({@link PeerRoot}). What arrived is read from the receiver's mailbox, whether it was encrypted
 * from the Received field the receiver wrote and from the events of Mailrace. {@code mvn -Ppeers
 * verify}; needs root.
 */
@Tag("peers")
class ReceiversTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int MESSAGES = 20;
    /** How each of them writes it into Received: TLSv1.3, TLS1.3. */
    private static final String TLS = "TLSv?1\\.3";

    /** Somebody else's mail server. */
    enum Software {
        POSTFIX, EXIM, OPENSMTPD;

        PeerReceiver start(Path folder, Place place, Tls tls)
                throws IOException, InterruptedException {
            return switch (this) {
                case POSTFIX -> PeerPostfix.start(folder, place, tls);
                case EXIM -> PeerExim.start(folder, place, tls);
                case OPENSMTPD -> PeerOpenSmtpd.start(folder, place, tls);
            };
        }
    }

    private interface Condition {
        boolean holds() throws IOException;
    }

    private final List<AutoCloseable> open = new ArrayList<>();
    @SuppressWarnings("NullAway.Init")
    private Path folder;
    @SuppressWarnings("NullAway.Init")
    private Place place;
    private int relayPort;

    @BeforeEach
    void makePlace() throws IOException {
        folder = opened(TemporaryFolder.make(false)).path();
        // users of the receivers must get in
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        place = new Place("mx.peer.test", "127.0.80.1", FreePort.find(), "peer.test");
        relayPort = FreePort.find();
    }

    @AfterEach
    void closeAll() throws Exception {
        for (AutoCloseable part : open.reversed()) {
            part.close();
        }
    }

    private <T extends AutoCloseable> T opened(T part) {
        open.add(part);
        return part;
    }

    @ParameterizedTest
    @EnumSource
    void receiver_offersStarttls_everyMessageArrivesOnceEncrypted(Software software)
            throws Exception {
        PeerReceiver receiver = start(software, Tls.OFFERED);
        startMailrace("");
        arriveEncrypted(receiver);
    }

    @ParameterizedTest
    @EnumSource
    void receiver_requiresStarttls_everyMessageArrivesOnceEncrypted(Software software)
            throws Exception {
        PeerReceiver receiver = start(software, Tls.REQUIRED);
        try (SimulatedClient client = connect()) {
            assertThat(client.send("clear@load.test", List.of("u@peer.test"), message(0)).code())
                    .isBetween(500, 599);
        }
        startMailrace("");
        arriveEncrypted(receiver);
    }

    /** Shows that the two before do not pass whatever the receiver does. */
    @ParameterizedTest
    @EnumSource
    void receiver_hasNoStarttls_everyMessageArrivesOnceInTheClear(Software software)
            throws Exception {
        PeerReceiver receiver = start(software, Tls.ABSENT);
        startMailrace("");
        submitAll();
        arriveInTheClear(receiver);
    }

    @ParameterizedTest
    @EnumSource
    void receiver_hasNoStarttlsButWeRequireIt_mailWaits(Software software) throws Exception {
        PeerReceiver receiver = start(software, Tls.ABSENT);
        startMailrace("delivery.tls = required");
        submit(0);
        await("says why it waits", () -> deferred("offers no TLS but it is required"));
        assertUndelivered(receiver);
    }

    /** The stock OpenSMTPD of Debian 12. */
    @Test
    void receiver_offersStarttlsButFailsEachHandshake_everyMessageArrivesOnceInTheClear()
            throws Exception {
        PeerReceiver receiver = opened(PeerOpenSmtpd.startWithBrokenTls(folder.resolve("peer"),
                place, Tls.OFFERED));
        awaitGreeting(receiver);
        startMailrace("");
        submitAll();
        arriveInTheClear(receiver);
        assertThat(receiver.log()).contains("io-error");
    }

    @Test
    void signedZone_isValidated() throws Exception {
        String digest = "ab".repeat(32);
        PeerSignedZone zone = opened(PeerSignedZone.start(folder.resolve("zone"),
                records(tlsa(digest))));
        assertValidated(zone, digest);
        zone.replace(records(tlsa("cd".repeat(32))));
        assertValidated(zone, "cd".repeat(32));
    }

    @ParameterizedTest
    @EnumSource
    void dane_recordIsRight_everyMessageArrivesOnceEncrypted(Software software) throws Exception {
        PeerReceiver receiver = start(software, Tls.OFFERED);
        startMailraceWithDane(tlsa(receiver.keyDigest()));
        arriveEncrypted(receiver);
        assertThat(delivery(0)).containsPattern("(?i)\"tls\":\"[^\"]*dane");
    }

    @ParameterizedTest
    @EnumSource
    void dane_recordIsWrong_mailWaitsUntilItIsRight(Software software) throws Exception {
        PeerReceiver receiver = start(software, Tls.OFFERED);
        PeerSignedZone zone = startMailraceWithDane(tlsa("ab".repeat(32)));
        submit(0);
        await("says why it waits", () -> deferred("dane"));
        assertUndelivered(receiver);
        zone.replace(records(tlsa(receiver.keyDigest())));
        assertThat(delivery(0)).containsPattern("(?i)\"tls\":\"[^\"]*dane");
        await("it is in the mailbox", () -> receiver.mail().size() == 1);
        assertThat(lastReceived(receiver.mail().getFirst())).containsPattern(TLS);
    }

    /** As if somebody on the way had taken STARTTLS out of the answer to EHLO. */
    @ParameterizedTest
    @EnumSource
    void dane_receiverHasNoStarttls_mailWaits(Software software) throws Exception {
        PeerReceiver receiver = start(software, Tls.ABSENT);
        startMailraceWithDane(tlsa(receiver.keyDigest()));
        submit(0);
        await("says why it waits", () -> deferred("dane"));
        assertUndelivered(receiver);
    }

    private String tlsa(String digest) {
        return "_%d._tcp.%s. 1 IN TLSA 3 1 1 %s".formatted(place.port(), place.host(), digest);
    }

    private void assertValidated(PeerSignedZone zone, String digest) throws IOException {
        PeerProgram drill = PeerProgram.of("drill", "ldnsutils");
        String[] said = {""};
        await("unbound answers", () -> {
            try {
                said[0] = drill.run(LIMIT, "-D", "-p", String.valueOf(zone.port()), "@127.0.0.1",
                        "_%d._tcp.%s".formatted(place.port(), place.host()), "TLSA");
                return true;
            } catch (AssertionError notYet) {
                return false;
            } catch (InterruptedException interrupted) {
                throw new IOException(interrupted);
            }
        });
        assertThat(said[0]).containsPattern("flags:[a-z ]* ad").contains(digest);
    }

    private PeerSignedZone startMailraceWithDane(String record) throws Exception {
        assumeTrue(knowsDane(), "skipped: this Mailrace has no delivery.dane");
        PeerSignedZone zone = opened(PeerSignedZone.start(folder.resolve("zone"),
                records(record)));
        startMailrace(zone.port(), "dns.dnssec = trusted\ndelivery.dane = true");
        return zone;
    }

    private static boolean knowsDane() throws IOException {
        for (URL reference : Collections.list(ReceiversTest.class.getClassLoader()
                .getResources("reference.conf"))) {
            try (InputStream in = reference.openStream()) {
                if (new String(in.readAllBytes(), UTF_8).contains("\n  dane = ")) {
                    return true;
                }
            }
        }
        return false;
    }

    private PeerReceiver start(Software software, Tls tls) throws Exception {
        PeerReceiver receiver = opened(software.start(folder.resolve("peer"), place, tls));
        awaitGreeting(receiver);
        try (SimulatedClient client = connect()) {
            assertThat(client.offers("STARTTLS")).isEqualTo(tls != Tls.ABSENT);
            client.quit();
        }
        return receiver;
    }

    private SimulatedClient connect() throws IOException {
        return SimulatedClient.connect(new InetSocketAddress(place.address(), place.port()),
                LIMIT);
    }

    private void awaitGreeting(PeerReceiver receiver) throws IOException {
        try {
            await("greets", () -> {
                try (SimulatedClient client = connect()) {
                    client.quit();
                    return true;
                } catch (IOException notYet) {
                    return false;
                }
            });
        } catch (AssertionError never) {
            throw new AssertionError(never.getMessage() + "\n" + receiver.log(), never);
        }
    }

    private void startMailrace(String more) throws Exception {
        var dns = opened(PeerUnbound.start(folder, records()));
        startMailrace(dns.port(), more);
    }

    private List<String> records(String... more) {
        return Stream.concat(Stream.of(
                "%s. 1 IN MX 10 %s.".formatted(place.domain(), place.host()),
                "%s. 1 IN A %s".formatted(place.host(), place.address())), Stream.of(more))
                .toList();
    }

    private void startMailrace(int dnsPort, String more) throws Exception {
        Files.writeString(folder.resolve("users"), "");
        DaemonProcess daemon = opened(DaemonProcess.start(folder, """
                hostname = mta1.mailrace.test
                listeners {
                  relay { bind = "127.0.0.1:%2$d", tls = off, relay-from = ["127.0.0.0/8"] }
                }
                users { file = "%1$s/users" }
                spool { path = "%1$s/spool", min-free = 64m }
                retry { default { intervals = [1s, 2s, 3s], max-age = 1h } }
                dns { servers = ["127.0.0.1:%3$d"], min-ttl = 1s }
                delivery { port = %4$d, allow-destinations = ["127.0.0.0/8"], park-first = 1s
                           park-max = 3s }
                admin { socket = "%1$s/admin.sock", bind = "" }
                log { events = "%1$s/events" }
                %5$s
                """.formatted(folder, relayPort, dnsPort, place.port(), more),
                new InetSocketAddress(InetAddress.getLoopbackAddress(), relayPort), List.of()));
        daemon.awaitReady();
    }

    private void submit(int number) throws IOException {
        try (SimulatedClient client = SimulatedClient.connect(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), relayPort), LIMIT)) {
            assertThat(client.send("alice@load.test", List.of(recipient(number)),
                    message(number)).code()).isEqualTo(250);
            client.quit();
        }
    }

    private void submitAll() throws IOException {
        for (int i = 0; i < MESSAGES; i++) {
            submit(i);
        }
    }

    private String recipient(int number) {
        return "u%d@%s".formatted(number, place.domain());
    }

    /** With what goes wrong where somebody is careless; 990 octets are less than the limit. */
    private static byte[] message(int number) {
        return """
                From: Alice <alice@load.test>
                To: u%1$d@peer.test
                Subject: number %1$d
                Date: Sat, 21 Nov 2026 09:00:00 +0000
                Message-ID: <%1$d@load.test>
                MIME-Version: 1.0
                Content-Type: text/plain; charset=utf-8
                Content-Transfer-Encoding: 8bit

                A line, and a dot alone:
                .
                ..
                .dot first
                Grüße, 日本, trailing blanks:  \t
                %2$s

                From the start of a line

                """.formatted(number, "x".repeat(990)).replace("\n", "\r\n").getBytes(UTF_8);
    }

    private void arriveEncrypted(PeerReceiver receiver) throws IOException {
        submitAll();
        arriveOnce(receiver);
        for (String stored : receiver.mail()) {
            assertThat(lastReceived(stored)).containsPattern(TLS);
        }
        for (int i = 0; i < MESSAGES; i++) {
            assertThat(delivery(i)).containsPattern("\"tls\":\"TLSv1.3");
        }
    }

    private void arriveInTheClear(PeerReceiver receiver) throws IOException {
        arriveOnce(receiver);
        for (String stored : receiver.mail()) {
            assertThat(lastReceived(stored)).doesNotContain("TLS");
        }
        for (int i = 0; i < MESSAGES; i++) {
            assertThat(delivery(i)).doesNotContain("\"tls\":");
        }
    }

    private void arriveOnce(PeerReceiver receiver) throws IOException {
        for (int i = 0; i < MESSAGES; i++) {
            delivery(i);
        }
        await("all are in the mailbox", () -> receiver.mail().size() >= MESSAGES);
        List<String> arrived = receiver.mail();
        assertThat(arrived).hasSize(MESSAGES);
        IntStream.range(0, MESSAGES).mapToObj(i -> new String(message(i), ISO_8859_1)
                .replace("\r\n", "\n")).forEach(sent -> assertThat(arrived)
                        .describedAs("unaltered below the fields put on top")
                        .anyMatch(stored -> stored.endsWith(sent)));
    }

    /** The field the receiver wrote: ours is below it. */
    private static String lastReceived(String stored) {
        int begin = stored.indexOf("Received:");
        assertThat(begin).isNotNegative();
        int next = stored.indexOf("\nReceived:", begin);
        assertThat(next).isPositive();
        return stored.substring(begin, next);
    }

    /** The event that tells of a message's delivery, once there is one. */
    private String delivery(int number) throws IOException {
        String about = "\"address\":\"" + recipient(number) + "\",\"outcome\":\"delivered\"";
        await("event " + about, () -> !events(about).isEmpty());
        assertThat(events(about)).hasSize(1);
        return events(about).getFirst();
    }

    /** Whether mail was deferred as RFC 3463 says for security, with words in the reply. */
    private boolean deferred(String words) throws IOException {
        return events("\"outcome\":\"deferred\"").stream().anyMatch(event -> event
                .contains("\"reply\":\"451 4.7.")
                && event.toLowerCase(Locale.ROOT).contains(words.toLowerCase(Locale.ROOT)));
    }

    private void assertUndelivered(PeerReceiver receiver) throws IOException {
        assertThat(events("\"outcome\":\"delivered\"")).isEmpty();
        assertThat(events("\"outcome\":\"bounced\"")).isEmpty();
        assertThat(receiver.mail()).isEmpty();
    }

    /** The events that contain a text. */
    private List<String> events(String text) throws IOException {
        Path file = folder.resolve("events");
        if (!Files.exists(file)) {
            return List.of();
        }
        try (Stream<String> lines = Files.lines(file, ISO_8859_1)) {
            return lines.filter(line -> line.contains(text)).toList();
        }
    }

    private void await(String what, Condition condition) throws IOException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() - deadline > 0) {
                List<String> last = events("");
                throw new AssertionError(what + ": not in time; last events: "
                        + last.subList(Math.max(0, last.size() - 10), last.size()));
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
        }
    }
}
