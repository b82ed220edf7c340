// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static io.mailrace.delivery.DeliveryFixture.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sources that are not warm yet, from a real spool to peers on loopback sockets. */
class WarmupDeliveryTest {
    private static final String SOURCES = """
            sources { warm { address = 127.0.0.8, ehlo = warm }
              cold { address = 127.0.0.9, ehlo = cold, warmup { plan = p, unchecked = true } } }
            providers { x { match-mx = ["mx.d.test"] } }
            warmup.plans.p { caps { default = ["3 x 4"], x = ["2 x 24", 48] }
              sending-hours = 8-9 }
            retry { default { intervals = [1ms] } }
            """;
    private static final String COLD = "127.0.0.9";
    private static final String WARM = "127.0.0.8";

    @TempDir
    Path directory;
    private TestDns dns;
    private final List<AutoCloseable> open = new ArrayList<>();
    private final Map<Integer, String> names = new ConcurrentHashMap<>();
    private final TimeSource time = new Morning();

    /** It is eight in the morning when a test begins. */
    private static final class Morning implements TimeSource {
        private static final long EIGHT = 1_800_000_000_000L;
        private final long begun = TimeSource.system().nanos();

        @Override
        public long epochMillis() {
            return EIGHT + TimeUnit.NANOSECONDS.toMillis(nanos() - begun);
        }

        @Override
        public long nanos() {
            return TimeSource.system().nanos();
        }
    }

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
    private interface Script {
        @Nullable
        String reply(String verb, String line, String client);
    }

