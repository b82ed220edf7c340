// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static io.mailrace.delivery.DeliveryFixture.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which source mail goes by, from the spool to peers on loopback sockets. */
class EgressTest {
    private static final String TWO = """
            sources { a { address = 127.0.0.8, ehlo = a.test }
              b { address = 127.0.0.9, ehlo = b.test } }
            """;
    private static final String OVERFLOW = TWO + """
            pools { default { sources { a = 1 }, overflow = spare }
              spare { sources { b = 1 } } }
            """;
    private static final String GREY = """
            providers { x { match-mx = ["mx.d.test"], rules = [
              { name = grey, code = 450, words = "greylisted", class = greylisted }
              { name = move, code = 550, words = "not from you", class = blocked, mail = retry
                action = other-source }
            ] } }
            retry { default { intervals = [1ms] } }
            """;

    @TempDir
    Path directory;
    private TestDns dns;
    private final List<AutoCloseable> open = new ArrayList<>();
    private final Map<Integer, String> names = new ConcurrentHashMap<>();

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
        dns.mx("d.test", 10, "mx.d.test").a("mx.d.test", "127.0.0.1");
    }

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    /** Answers a command by the name the client gave in EHLO; null: the usual reply. */
    private interface ByName {
        @Nullable
        String reply(String verb, String line, String client);
    }

    private TestPeer peer(ByName script) throws IOException {
        TestPeer peer = TestPeer.on("127.0.0.1", 0, List.of("PIPELINING", "SIZE"),
                (verb, line, at, connection) -> {
                    if (verb.equals("EHLO")) {
                        names.put(connection, line.substring(5));
                    }
                    return script.reply(verb, line, names.getOrDefault(connection, ""));
                });
        open.add(peer);
        return peer;
    }

    private DeliveryFixture deliver(int port, String more) {
        DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                new DeliveryFixture.NoSigner(), "delivery { port = " + port
                        + ", allow-destinations = [\"127.0.0.0/8\", \"::1\"] }\n" + more);
        open.add(fixture);
        return fixture;
    }

    private static List<String> sources(DeliveryFixture fixture, SpoolId id) {
        return fixture.attempts(id).stream().map(Event.Attempted::route).map(Event.Route::source)
                .toList();
    }

    private static List<String> clients(TestPeer peer) {
        return peer.received.stream().map(TestPeer.Received::client).toList();
    }

    private static String why(DeliveryFixture fixture) {
        return fixture.delivery.why(TestMail.key("d.test"));
    }

    /** Nobody tries to bind it: the source is not used from the start. */
    @Test
    void source_addressNotOnThisMachine_waitsWithThatReason() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), "sources.a.address = 198.51.100.1");
        SpoolId id = fixture.submit("x", "r@d.test");
        String reason = "source a: address 198.51.100.1 is not on this machine";
        await(() -> why(fixture).contains(reason));
        assertThat(fixture.attempts(id)).isEmpty();
        assertThat(fixture.metrics.counter("delivery_connections_total", "", Map.of("result",
                "opened")).sum()).isZero();
        String explained = fixture.delivery.explain(TestMail.key("d.test"), "example.com")
                .toCompletableFuture().join().lines().stream().map(Explanation.Line::value)
                .collect(Collectors.joining("\n"));
        assertThat(explained).contains(": rests: " + reason);
    }

    @Test
    void source_twoFamilies_eachPeerIsSentToFromItsOwn() throws IOException {
        TestPeer four = peer((verb, line, client) -> null);
        TestPeer six = TestPeer.on("::1", four.port(), List.of("SIZE"),
                (verb, line, at, connection) -> null);
        open.add(six);
        dns.mx("six.test", 10, "mx.six.test").a("mx.six.test", "::1");
        DeliveryFixture fixture = deliver(four.port(),
                "sources.a { address = 127.0.0.8, address6 = \"::1\" }");
        fixture.submit("x", "r@d.test");
        fixture.submit("x", "r@six.test");
        fixture.awaitEmpty();
        assertThat(clients(four)).containsExactly("127.0.0.8");
        assertThat(clients(six)).containsExactly("0:0:0:0:0:0:0:1");
    }

    @Test
    void overflow_rateIsUsedUp_otherPoolsSourcesSendWithinTheirs() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), OVERFLOW
                + "sources { a { rate = 2/day }, b { rate = 3/day } }");
        for (int i = 0; i < 8; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        await(() -> peer.received.size() == 5 && why(fixture).contains("rate"));
        assertThat(clients(peer)).filteredOn("127.0.0.8"::equals).hasSize(2);
        assertThat(clients(peer)).filteredOn("127.0.0.9"::equals).hasSize(3);
    }

    @Test
    void overflow_sourceIsSuspendedAndResumed_itsOwnPoolComesFirst() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), OVERFLOW);
        fixture.delivery.control().suspend("source", "a", "", Duration.ofHours(1), "test");
        for (int i = 0; i < 5; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        await(() -> peer.received.size() == 5);
        assertThat(clients(peer)).containsOnly("127.0.0.9");
        fixture.delivery.control().resume("source", "a", "", "test");
        // the connections of the other pool, idle or not, are of no use any more
        for (int i = 0; i < 5; i++) {
            fixture.submit("m" + i, "s" + i + "@d.test");
        }
        await(() -> peer.received.size() == 10);
        assertThat(clients(peer).subList(5, 10)).containsOnly("127.0.0.8");
    }

    /** The only connection has mail all the time: it must give way nevertheless. */
    @Test
    void overflow_ownSourceIsResumedUnderLoad_busyConnectionGivesWay() throws IOException {
        CompletableFuture<DeliveryFixture> running = new CompletableFuture<>();
        AtomicInteger taken = new AtomicInteger();
        TestPeer peer = peer((verb, line, client) -> {
            if (verb.equals("DOT") && taken.incrementAndGet() == 20) {
                running.join().delivery.control().resume("source", "a", "", "test");
            }
            return null;
        });
        DeliveryFixture fixture = deliver(peer.port(), OVERFLOW
                + "delivery { connections-per-site = 1 }");
        fixture.delivery.control().suspend("source", "a", "", Duration.ofHours(1), "test");
        running.complete(fixture);
        for (int i = 0; i < 100; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(clients(peer).subList(0, 20)).containsOnly("127.0.0.9");
        assertThat(clients(peer).subList(25, 100)).containsOnly("127.0.0.8");
    }

    /** Only a long wait brings the other pool in. */
    @Test
    void overflow_ownSourceWaitsAMoment_otherPoolIsNotUsed() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), OVERFLOW + "sources { a { rate = 20/s } }");
        for (int i = 0; i < 10; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).hasSize(10).containsOnly("127.0.0.8");
    }

    /** The peer knows pairs of client and recipient, as greylisting does. */
    @Test
    void sticky_greylisted_comesBackByTheSameSource() throws IOException {
        Set<String> seen = ConcurrentHashMap.newKeySet();
        TestPeer peer = peer((verb, line, client) -> verb.equals("RCPT")
                && seen.add(client + line) ? "450 4.2.0 greylisted" : null);
        DeliveryFixture fixture = deliver(peer.port(), TWO + GREY);
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            ids.add(fixture.submit("n" + i, "r" + i + "@d.test"));
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(40);
        assertThat(ids).allSatisfy(id -> assertThat(sources(fixture, id)).hasSize(2)
                .satisfies(both -> assertThat(both.getFirst()).isEqualTo(both.getLast())));
        assertThat(Set.copyOf(clients(peer))).hasSize(2);
    }

    /** The connection it was greylisted on is the only one its source may open for an hour. */
    @Test
    void sticky_sourceMayOpenNoOther_goesOverTheConnectionThereIs() throws IOException {
        AtomicInteger asked = new AtomicInteger();
        TestPeer peer = peer((verb, line, client) -> verb.equals("RCPT")
                && asked.incrementAndGet() <= 3 ? "450 4.2.0 greylisted" : null);
        DeliveryFixture fixture = deliver(peer.port(), TWO + GREY + """
                sources.a.connection-rate = 1/h
                pools { default { sources { a = 1 } } }
                """);
        SpoolId id = fixture.submit("x", "r@d.test");
        fixture.awaitEmpty();
        assertThat(sources(fixture, id)).containsExactly("a", "a", "a", "a");
        assertThat(peer.connections).hasValue(1);
    }

    /** Sticky while the source is of use, no longer. */
    @Test
    void sticky_sourceIsSuspendedMeanwhile_goesByAnother() throws IOException {
        CompletableFuture<DeliveryFixture> running = new CompletableFuture<>();
        AtomicInteger asked = new AtomicInteger();
        TestPeer peer = peer((verb, line, client) -> {
            if (!verb.equals("RCPT") || asked.incrementAndGet() > 1) {
                return null;
            }
            running.join().delivery.control().suspend("source", client.substring(0, 1), "",
                    Duration.ofHours(1), "test");
            return "450 4.2.0 greylisted";
        });
        DeliveryFixture fixture = deliver(peer.port(), TWO + GREY);
        running.complete(fixture);
        SpoolId id = fixture.submit("x", "r@d.test");
        fixture.awaitEmpty();
        assertThat(sources(fixture, id)).hasSize(2).doesNotHaveDuplicates();
    }

    /** It went by the other pool's only connection for a moment, and may open none for an hour. */
    @Test
    void overflow_lentConnection_goesBackToItsPool() throws IOException {
        CountDownLatch resumed = new CountDownLatch(1);
        open.add(resumed::countDown);
        AtomicInteger byB = new AtomicInteger();
        TestPeer peer = peer((verb, line, client) -> {
            if (verb.equals("DOT") && client.equals("b.test") && byB.incrementAndGet() == 2) {
                DeliveryFixture.pass(resumed);
            }
            return null;
        });
        DeliveryFixture fixture = deliver(peer.port(), TWO + """
                delivery.timeouts.end-of-data = 1m
                sources.b.connection-rate = 1/h
                pools { default { sources { a = 1 }, overflow = spare }
                  spare { sources { b = 1 } } }
                routes = [ { when { tenant = s }, pool = spare } ]
                """);
        fixture.submitAs("s", "s@app.test", "x", "first@d.test");
        fixture.awaitEmpty();
        long id = fixture.delivery.control().suspend("source", "a", "", Duration.ofHours(1),
                "test").id();
        fixture.submit("x", "lent@d.test");
        await(() -> byB.get() == 2);
        fixture.delivery.control().end(id, "test");
        fixture.submit("x", "own@d.test");
        await(() -> clients(peer).contains("127.0.0.8"));
        resumed.countDown();
        fixture.submitAs("s", "s@app.test", "x", "last@d.test");
        fixture.awaitEmpty();
        assertThat(clients(peer)).containsOnlyOnce("127.0.0.8");
        assertThat(names.values()).filteredOn("b.test"::equals).hasSize(1);
    }

    /** With these weights it would come by the refused source again and again. */
    @Test
    void otherSource_refusedByOne_goesByTheOther() throws IOException {
        TestPeer peer = peer((verb, line, client) -> verb.equals("MAIL")
                && client.equals("a.test") ? "550 5.7.1 not from you" : null);
        DeliveryFixture fixture = deliver(peer.port(), TWO + GREY
                + "pools { default { sources { a = 1000, b = 1 } } }");
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            ids.add(fixture.submit("n" + i, "r" + i + "@d.test"));
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).hasSize(12).containsOnly("127.0.0.9");
        assertThat(ids).allSatisfy(id -> assertThat(sources(fixture, id)).isIn(List.of("a", "b"),
                List.of("b")));
        assertThat(ids).anySatisfy(id -> assertThat(sources(fixture, id)).hasSize(2));
    }

    /** There is no other one: it is tried by the same again. */
    @Test
    void otherSource_onlyOne_isTriedAgainByIt() throws IOException {
        AtomicInteger asked = new AtomicInteger();
        TestPeer peer = peer((verb, line, client) -> verb.equals("MAIL")
                && asked.incrementAndGet() < 3 ? "550 5.7.1 not from you" : null);
        DeliveryFixture fixture = deliver(peer.port(), TWO + GREY
                + "pools { default { sources { a = 1 } } }");
        SpoolId id = fixture.submit("x", "r@d.test");
        fixture.awaitEmpty();
        assertThat(sources(fixture, id)).containsExactly("a", "a", "a");
    }

    /** It may open no connection for an hour: the other of its pool sends. */
    @Test
    void connectionRateOfOneUsedUp_theOtherSends() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), TWO + "sources.a.connection-rate = 1/h\n"
                + "providers { x { match-mx = [\"mx.d.test\"], messages-per-connection = 1 } }\n"
                + "pools { default { sources { a = 1, b = 1 } } }");
        for (int i = 0; i < 6; i++) {
            fixture.submit("x", "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).hasSize(6);
        assertThat(clients(peer)).filteredOn("127.0.0.8"::equals).hasSizeLessThanOrEqualTo(1);
    }

    /** Many sites with one message each: each takes its turn at the pool's one wheel. */
    @Test
    void weights_manySitesWithOneMessageEach_areKept() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        for (int i = 0; i < 200; i++) {
            dns.mx("s" + i + ".test", 10, "mx.s" + i + ".test").a("mx.s" + i + ".test",
                    "127.0.0.1");
        }
        DeliveryFixture fixture = deliver(peer.port(), TWO
                + "pools { default { sources { a = 1, b = 3 } } }");
        for (int i = 0; i < 200; i++) {
            fixture.submit("x", "r@s" + i + ".test");
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).filteredOn("127.0.0.8"::equals).hasSize(50);
        assertThat(clients(peer)).filteredOn("127.0.0.9"::equals).hasSize(150);
    }
}
