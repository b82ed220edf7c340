// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static io.mailrace.delivery.DeliveryFixture.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Disposition;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SpoolId;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.dkim.Signature;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.Rcode;

/** From the spool to peers on loopback sockets and back. */
class DeliveryTest {
    private static final List<String> MODERN = List.of("PIPELINING", "SIZE 100000000",
            "8BITMIME", "CHUNKING");
    private static final List<String> USUAL = List.of("PIPELINING", "SIZE", "8BITMIME");
    private static final TestPeer.Script PLAIN = (verb, line, at, connection) -> null;

    @TempDir
    Path directory;
    private TestDns dns;
    private final List<AutoCloseable> open = new ArrayList<>();

    @BeforeAll
    static void guard() {
        LeakGuard.install();
    }

    @AfterAll
    static void leaks() {
        assertThat(LeakGuard.leaks()).isEmpty();
    }

    @BeforeEach
    void start() throws IOException {
        dns = new TestDns();
        open.add(dns);
    }

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    private TestPeer peer(List<String> capabilities, TestPeer.Script script) throws IOException {
        return peer("127.0.0.1", 0, capabilities, script);
    }

    private TestPeer peer(String address, int port, List<String> capabilities,
            TestPeer.Script script) throws IOException {
        TestPeer peer = TestPeer.on(address, port, capabilities, script);
        open.add(peer);
        return peer;
    }

    private DeliveryFixture deliver(int port, String more) {
        return deliver(port, new DeliveryFixture.NoSigner(), more);
    }

    private DeliveryFixture deliver(int port, MessageSigner signer, String more) {
        DeliveryFixture fixture = new DeliveryFixture(directory, dns, signer,
                "delivery { port = " + port + " }\n" + more);
        open.add(fixture);
        return fixture;
    }

    private void domain(String domain) {
        dns.mx(domain, 10, "mx." + domain).a("mx." + domain, "127.0.0.1");
    }