    private TestPeer peer(Script script) throws IOException {
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
                new DeliveryFixture.NoSigner(), time, "delivery { port = " + port
                        + ", allow-destinations = [\"127.0.0.0/8\"] }\n" + SOURCES + more);
        open.add(fixture);
        return fixture;
    }

    private static List<String> clients(TestPeer peer) {
        return peer.received.stream().map(TestPeer.Received::client).toList();
    }

    private static WarmupControl.Row row(DeliveryFixture fixture) {
        return fixture.delivery.warmup().status().getFirst();
    }

    @Test
    void cap_isReached_warmSourceOfThePoolSendsTheRest() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), "");
        for (int i = 0; i < 60; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        await(() -> row(fixture).accepted() == 24);
        assertThat(clients(peer)).filteredOn(COLD::equals).hasSize(24);
        assertThat(clients(peer)).filteredOn(WARM::equals).hasSize(36);
        assertThat(row(fixture).volume()).isEqualTo(60);
        assertThat(row(fixture).tomorrow()).isEqualTo("24 (advance)");
    }

    /** It may send, but opens no connection for an hour: what was to go by it goes by the other. */
    @Test
    void connectionRateIsUsedUp_warmSourceSendsTheRest() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), """
                sources.cold.connection-rate = 1/h
                providers.x.messages-per-connection = 1
                """);
        for (int i = 0; i < 20; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).hasSize(20);
        assertThat(clients(peer)).filteredOn(COLD::equals).hasSize(1);
    }

    @Test
    void cap_isReachedAndNoSourceIsWarm_restWaitsWithTheReasonAndIsNotLost()
            throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), "pools.default.sources { cold = 1 }");
        for (int i = 0; i < 30; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        await(() -> fixture.delivery.why(TestMail.key("d.test")).contains(
                "source cold warms up at x: step 1 of plan p, 24 of 24 sent today"));
        await(() -> peer.received.size() == 24);
        assertThat(clients(peer)).containsOnly(COLD);
        String explained = fixture.delivery.explain(TestMail.key("d.test"), "example.com")
                .toCompletableFuture().join().lines().stream().map(Explanation.Line::value)
                .collect(Collectors.joining("\n"));
        assertThat(explained).contains("cold", "warms up at x: step 1 of plan p");
        fixture.delivery.warmup().step("cold", "x", OptionalLong.of(3), "test");
        fixture.awaitEmpty();
        assertThat(clients(peer)).hasSize(30);
    }

    @Test
    void cap_isReached_overflowSendsTheRest() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), """
                pools { default { sources { cold = 1 }, overflow = spare }
                  spare { sources { warm = 1 } } }
                """);
        for (int i = 0; i < 40; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).filteredOn(COLD::equals).hasSize(24);
        assertThat(clients(peer)).filteredOn(WARM::equals).hasSize(16);
    }

    @Test
    void firstAttempt_isDeferred_nextGoesByAWarmSourceAndCostsNothing() throws IOException {
        TestPeer peer = peer((verb, line, client) -> verb.equals("RCPT")
                && client.equals("cold") ? "451 4.3.0 try later" : null);
        DeliveryFixture fixture = deliver(peer.port(), "");
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            ids.add(fixture.submit("n" + i, "r" + i + "@d.test"));
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).hasSize(20).containsOnly(WARM);
        assertThat(row(fixture).deferred()).isEqualTo(row(fixture).used()).isPositive();
        for (SpoolId id : ids) {
            assertThat(fixture.attempts(id).stream().map(Event.Attempted::route)
                    .map(Event.Route::source).filter("cold"::equals)).hasSizeLessThan(2);
        }
    }

    @Test
    void firstAttempt_isGreylisted_isCountedByItself() throws IOException {
        TestPeer peer = peer((verb, line, client) -> verb.equals("RCPT")
                && client.equals("cold") ? "451 4.7.1 greylisted" : null);
        DeliveryFixture fixture = deliver(peer.port(), """
                pools.default { sources { warm = 1, cold = 1 }, sticky = false }
                providers.x.rules = [ { name = grey, code = 451, words = "greylisted",
                  class = greylisted } ]
                """);
        for (int i = 0; i < 20; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(row(fixture).greylisted()).isEqualTo(row(fixture).used()).isPositive();
        assertThat(row(fixture).deferred()).isZero();
        assertThat(row(fixture).health()).isEqualTo("good");
    }

    @Test
    void block_bySourceThatWarmsUp_pausesItAndItsMailGoesByOthers() throws IOException {
        TestPeer peer = peer((verb, line, client) -> verb.equals("MAIL")
                && client.equals("cold") ? "550 5.7.1 you are blocked" : null);
        DeliveryFixture fixture = deliver(peer.port(), """
                providers.x.rules = [ { name = wall, code = 550, words = "you are blocked",
                  class = blocked, mail = retry } ]
                """);
        for (int i = 0; i < 20; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).hasSize(20).containsOnly(WARM);
        assertThat(row(fixture).state()).isEqualTo("paused");
        assertThat(row(fixture).why()).contains("you are blocked");
        assertThat(fixture.metrics.counter("warmup_alerts_total", "").sum()).isEqualTo(1);
    }

    /** Puts off the first attempt for one recipient, as if it were greylisting. */
    private static Script greylisting(String recipient) {
        AtomicInteger seen = new AtomicInteger();
        return (verb, line, client) -> verb.equals("RCPT") && line.contains(recipient)
                && seen.getAndIncrement() == 0 ? "451 4.7.1 greylisted, come again" : null;
    }

    private static final String GREYLIST_RULE = """
            providers.x.rules = [ { name = grey, code = "4xx", words = "greylisted",
              class = greylisted, scope = message, retry-after = 1ms } ]
            """;

    @Test
    void allCold_firstAttemptsWait_deferredMailGoesOnAndCostsNothing() throws IOException {
        TestPeer peer = peer(greylisting("r0@"));
        DeliveryFixture fixture = deliver(peer.port(), GREYLIST_RULE
                + "pools.default.sources { cold = 1 }");
        for (int i = 0; i < 40; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        await(() -> peer.received.size() == 24);
        assertThat(clients(peer)).containsOnly(COLD);
        assertThat(recipients(peer)).contains("r0@d.test");
        assertThat(row(fixture).used()).isEqualTo(24);
        await(() -> fixture.spool.queues().waiting() == 16);
        assertThat(fixture.delivery.why(TestMail.key("d.test"))).contains("24 of 24 sent today");
    }

    @Test
    void allCold_paused_deferredMailWaitsToo() throws IOException {
        CountDownLatch paused = new CountDownLatch(1);
        AtomicInteger seen = new AtomicInteger();
        TestPeer peer = peer((verb, line, client) -> {
            if (!verb.equals("RCPT") || seen.getAndIncrement() > 0) {
                return null;
            }
            DeliveryFixture.pass(paused);
            return "451 4.7.1 greylisted, come again";
        });
        DeliveryFixture fixture = deliver(peer.port(), GREYLIST_RULE
                + "pools.default.sources { cold = 1 }");
        fixture.submit("n", "r@d.test");
        await(() -> seen.get() == 1);
        fixture.delivery.warmup().pause("cold", "", "holidays");
        paused.countDown();
        await(() -> fixture.delivery.why(TestMail.key("d.test")).contains("paused: holidays"));
        assertThat(peer.received).isEmpty();
        fixture.delivery.warmup().resume("cold", "", "test");
        fixture.awaitEmpty();
        assertThat(clients(peer)).containsExactly(COLD);
    }

    @Test
    void greylisted_fromAColdSource_goesByTheSameOneAgain() throws IOException {
        TestPeer peer = peer(greylisting("r0@"));
        DeliveryFixture fixture = deliver(peer.port(), GREYLIST_RULE);
        fixture.submit("n0", "r0@d.test");
        fixture.awaitEmpty();
        assertThat(clients(peer)).containsExactly(COLD);
        assertThat(row(fixture).used()).isEqualTo(1);
    }

    @Test
    void coldSourceOfAnOverflow_getsNothingWhileThePoolsOwnMaySend() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), """
                pools { default { sources { warm = 1 }, overflow = spare }
                  spare { sources { cold = 1 } } }
                """);
        for (int i = 0; i < 20; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).hasSize(20).containsOnly(WARM);
    }

    @Test
    void coldSource_isTurnedAwayAtTheDoor_warmOnesSendWithoutAWait() throws IOException {
        TestPeer peer = peer((verb, line, client) -> verb.equals("EHLO")
                && line.contains("cold") ? "554 5.7.1 who are you" : null);
        DeliveryFixture fixture = deliver(peer.port(), "");
        for (int i = 0; i < 20; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(clients(peer)).hasSize(20).containsOnly(WARM);
        assertThat(fixture.metrics.counter("delivery_sites_parked_total", "").sum()).isZero();
        assertThat(row(fixture).used()).isZero();
    }

    @Test
    void ourOwnRefusals_areNotTheSourcesHealth() throws IOException {
        TestPeer peer = TestPeer.on("127.0.0.1", 0, List.of("PIPELINING", "SIZE 100"),
                (verb, line, at, connection) -> null);
        open.add(peer);
        DeliveryFixture fixture = deliver(peer.port(), "pools.default.sources { cold = 1 }");
        for (int i = 0; i < 5; i++) {
            fixture.submit("far too large ".repeat(20) + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        assertThat(row(fixture).used()).isZero();
        assertThat(row(fixture).bounced()).isZero();
    }

    @Test
    void attemptsThatMetNoServer_areFirstAttemptsStill() throws IOException {
        dns.mx("late.test", 10, "mx.late.test").a("mx.late.test", "127.0.0.77");
        TestPeer other = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(other.port(), """
                pools.default.sources { cold = 1 }
                delivery { park-first = 1s, park-max = 1s }
                """);
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            ids.add(fixture.submit("n" + i, "r" + i + "@late.test"));
        }
        await(() -> ids.stream().noneMatch(id -> fixture.attempts(id).isEmpty()));
        TestPeer peer = TestPeer.on("127.0.0.77", other.port(), List.of("PIPELINING", "SIZE"),
                (verb, line, at, connection) -> null);
        open.add(peer);
        await(() -> fixture.delivery.why(TestMail.key("late.test")).contains(
                "4 of 4 sent today"));
        await(() -> fixture.spool.queues().waiting() == 3);
        assertThat(peer.received).hasSize(4);
    }

    @Test
    void reset_whileConnectionsAreOpen_capsThemToo() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), "pools.default.sources { cold = 1 }");
        fixture.submit("first", "r@d.test");
        fixture.awaitEmpty();
        fixture.delivery.warmup().step("cold", "x", OptionalLong.of(99), "test");
        for (int i = 0; i < 40; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        fixture.delivery.warmup().reset("cold", "x", "test");
        for (int i = 0; i < 40; i++) {
            fixture.submit("m" + i, "r" + i + "@d.test");
        }
        await(() -> fixture.delivery.why(TestMail.key("d.test")).contains("24 of 24 sent today"));
        await(() -> peer.received.size() == 41 + 23);
        await(() -> fixture.spool.queues().waiting() == 17);
    }

    @Test
    void engaged_goesFirstFromAColdSource() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), """
                pools.default.sources { cold = 1 }
                warmup.plans.p.engaged = ["vip-*"]
                """);
        // until all of it is there, however long that takes
        fixture.delivery.warmup().pause("cold", "", "test");
        for (int i = 0; i < 40; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        for (int i = 0; i < 10; i++) {
            fixture.submitTagged("vip-" + i, "v" + i, "v" + i + "@d.test");
        }
        fixture.delivery.warmup().resume("cold", "", "test");
        await(() -> recipients(peer).stream().filter(one -> one.startsWith("v")).count() == 10);
        assertThat(recipients(peer)).hasSizeLessThan(15);
    }

    private static List<String> recipients(TestPeer peer) {
        return peer.received.stream().flatMap(one -> one.to().stream()).toList();
    }

    @Test
    void restart_afterSomeMail_countsGoOn() throws IOException {
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), "pools.default.sources { cold = 1 }");
        for (int i = 0; i < 10; i++) {
            fixture.submit("n" + i, "r" + i + "@d.test");
        }
        fixture.awaitEmpty();
        fixture.close();
        DeliveryFixture again = deliver(peer.port(), "pools.default.sources { cold = 1 }");
        assertThat(row(again).used()).isEqualTo(10);
        assertThat(row(again).accepted()).isEqualTo(10);
        for (int i = 0; i < 20; i++) {
            again.submit("m" + i, "r" + i + "@d.test");
        }
        await(() -> row(again).accepted() == 24);
        assertThat(clients(peer)).hasSize(24);
    }

    /** With the shipped gate in front of it. */
    private static final String CHECKED = """
            sources.cold { public-address = 192.0.2.9, ehlo = cold.test
              warmup.unchecked = false }
            pools.default.sources { cold = 1 }
            """;

    @Test
    void identity_isInOrder_sourceBegins() throws IOException {
        dns.ptr("192.0.2.9", "cold.test").a("cold.test", "192.0.2.9")
                .moreTxt("cold.test", "v=spf1 a -all")
                .moreTxt("example.com", "v=spf1 ip4:192.0.2.9 -all");
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), CHECKED);
        fixture.submit("n", "r@d.test");
        fixture.awaitEmpty();
        assertThat(clients(peer)).containsExactly(COLD);
    }

    @Test
    void identity_isNotInOrder_sourceWaitsAndSaysWhyUntilStartedByName() throws IOException {
        dns.a("cold.test", "192.0.2.9").moreTxt("cold.test", "v=spf1 a -all")
                .moreTxt("example.com", "v=spf1 ip4:192.0.2.8 -all");
        TestPeer peer = peer((verb, line, client) -> null);
        DeliveryFixture fixture = deliver(peer.port(), CHECKED);
        fixture.submit("n", "r@d.test");
        await(() -> row(fixture).why().contains("192.0.2.9 has no PTR name"));
        assertThat(row(fixture).state()).isEqualTo("waiting");
        assertThat(row(fixture).why()).startsWith("the warm-up of source cold does not begin: ")
                .contains("SPF of example.com is fail for 192.0.2.9");
        await(() -> fixture.delivery.why(TestMail.key("d.test")).contains("has no PTR name"));
        assertThat(peer.received).isEmpty();
        fixture.delivery.warmup().start("cold", Optional.empty(), Optional.empty(), true);
        fixture.awaitEmpty();
        assertThat(clients(peer)).containsExactly(COLD);
    }

    @Test
    void shippedPlans_loadWithTheShippedProviders() {
        ConfigSource source = ConfigSource.ofFile(Path.of(System.getProperty("mailrace.root"),
                "config", "mailrace.conf"));
        assertThat(DeliveryConfig.from(source.root(), "mta.test").warmup().plans())
                .containsOnlyKeys("by-share", "fast", "hourly", "six-weeks", "stages",
                        "standard");
    }
}
