// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static io.mailrace.delivery.DeliveryFixture.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Lane;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.assertj.core.api.Condition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who leaves first when much waits, and what is tried again when an operator says so. */
class LanesTest {
    private static final String LANES = """
            routes = [ { when { sender-domain = "bulk.test" }, lane = bulk },
              { when { sender-domain = "reset.test" }, lane = transactional } ]
            """;

    @TempDir
    Path directory;
    private TestDns dns;
    private final List<AutoCloseable> open = new ArrayList<>();

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

    private DeliveryFixture deliver(int port, String more) {
        dns.mx("d.test", 10, "mx.d.test").a("mx.d.test", "127.0.0.1");
        DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                new DeliveryFixture.NoSigner(), "delivery { port = " + port + " }\n" + more);
        open.add(fixture);
        return fixture;
    }

    /** Takes one message for each permit and notes the senders of the transactions begun. */
    private static final class Gate implements TestPeer.Script, AutoCloseable {
        final Semaphore permits = new Semaphore(0);
        final List<String> begun = new CopyOnWriteArrayList<>();

        @Override
        public @Nullable String reply(String verb, String line, InetAddress at,
                int connection) {
            if (verb.equals("MAIL")) {
                begun.add(line.substring(line.indexOf('<') + 1, line.indexOf('>')));
            } else if (verb.equals("DOT")) {
                permits.acquireUninterruptibly();
            }
            return null;
        }

        void begun(int count) {
            await(() -> begun.size() >= count);
        }

        @Override
        public void close() {
            permits.release(1_000_000);
        }
    }

    /** Without PIPELINING nothing is begun behind a message that runs: the count is exact. */
    private TestPeer gated(Gate gate) throws IOException {
        TestPeer peer = TestPeer.on("127.0.0.1", 0, List.of("SIZE", "8BITMIME"), gate);
        open.add(peer);
        return peer;
    }

    private static MailQueue queue(DeliveryFixture fixture, Lane lane, String tenant) {
        QueueKey key = new QueueKey(lane, tenant, "d.test", "default");
        await(() -> fixture.spool.queues().find(key).isPresent());
        return fixture.spool.queues().find(key).orElseThrow();
    }

    @Test
    void delivery_transactionalBehindBulk_isTheNextTransaction() throws IOException {
        Gate gate = new Gate();
        DeliveryFixture fixture = deliver(gated(gate).port(), LANES
                + "delivery { connections-per-site = 4, timeouts { end-of-data = 1m } }");
        open.add(gate);
        for (int i = 0; i < 500; i++) {
            fixture.submitAs("a", "news@bulk.test", "n" + i, "r@d.test");
        }
        gate.begun(4);
        fixture.submitAs("b", "app@reset.test", "password", "r@d.test");
        MailQueue urgent = queue(fixture, Lane.TRANSACTIONAL, "b");
        await(() -> urgent.status().taken() == 1);
        gate.permits.release(2);
        gate.begun(6);
        assertThat(List.copyOf(gate.begun).subList(4, 6)).contains("app@reset.test");
    }

    @Test
    void delivery_tenBehindFiveHundredOfAnotherTenant_leaveInTurnWithThem() throws IOException {
        Gate gate = new Gate();
        DeliveryFixture fixture = deliver(gated(gate).port(),
                "delivery { connections-per-site = 2, timeouts { end-of-data = 1m } }");
        open.add(gate);
        for (int i = 0; i < 500; i++) {
            fixture.submitAs("big", "big@app.test", "n" + i, "r@d.test");
        }
        gate.begun(2);
        for (int i = 0; i < 10; i++) {
            fixture.submitAs("small", "small@app.test", "n" + i, "r@d.test");
        }
        QueueKey small = queue(fixture, Lane.DEFAULT, "small").key();
        await(() -> !fixture.delivery.why(small).isEmpty());
        // two running, four at hand, then turns of both, the last one possibly of the big one
        int within = 2 + 4 + 2 * 10 + 2 * FairQueues.QUANTUM;
        gate.permits.release(within);
        gate.begun(within);
        assertThat(List.copyOf(gate.begun).subList(0, within)).filteredOn("small@app.test"::equals)
                .hasSize(10);
    }

    private static final String BULK_AND_RESET = """
            routes = [ { when { tenant = a }, lane = bulk, pool = one },
              { when { tenant = b }, lane = transactional, pool = two } ]
            delivery.timeouts.end-of-data = 1m
            """;

    /** Forty of bulk in one pool, of which some are under way, then one reset in the other. */
    private DeliveryFixture bulkThenReset(Gate gate, int port, int underWay, String more) {
        DeliveryFixture fixture = deliver(port, BULK_AND_RESET + more);
        open.add(gate);
        for (int i = 0; i < 40; i++) {
            fixture.submitAs("a", "news@bulk.test", "n" + i, "r@d.test");
        }
        gate.begun(underWay);
        fixture.submitAs("b", "app@reset.test", "password", "r@d.test");
        QueueKey urgent = new QueueKey(Lane.TRANSACTIONAL, "b", "d.test", "two");
        await(() -> fixture.spool.queues().find(urgent)
                .filter(queue -> queue.status().taken() == 1).isPresent());
        return fixture;
    }

    @Test
    void delivery_transactionalInAnotherPool_isGivenAConnectionAtOnce() throws IOException {
        Gate gate = new Gate();
        bulkThenReset(gate, gated(gate).port(), 2, """
                sources { x { address = 127.0.0.8 }, y { address = 127.0.0.9 } }
                pools { one { sources { x = 1 } }, two { sources { y = 1 } } }
                delivery.connections-per-site = 2
                """);
        gate.permits.release(1);
        gate.begun(3);
        assertThat(gate.begun.get(2)).isEqualTo("app@reset.test");
    }

    private static final String ONE_FOR_BOTH = """
            sources { x { address = 127.0.0.8 } }
            pools { one { sources { x = 1 } }, two { sources { x = 1 } } }
            providers { p { match-mx = ["mx.d.test"], connections = 1 } }
            """;

    @Test
    void delivery_transactionalInAPoolOfTheSameSource_isTheNextOnItsOnlyConnection()
            throws IOException {
        Gate gate = new Gate();
        TestPeer peer = gated(gate);
        DeliveryFixture fixture = bulkThenReset(gate, peer.port(), 1, ONE_FOR_BOTH);
        await(() -> fixture.delivery.why(new QueueKey(Lane.TRANSACTIONAL, "b", "d.test", "two"))
                .contains("1 connections"));
        gate.permits.release(2);
        gate.begun(3);
        assertThat(gate.begun.subList(1, 3)).contains("app@reset.test");
        gate.permits.release(38);
        gate.begun(41);
        assertThat(peer.connections).hasValue(1);
    }

    /** Pools of one source, which may have one connection: it is handed to and fro. */
    @ParameterizedTest
    @ValueSource(ints = {3, 1000})
    void delivery_poolsShareTheOnlyConnection_takeTurnsOnIt(int messages) throws IOException {
        Gate gate = new Gate();
        TestPeer peer = gated(gate);
        DeliveryFixture fixture = deliver(peer.port(), ONE_FOR_BOTH + """
                routes = [ { when { tenant = a }, pool = one },
                  { when { tenant = b }, pool = two } ]
                delivery.timeouts.end-of-data = 1m
                providers.p.messages-per-connection = %d
                """.formatted(messages));
        open.add(gate);
        for (int i = 0; i < 40; i++) {
            fixture.submitAs("a", "a@app.test", "n" + i, "r@d.test");
        }
        gate.begun(1);
        for (int i = 0; i < 40; i++) {
            fixture.submitAs("b", "b@app.test", "n" + i, "r@d.test");
        }
        QueueKey second = new QueueKey(Lane.DEFAULT, "b", "d.test", "two");
        await(() -> fixture.spool.queues().find(second)
                .filter(queue -> queue.status().taken() > 0).isPresent());
        gate.permits.release(40);
        gate.begun(40);
        assertThat(List.copyOf(gate.begun).subList(0, 40))
                .haveAtLeast(10, new Condition<>("b@app.test"::equals, "of b"))
                .haveAtLeast(10, new Condition<>("a@app.test"::equals, "of a"));
        gate.permits.release(40);
        fixture.awaitEmpty();
        assertThat(peer.mostOpen).hasValue(1);
        assertThat(peer.connections.get()).isLessThanOrEqualTo((80 + messages) / messages);
    }

    /** Two pools of one source and one of another, for one connection in all: each has its turn. */
    @Test
    void delivery_threePoolsOneConnection_allTakeTurns() throws IOException {
        Gate gate = new Gate();
        DeliveryFixture fixture = deliver(gated(gate).port(), """
                sources { x { address = 127.0.0.8 }, y { address = 127.0.0.9 } }
                pools { one { sources { x = 1 } }, two { sources { x = 1 } }
                  three { sources { y = 1 } } }
                routes = [ { when { tenant = a }, pool = one }, { when { tenant = b }, pool = two }
                  { when { tenant = c }, pool = three } ]
                delivery { connections-per-site = 1, timeouts { end-of-data = 1m } }
                """);
        open.add(gate);
        for (int i = 0; i < 50; i++) {
            for (String tenant : List.of("a", "b", "c")) {
                fixture.submitAs(tenant, tenant + "@app.test", "n" + i, "r@d.test");
            }
        }
        for (Map.Entry<String, String> one : Map.of("a", "one", "b", "two", "c", "three")
                .entrySet()) {
            QueueKey key = new QueueKey(Lane.DEFAULT, one.getKey(), "d.test", one.getValue());
            await(() -> fixture.spool.queues().find(key)
                    .filter(queue -> queue.status().taken() > 0).isPresent());
        }
        gate.permits.release(90);
        gate.begun(90);
        for (String tenant : List.of("a", "b", "c")) {
            assertThat(List.copyOf(gate.begun).subList(0, 90)).haveAtLeast(15,
                    new Condition<>((tenant + "@app.test")::equals, "of " + tenant));
        }
    }

    /** Urgent mail without end in one pool: the other has its turn all the same. */
    @Test
    void delivery_urgentPoolNeverEnds_otherPoolIsNotForgotten() throws IOException {
        Gate gate = new Gate();
        DeliveryFixture fixture = deliver(gated(gate).port(), """
                sources { x { address = 127.0.0.8 }, y { address = 127.0.0.9 } }
                pools { one { sources { x = 1 } }, two { sources { y = 1 } } }
                routes = [ { when { tenant = a }, lane = transactional, pool = one },
                  { when { tenant = b }, lane = bulk, pool = two } ]
                delivery { connections-per-site = 1, timeouts { end-of-data = 1m } }
                """);
        open.add(gate);
        for (int i = 0; i < 200; i++) {
            fixture.submitAs("a", "app@reset.test", "n" + i, "r@d.test");
        }
        gate.begun(1);
        fixture.submitAs("b", "news@bulk.test", "x", "r@d.test");
        QueueKey other = new QueueKey(Lane.BULK, "b", "d.test", "two");
        await(() -> fixture.spool.queues().find(other)
                .filter(queue -> queue.status().taken() > 0).isPresent());
        gate.permits.release(150);
        gate.begun(150);
        assertThat(List.copyOf(gate.begun).subList(0, 150)).contains("news@bulk.test");
    }

    /**
     * A pool whose source waits for its rate needs no more connections: none is closed for it. When
     * it may send, both may open all that the site may have, as at first, and some that were idle
     * may come again; closed for it, there would be one for each ten messages.
     */
    @Test
    void delivery_otherPoolWaitsForItsRate_connectionsAreKept() throws IOException {
        TestPeer peer = TestPeer.on("127.0.0.1", 0, List.of("PIPELINING", "SIZE"),
                (verb, line, at, connection) -> null);
        open.add(peer);
        DeliveryFixture fixture = deliver(peer.port(),
                """
                        sources { x { address = 127.0.0.8 }, y { address = 127.0.0.9 } }
                        sources.y.rate = 15/min
                        pools { one { sources { x = 1 } }, two { sources { y = 1 } } }
                        routes = [ { when { tenant = a }, pool = one },
                          { when { tenant = b }, pool = two } ]
                        delivery.connections-per-site = 4
                        provider-defaults.messages-per-connection = 1000
                        """);
        for (int i = 0; i < 5; i++) {
            fixture.submitAs("b", "b@app.test", "n" + i, "b@d.test");
        }
        await(() -> peer.received.size() == 1);
        for (int i = 0; i < 800; i++) {
            fixture.submitAs("a", "a@app.test", "n" + i, "a@d.test");
        }
        await(() -> peer.received.size() > 800);
        long permits = peer.received.stream().filter(one -> one.to().contains("b@d.test")).count();
        assertThat(peer.connections.get()).isLessThanOrEqualTo((int) (12 * permits));
    }

    /** While it waits for the rate, it is not closed for the other pool: they take turns on it. */
    @Test
    void delivery_poolsShareTheOnlyConnectionAtARate_keepIt() throws IOException {
        TestPeer peer = TestPeer.on("127.0.0.1", 0, List.of("PIPELINING", "SIZE"),
                (verb, line, at, connection) -> null);
        open.add(peer);
        DeliveryFixture fixture = deliver(peer.port(), """
                sources { x { address = 127.0.0.8 } }
                pools { one { sources { x = 1 } }, two { sources { x = 1 } } }
                routes = [ { when { tenant = a }, pool = one },
                  { when { tenant = b }, pool = two } ]
                providers { p { match-mx = ["mx.d.test"], rate = 20/s } }
                delivery.connections-per-site = 1
                """);
        for (int i = 0; i < 20; i++) {
            fixture.submitAs("a", "a@app.test", "n" + i, "a@d.test");
            fixture.submitAs("b", "b@app.test", "n" + i, "b@d.test");
        }
        fixture.awaitEmpty();
        assertThat(peer.connections).hasValue(1);
        assertThat(peer.received.subList(0, 30)).filteredOn(one -> one.to().contains("b@d.test"))
                .hasSizeBetween(10, 20);
    }

    /** All of the budget is held by bulk of one site; the reset goes to another one. */
    @Test
    void delivery_transactionalWithoutConnectionInTheBudget_getsTheNextOne() throws IOException {
        Gate gate = new Gate();
        dns.mx("other.test", 10, "mx.other.test").a("mx.other.test", "127.0.0.1");
        DeliveryFixture fixture = deliver(gated(gate).port(), LANES + "delivery { connections = "
                + "4, connections-per-site = 4, timeouts { end-of-data = 1m } }");
        open.add(gate);
        for (int i = 0; i < 100; i++) {
            fixture.submitAs("a", "news@bulk.test", "n" + i, "r@d.test");
        }
        gate.begun(4);
        fixture.submitAs("b", "app@reset.test", "password", "r@other.test");
        QueueKey urgent = new QueueKey(Lane.TRANSACTIONAL, "b", "other.test", "default");
        await(() -> fixture.delivery.why(urgent).contains("delivery.connections"));
        gate.permits.release(1);
        gate.begun(5);
        assertThat(gate.begun.get(4)).isEqualTo("app@reset.test");
    }

    @Test
    void wake_siteWaitsAndQueueIsMeant_isTriedAtOnce() throws IOException {
        AtomicBoolean up = new AtomicBoolean();
        TestPeer peer = TestPeer.on("127.0.0.1", 0, List.of(), (verb, line, at, connection) -> verb
                .equals("GREETING") && !up.get() ? "554 5.3.2 not today" : null);
        open.add(peer);
        DeliveryFixture fixture = deliver(peer.port(),
                "delivery { park-first = 1h, park-max = 1h }");
        fixture.submitAs("a", "app@example.com", "x", "r@d.test");
        MailQueue queue = queue(fixture, Lane.DEFAULT, "a");
        await(() -> queue.status().parkedUntilEpochMillis() > 0);
        up.set(true);

        fixture.delivery.wake(key -> key.tenant().equals("somebody else"));
        queue.park(0, "");
        await(() -> queue.status().parkedUntilEpochMillis() > 0);
        assertThat(peer.received).isEmpty();

        fixture.delivery.wake(queue.key()::equals);
        queue.park(0, "");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
    }

    @Test
    void wake_sourceRestsAndQueueIsMeant_isTriedAtOnce() {
        DeliveryFixture fixture = deliver(1,
                "sources { bad { proxy = \"socks5://127.0.0.1:1\" } }");
        fixture.submitAs("a", "app@example.com", "x", "r@d.test");
        MailQueue queue = queue(fixture, Lane.DEFAULT, "a");
        await(() -> queue.status().parkedUntilEpochMillis() > 0);
        long opened = opened(fixture);

        fixture.delivery.wake(queue.key()::equals);
        queue.park(0, "");
        await(() -> opened(fixture) > opened);
    }

    private static long opened(DeliveryFixture fixture) {
        return fixture.metrics.counter("delivery_connections_total", "", Map.of("result",
                "opened")).sum();
    }

    @Test
    void siteOf_severalDestinations_namesWhereMailGoes() {
        DeliveryFixture fixture = deliver(1, "");
        dns.mx("two.test", 10, "mx2.test").mx("two.test", 20, "mx1.test")
                .a("mx1.test", "127.0.0.1").a("mx2.test", "127.0.0.1");
        assertThat(siteOf(fixture, "two.test")).contains("mx1.test,mx2.test");
        assertThat(siteOf(fixture, "d.test")).contains("mx.d.test");
        assertThat(siteOf(fixture, "smtp://relay.test:2525")).contains("relay.test:2525");
        assertThat(siteOf(fixture, "nowhere.test")).isEmpty();
    }

    private static Optional<String> siteOf(DeliveryFixture fixture, String destination) {
        return fixture.delivery.siteOf(new QueueKey(Lane.BULK, "a", destination, "default"))
                .toCompletableFuture().orTimeout(DeliveryFixture.PATIENCE_SECONDS,
                        TimeUnit.SECONDS)
                .join();
    }
}