    private static long count(DeliveryFixture fixture, SpoolId id,
            Class<? extends Disposition> kind) {
        return fixture.outcomes(id).stream().map(RecipientOutcome::disposition)
                .filter(kind::isInstance).count();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "PIPELINING", "PIPELINING,CHUNKING", "CHUNKING"})
    void delivery_manyMessages_eachArrivesOnceByteExact(String offered) throws IOException {
        TestPeer peer = peer(offered.isEmpty() ? List.of() : List.of(offered.split(",")), PLAIN);
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(), "");
        for (int i = 0; i < 200; i++) {
            fixture.submit("number " + i + "\r\n.dot\r\n..two\r\nend", "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(200);
        assertThat(new HashSet<>(peer.texts())).isEqualTo(new HashSet<>(IntStream.range(0, 200)
                .mapToObj(i -> new String(DeliveryFixture.message("number " + i
                        + "\r\n.dot\r\n..two\r\nend"), StandardCharsets.ISO_8859_1))
                .toList()));
        assertThat(peer.connections.get()).as("reused").isLessThan(40);
    }

    @Test
    void delivery_domainsWithTheSameHosts_shareOneSite() throws IOException {
        TestPeer peer = peer(USUAL, PLAIN);
        dns.a("mx1.test", "127.0.0.1").a("mx2.test", "127.0.0.1");
        for (int i = 0; i < 20; i++) {
            dns.mx("d" + i + ".test", 10, "mx1.test").mx("d" + i + ".test", 20, "mx2.test");
        }
        DeliveryFixture fixture = deliver(peer.port(), "delivery { connections-per-site = 1 }");
        for (int i = 0; i < 20; i++) {
            fixture.submit("x", "a@d" + i + ".test");
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(20);
        assertThat(peer.mostOpen.get()).isEqualTo(1);
        assertThat(fixture.metrics.snapshot().get("delivery_sites_current")).isEqualTo(1);
    }

    @Test
    void delivery_bigContent_isStreamedIntact() throws IOException {
        StringBuilder body = new StringBuilder();
        for (int i = 0; i < 100_000; i++) {
            body.append(i % 7 == 0 ? "." : "").append("line ").append(i).append("\r\n");
        }
        domain("d.test");
        TestPeer peer = peer(USUAL, PLAIN);
        DeliveryFixture fixture = deliver(peer.port(),
                "spool { fresh-cache = 0 }\ndelivery { timeouts { end-of-data = 20s } }");
        fixture.submit(body.toString(), "a@d.test", "b@d.test");
        fixture.awaitEmpty();
        assertThat(peer.texts()).containsExactly(new String(DeliveryFixture.message(
                body.toString()), StandardCharsets.ISO_8859_1));
        assertThat(peer.received.getFirst().to()).containsExactly("a@d.test", "b@d.test");
    }

    /** Was wrong from the first day: a flush that freed the socket ended such mail twice. */
    @Test
    void delivery_bigContentAlreadyInMemory_endsOnce() throws IOException {
        String body = ("y".repeat(70) + "\r\n").repeat(2_800);
        domain("d.test");
        TestPeer peer = peer(USUAL, PLAIN);
        List<byte[]> loaded = new CopyOnWriteArrayList<>();
        DeliveryFixture fixture = deliver(peer.port(), new DeliveryFixture.NoSigner() {
            @Override
            public boolean signs(ContentFacts facts) {
                return true;
            }

            @Override
            public Signature sign(Content content, ContentFacts facts) {
                for (int i = 0; i < content.chunkCount(); i++) {
                    loaded.add(content.chunk(i));
                }
                return Signature.NONE;
            }
        }, "");
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            ids.add(fixture.submit(body, "a" + i + "@d.test"));
        }
        fixture.awaitEmpty();
        assertThat(loaded).hasSizeGreaterThanOrEqualTo(60);
        assertThat(peer.received).hasSize(30);
        for (SpoolId id : ids) {
            assertThat(fixture.attempts(id)).hasSize(1);
        }
    }

    @Test
    void delivery_bigContentByBdat_isStreamedIntact() throws IOException {
        String body = ("x".repeat(70) + "\r\n").repeat(10_000);
        domain("d.test");
        TestPeer peer = peer(MODERN, PLAIN);
        DeliveryFixture fixture = deliver(peer.port(), "");
        fixture.submit(body, "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.texts()).containsExactly(new String(DeliveryFixture.message(body),
                StandardCharsets.ISO_8859_1));
    }

    @Test
    void delivery_firstHostRefuses_nextIsUsed() throws IOException {
        TestPeer second = peer("127.0.0.3", 0, USUAL, PLAIN);
        peer("127.0.0.2", second.port(), USUAL, (verb, line, at, connection) -> verb.equals(
                "GREETING") ? "554 no" : null);
        dns.mx("d.test", 5, "dead.test").a("dead.test", "127.0.0.1");
        dns.mx("d.test", 10, "rude.test").a("rude.test", "127.0.0.2");
        dns.mx("d.test", 20, "good.test").a("good.test", "127.0.0.3");
        DeliveryFixture fixture = deliver(second.port(), "");
        SpoolId id = fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(second.received).hasSize(1);
        assertThat(fixture.attempts(id)).as("no attempt is counted for a dead host").hasSize(1);
        assertThat(fixture.attempts(id).getFirst().route().host()).isEqualTo("good.test");
    }

    @Test
    void delivery_allHostsDown_isParkedThenDelivered() throws IOException {
        TestPeer probe = peer(USUAL, PLAIN);
        int port = probe.port();
        probe.close();
        domain("d.test");
        DeliveryFixture fixture = deliver(port, "delivery { park-first = 300ms }");
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            ids.add(fixture.submit("x", "a@d.test"));
        }
        await(() -> fixture.delivery.why(TestMail.key("d.test")).startsWith("parked until"));
        assertThat(fixture.delivery.why(TestMail.key("d.test"))).contains("mx.d.test");
        long touched = ids.stream().filter(id -> !fixture.attempts(id).isEmpty()).count();
        assertThat(touched).as("only what was at hand").isLessThanOrEqualTo(8);
        peer("127.0.0.1", port, USUAL, PLAIN);
        fixture.awaitEmpty();
        assertThat(fixture.delivery.why(TestMail.key("d.test"))).isEmpty();
    }

    @Test
    void delivery_partialRecipients_eachHasItsFate() throws IOException {
        AtomicInteger tries = new AtomicInteger();
        TestPeer peer = peer(USUAL, (verb, line, at, connection) -> !verb.equals("RCPT") ? null
                : line.contains("gone@") ? "550 5.1.1 nobody"
                        : line.contains("grey@") && tries.getAndIncrement() == 0
                                ? "450 4.2.0 later"
                                : null);
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(), "");
        SpoolId id = fixture.submit("x", "ok@d.test", "gone@d.test", "grey@d.test");
        await(() -> count(fixture, id, Disposition.Delivered.class) == 2);
        assertThat(count(fixture, id, Disposition.Bounced.class)).isEqualTo(1);
        assertThat(count(fixture, id, Disposition.Deferred.class)).isEqualTo(1);
        assertThat(peer.received).hasSize(2);
        assertThat(peer.received.get(0).to()).containsExactly("ok@d.test");
        assertThat(peer.received.get(1).to()).containsExactly("grey@d.test");
    }

    @Test
    void delivery_tooManyRecipients_restGoesAtOnce() throws IOException {
        AtomicInteger inTransaction = new AtomicInteger();
        TestPeer peer = peer(USUAL, (verb, line, at, connection) -> {
            if (verb.equals("MAIL")) {
                inTransaction.set(0);
            }
            return verb.equals("RCPT") && inTransaction.incrementAndGet() > 2
                    ? "452 4.5.3 too many"
                    : null;
        });
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(), "");
        String[] to = IntStream.range(0, 7).mapToObj(i -> "r" + i + "@d.test")
                .toArray(String[]::new);
        SpoolId id = fixture.submit("x", to);
        fixture.awaitEmpty();
        assertThat(fixture.attempts(id)).hasSize(1);
        assertThat(peer.received).hasSize(4);
        assertThat(peer.received.stream().flatMap(one -> one.to().stream()))
                .containsExactly(to);
    }

    @Test
    void delivery_peerClosesAfterTwenty_allArriveOnce() throws IOException {
        List<Integer> counts = new ArrayList<>();
        TestPeer peer = peer(USUAL, (verb, line, at, connection) -> {
            synchronized (counts) {
                while (counts.size() <= connection) {
                    counts.add(0);
                }
                if (verb.equals("MAIL") && counts.get(connection) >= 20) {
                    return "421 4.7.0 enough";
                }
                if (verb.equals("DOT")) {
                    counts.set(connection, counts.get(connection) + 1);
                }
                return null;
            }
        });
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(), "delivery { connections-per-site = 3 }");
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            ids.add(fixture.submit("n" + i, "a@d.test"));
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(200);
        assertThat(ids).allMatch(id -> fixture.attempts(id).size() == 1);
    }

    @Test
    void delivery_connectionLimitOfThePeer_isAdaptedTo() throws IOException {
        TestPeer[] self = new TestPeer[1];
        self[0] = peer(USUAL, (verb, line, at, connection) -> verb.equals("GREETING")
                && self[0].open.get() > 3 ? "421 4.7.0 too many connections" : null);
        domain("d.test");
        DeliveryFixture fixture = deliver(self[0].port(), "");
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            ids.add(fixture.submit("n" + i, "a@d.test"));
        }
        fixture.awaitEmpty();
        assertThat(self[0].received).hasSize(300);
        assertThat(ids).allMatch(id -> fixture.attempts(id).size() == 1);
    }

    @Test
    void delivery_startTls_isUsed() throws Exception {
        TestPeer peer = tlsPeer();
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(), "");
        SpoolId id = fixture.submit("secret", "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.received.getFirst().tls()).isTrue();
        assertThat(fixture.attempts(id).getFirst().route().tls()).startsWith("TLSv1.3");
    }

    private TestPeer tlsPeer() throws Exception {
        X509Bundle bundle = new CertificateBuilder().subject("CN=mx.d.test")
                .addSanDnsName("mx.d.test").setIsCertificateAuthority(true).buildSelfSigned();
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(bundle.toKeyManagerFactory().getKeyManagers(), null, null);
        TestPeer peer = new TestPeer(new java.net.InetSocketAddress("127.0.0.1", 0), USUAL,
                context, PLAIN);
        open.add(peer);
        return peer;
    }

    @Test
    void delivery_tlsFails_goesInTheClear() throws IOException {
        TestPeer peer = peer(List.of("PIPELINING", "STARTTLS"), PLAIN);
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(), "");
        SpoolId id = fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.received.getFirst().tls()).isFalse();
        assertThat(fixture.attempts(id)).hasSize(1);
        fixture.submit("y", "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.connections.get()).as("it is remembered").isLessThanOrEqualTo(3);
    }

    @Test
    void delivery_tlsRequiredButFails_waits() throws IOException {
        TestPeer peer = peer(List.of("PIPELINING", "STARTTLS"), PLAIN);
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(), "delivery { tls = required }");
        SpoolId id = fixture.submit("x", "a@d.test");
        await(() -> !fixture.outcomes(id).isEmpty());
        assertThat(fixture.outcomes(id).getFirst().disposition()).isInstanceOf(
                Disposition.Deferred.class);
        assertThat(fixture.outcomes(id).getFirst().disposition().reply().toString()).contains(
                "4.7.5");
        assertThat(peer.received).isEmpty();
    }

    @Test
    void delivery_dnsSaysNever_bounces() throws IOException {
        dns.mx("null.test", 0, ".");
        DeliveryFixture fixture = deliver(1, "");
        SpoolId none = fixture.submit("x", "a@none.test");
        SpoolId refuses = fixture.submit("x", "a@null.test");
        await(() -> count(fixture, none, Disposition.Bounced.class) == 1
                && count(fixture, refuses, Disposition.Bounced.class) == 1);
        assertThat(fixture.outcomes(refuses).getFirst().disposition().reply().toString())
                .contains("5.1.10");
    }

    @Test
    void delivery_dnsFails_waitsThenDelivers() throws IOException {
        TestPeer peer = peer(USUAL, PLAIN);
        domain("d.test");
        dns.rcode("d.test", Rcode.SERVFAIL);
        DeliveryFixture fixture = deliver(peer.port(), "");
        SpoolId id = fixture.submit("x", "a@d.test");
        await(() -> count(fixture, id, Disposition.Deferred.class) > 0);
        dns.rcode("d.test", Rcode.NOERROR);
        dns.forget("d.test");
        domain("d.test");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
    }

    @Test
    void delivery_smartHost_skipsMx() throws IOException {
        TestPeer peer = peer(USUAL, PLAIN);
        DeliveryFixture fixture = deliver(1, "routes = [ { when { recipient-domain = "
                + "\"corp.test\" }, via = \"smtp://127.0.0.1:" + peer.port() + "\" } ]");
        fixture.submit("x", "a@corp.test");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
    }

    @Test
    void delivery_sourceCannotBind_othersAreUsed() throws IOException {
        TestPeer peer = peer(USUAL, PLAIN);
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(),
                "sources { bad { address = 198.51.100.1 }, good { address = 127.0.0.9 } }");
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            ids.add(fixture.submit("x", "a@d.test"));
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(20);
        assertThat(ids).allMatch(id -> fixture.attempts(id).getFirst().route().source().equals(
                "good"));
    }

    @Test
    void delivery_noSourceCanBind_isParkedNotBounced() throws IOException {
        domain("d.test");
        DeliveryFixture fixture = deliver(1, "sources { bad { address = 198.51.100.1 } }");
        SpoolId id = fixture.submit("x", "a@d.test");
        await(() -> fixture.delivery.why(TestMail.key("d.test")).contains("bad"));
        assertThat(fixture.attempts(id)).isEmpty();
    }

    @Test
    void delivery_weights_areKept() throws IOException {
        TestPeer peer = peer(USUAL, PLAIN);
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(), """
                sources { a { address = 127.0.0.8, ehlo = a.test }, b { address = 127.0.0.9 } }
                pools { default { sources { a = 1, b = 3 } } }
                """);
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            ids.add(fixture.submit("x", "a@d.test"));
        }
        fixture.awaitEmpty();
        long byA = ids.stream().filter(id -> fixture.attempts(id).getFirst().route().source()
                .equals("a")).count();
        assertThat(byA).isBetween(60L, 140L);
        assertThat(peer.received.stream().filter(one -> one.commands().contains("EHLO a.test"))
                .count()).isEqualTo(byA);
    }

    @Test
    void delivery_twoPoolsOneConnection_bothGetOut() throws IOException {
        TestPeer peer = peer(USUAL, PLAIN);
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(), """
                sources { a { address = 127.0.0.8 }, b { address = 127.0.0.9 } }
                pools { one { sources { a = 1 } }, two { sources { b = 1 } } }
                routes = [ { when { sender-domain = "x.test" }, pool = two },
                  { when { sender-domain = "example.com" }, pool = one } ]
                delivery { connections-per-site = 1 }
                """);
        for (int i = 0; i < 50; i++) {
            fixture.submitFrom("app@example.com", "n" + i, "a@d.test");
            fixture.submitFrom("app@x.test", "n" + i, "a@d.test");
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(100);
        assertThat(peer.mostOpen.get()).isLessThanOrEqualTo(2);
    }

    /** Signs with a line, slowly counted; refuses what says so. */
    private static final class TestSigner extends DeliveryFixture.NoSigner {
        final AtomicInteger signed = new AtomicInteger();
        volatile boolean broken;

        @Override
        public boolean signs(ContentFacts facts) {
            return true;
        }

        @Override
        public Signature sign(Content content, ContentFacts facts) {
            if (broken) {
                throw new IllegalStateException("key file is gone");
            }
            signed.incrementAndGet();
            return new Signature("DKIM-Signature: test\r\n".getBytes(StandardCharsets.US_ASCII),
                    "s1@example.com");
        }
    }

    @Test
    void delivery_signed_oncePerContent() throws IOException {
        TestPeer peer = peer(MODERN, PLAIN);
        domain("d.test");
        domain("e.test");
        TestSigner signer = new TestSigner();
        DeliveryFixture fixture = deliver(peer.port(), signer, "");
        SpoolId id = fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.texts().getFirst()).startsWith("DKIM-Signature: test\r\nFrom:");
        assertThat(fixture.attempts(id).getFirst().route().signedBy()).isEqualTo(
                "s1@example.com");
        assertThat(signer.signed.get()).isEqualTo(1);
    }

    @Test
    void delivery_keyBroken_waitsAndNeverGoesUnsigned() throws IOException {
        TestPeer peer = peer(MODERN, PLAIN);
        domain("d.test");
        TestSigner signer = new TestSigner();
        signer.broken = true;
        DeliveryFixture fixture = deliver(peer.port(), signer, "");
        SpoolId id = fixture.submit("x", "a@d.test");
        await(() -> count(fixture, id, Disposition.Deferred.class) > 0);
        assertThat(peer.received).isEmpty();
        signer.broken = false;
        fixture.awaitEmpty();
        assertThat(peer.texts().getFirst()).startsWith("DKIM-Signature");
    }

    @Test
    void close_whileTransactionsRun_finishesThemAndMakesNoCopies() throws Exception {
        CountDownLatch atDot = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        TestPeer peer = peer(USUAL, (verb, line, at, connection) -> {
            if (verb.equals("DOT")) {
                atDot.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException stop) {
                    Thread.currentThread().interrupt();
                }
            }
            return null;
        });
        domain("d.test");
        DeliveryFixture fixture = deliver(peer.port(),
                "delivery { timeouts { end-of-data = 20s } }");
        for (int i = 0; i < 100; i++) {
            fixture.submit("n" + i, "a@d.test");
        }
        atDot.await();
        Thread stopping = Thread.ofVirtual().start(() -> fixture.stop(Duration.ofSeconds(20)));
        await(() -> stopping.getState() == Thread.State.TIMED_WAITING);
        goOn.countDown();
        stopping.join();
        int before = peer.received.size();
        assertThat(before).isBetween(1, 60);
        DeliveryFixture again = deliver(peer.port(), "");
        again.awaitEmpty();
        assertThat(peer.received).hasSize(100);
        assertThat(new HashSet<>(peer.texts())).hasSize(100);
    }

    @Test
    void delivery_hungDestinations_doNotSlowOthers() throws IOException {
        TestPeer good = peer("127.0.0.1", 0, USUAL, PLAIN);
        peer("127.0.0.2", good.port(), USUAL, (verb, line, at, connection) -> TestPeer.STALL);
        domain("good.test");
        for (int i = 0; i < 60; i++) {
            dns.mx("h" + i + ".test", 10, "mx.h" + i + ".test").a("mx.h" + i + ".test",
                    "127.0.0.2");
        }
        DeliveryFixture fixture = deliver(good.port(), "delivery { connections = 40, "
                + "connections-per-site = 10, timeouts { greeting = 1m } }");
        fixture.submit("first", "a@good.test");
        fixture.awaitEmpty();
        for (int i = 0; i < 60; i++) {
            fixture.submit("x", "a@h" + i + ".test");
        }
        await(() -> connections(fixture) >= 20);
        for (int i = 0; i < 50; i++) {
            fixture.submit("n" + i, "a@good.test");
        }
        await(() -> good.received.size() == 51);
        assertThat(connections(fixture)).as("unproven sites share half").isLessThanOrEqualTo(30);
    }

    private static long connections(DeliveryFixture fixture) {
        return fixture.metrics.snapshot().getOrDefault("delivery_connections_current", 0L);
    }
}
