// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static io.mailrace.delivery.DeliveryFixture.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.EventJournal;
import io.mailrace.queue.QueueKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rules, limits and measures from the spool to peers on loopback sockets. */
class ShapingTest {
    private static final String RULES = """
            providers { x { match-mx = ["*.x.test"], rules = [
              { name = stop, code = 421, words = "go away", class = throttled, scope = source
                action = suspend, for = 1h }
              { name = auth, code = 550, status = "7.26", class = authentication
                scope = signing-domain, action = hold-domain, trigger = 3/h, for = 1h }
              { name = rate5xx, code = 550, words = "frequency limited", class = throttled
                scope = source, action = alert, mail = retry-late }
              { name = enough, code = 421, words = "enough on this connection"
                class = message-limit, scope = source, action = fewer-messages, for = 1h }
              { name = slow, code = 450, words = "slower", class = throttled, scope = source
                action = slow, rate = 20/s, for = 1h }
              { name = gone, code = 550, status = "1.1", class = unknown-user
                scope = recipient, action = suppress }
              { name = six, code = 550, words = "no ipv6", class = reverse-dns, scope = source
                action = drop-ipv6, for = 1h, mail = retry }
            ] } }
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

    private TestPeer peer(TestPeer.Script script) throws IOException {
        TestPeer peer = TestPeer.on("127.0.0.1", 0, List.of("PIPELINING", "SIZE"), script);
        open.add(peer);
        return peer;
    }

    private DeliveryFixture deliver(int port, String more) {
        DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                new DeliveryFixture.NoSigner(), "delivery { port = " + port + " }\n" + more);
        open.add(fixture);
        return fixture;
    }

    private void domain(String domain) {
        dns.mx(domain, 10, "mx." + domain).a("mx." + domain, "127.0.0.1");
    }

    private static byte[] from(String author) {
        return ("From: app@" + author + "\r\nSubject: test\r\n\r\nx\r\n")
                .getBytes(StandardCharsets.ISO_8859_1);
    }

    private static List<Event> events(DeliveryFixture fixture) {
        return fixture.spool.journal().after(0, 10_000).stream()
                .map(EventJournal.Recorded::event).toList();
    }

    private static List<Event.RuleFired> fired(DeliveryFixture fixture) {
        return events(fixture).stream().filter(Event.RuleFired.class::isInstance)
                .map(Event.RuleFired.class::cast).toList();
    }

    private static String why(DeliveryFixture fixture, String tenant, String domain) {
        return fixture.delivery.why(new QueueKey(Lane.DEFAULT, tenant, domain, "default"));
    }

    /** Nothing is tried while it lasts, after a restart too, and the reason can be read. */
    @Test
    void ruleSuspendsSource_mailWaitsUntilItEnds_overARestart() throws Exception {
        AtomicBoolean kind = new AtomicBoolean();
        AtomicInteger tried = new AtomicInteger();
        TestPeer peer = peer((verb, line, at, connection) -> {
            if (verb.equals("MAIL")) {
                tried.incrementAndGet();
            }
            return verb.equals("MAIL") && !kind.get() ? "421 4.7.0 go away" : null;
        });
        domain("a.x.test");
        domain("b.x.test");
        domain("other.test");
        DeliveryFixture fixture = deliver(peer.port(), RULES
                + "retry { default { intervals = [1ms] } }");
        fixture.submit("x", "one@a.x.test");
        await(() -> !fixture.delivery.control().measures().isEmpty());
        int before = tried.get();
        kind.set(true);
        SpoolId second = fixture.submit("x", "two@b.x.test");
        fixture.submit("x", "three@other.test");
        await(() -> peer.received.stream().anyMatch(one -> one.to().contains("three@other.test")));
        await(() -> why(fixture, "default", "b.x.test").contains("suspended by x/stop"));
        await(() -> why(fixture, "default", "a.x.test").contains("421 4.7.0 go away"));
        assertThat(peer.received).hasSize(1);
        assertThat(tried.get()).isEqualTo(before + 1);
        assertThat(fixture.attempts(second)).isEmpty();
        assertThat(fired(fixture)).singleElement().satisfies(event -> {
            assertThat(event.rule()).isEqualTo("x/stop");
            assertThat(event.subject()).isEqualTo("source default at x");
            assertThat(event.action()).isEqualTo("suspend");
        });
        fixture.stop(Duration.ofSeconds(5));

        DeliveryFixture again = deliver(peer.port(), RULES);
        await(() -> why(again, "default", "b.x.test").contains("suspended by x/stop"));
        assertThat(peer.received).hasSize(1);
        long id = again.delivery.control().measures().getFirst().id();
        assertThat(again.delivery.control().end(id, "it was a mistake")).isPresent();
        again.awaitEmpty();
        assertThat(peer.received).hasSize(3);
    }

    /** A burst burns as many as the trigger says; the rest of that domain's mail is kept. */
    @Test
    void authenticationFails_domainIsHeldAfterABurst_othersGoOn() throws Exception {
        TestPeer peer = peer((verb, line, at, connection) -> verb.equals("DOT") ? null
                : verb.equals("MAIL") && line.contains("broken.test")
                        ? "550 5.7.26 unauthenticated"
                        : null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(), RULES
                + "delivery { connections-per-site = 1 }");
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            ids.add(fixture.submitMail("bounces@broken.test", from("broken.test"),
                    "r" + i + "@a.x.test"));
            fixture.submitMail("bounces@sound.test", from("sound.test"), "s" + i + "@a.x.test");
        }
        await(() -> peer.received.stream().filter(one -> one.to().getFirst().startsWith("s"))
                .count() == 30);
        await(() -> ids.stream().allMatch(id -> !fixture.spool.journal().ofMessage(id, 10)
                .events().stream().filter(one -> !(one.event() instanceof Event.Received)).toList()
                .isEmpty()));
        long bounced = ids.stream().flatMap(id -> fixture.outcomes(id).stream())
                .filter(one -> one.disposition() instanceof Disposition.Bounced).count();
        // three, and what was taken and on its way when the third was refused
        assertThat(bounced).isBetween(3L, 8L);
        // reports about those that bounced come and go
        await(() -> fixture.spool.queues().waiting() == 30 - bounced);
        assertThat(events(fixture)).filteredOn(Event.Postponed.class::isInstance)
                .hasSize((int) (30 - bounced)).allSatisfy(event -> assertThat(
                        ((Event.Postponed) event).why()).contains("mail of broken.test at x is")
                        .contains("held by x/auth"));
        assertThat(ids.stream().flatMap(id -> fixture.outcomes(id).stream())
                .map(one -> one.disposition().cause().category()).distinct())
                .containsExactly(ReplyClass.AUTHENTICATION);
    }

    /** A 550 that means "too fast" does not bounce. */
    @Test
    void fiveHundredThatMeansLater_isDeferredLate() throws Exception {
        TestPeer peer = peer((verb, line, at, connection) -> verb.equals("DOT")
                ? "550 Ip frequency limited"
                : null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(), RULES);
        SpoolId id = fixture.submit("x", "one@a.x.test");
        await(() -> !fixture.outcomes(id).isEmpty());
        assertThat(fixture.outcomes(id)).singleElement().satisfies(one -> {
            assertThat(one.disposition()).isInstanceOf(Disposition.Deferred.class);
            assertThat(one.disposition().cause().rule()).isEqualTo("x/rate5xx");
        });
        await(() -> fixture.spool.queues().statuses().getFirst().nextDueEpochMillis() > 0);
        assertThat(fixture.spool.queues().statuses().getFirst().nextDueEpochMillis())
                .isGreaterThan(TimeSource.system().epochMillis()
                        + Duration.ofMinutes(55).toMillis());
    }

    /** Said between messages it costs no attempt, and later connections carry less. */
    @Test
    void messageLimit_costsNoAttempt_andIsRemembered() throws Exception {
        AtomicInteger[] sent = new AtomicInteger[200];
        for (int i = 0; i < sent.length; i++) {
            sent[i] = new AtomicInteger();
        }
        TestPeer peer = peer((verb, line, at, connection) -> verb.equals("RCPT")
                && sent[connection].incrementAndGet() > 4 ? "421 enough on this connection"
                        : null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(), RULES
                + "delivery { connections-per-site = 1 }");
        List<SpoolId> ids = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            ids.add(fixture.submit("x", "r" + i + "@a.x.test"));
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(40);
        assertThat(ids).allSatisfy(id -> assertThat(fixture.attempts(id)).singleElement()
                .satisfies(one -> assertThat(one.attempt()).isEqualTo(1)));
        assertThat(fixture.delivery.control().measures()).singleElement().satisfies(
                measure -> assertThat(measure.what())
                        .isEqualTo("at most 4 messages on a connection"));
    }

    /** Two sites of one provider share what a source may have there. */
    @Test
    void connectionsOfProvider_areSharedByItsSites() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger waiting = new AtomicInteger();
        TestPeer peer = peer((verb, line, at, connection) -> {
            if (verb.equals("DOT")) {
                waiting.incrementAndGet();
                DeliveryFixture.pass(go);
            }
            return null;
        });
        for (int i = 0; i < 6; i++) {
            domain("d" + i + ".x.test");
        }
        DeliveryFixture fixture = deliver(peer.port(),
                "providers { x { match-mx = [\"*.x.test\"], connections = 2 } }\n"
                        + "delivery.timeouts.end-of-data = 1m");
        for (int i = 0; i < 6; i++) {
            for (int k = 0; k < 5; k++) {
                fixture.submit("x", "r" + k + "@d" + i + ".x.test");
            }
        }
        await(() -> waiting.get() == 2);
        await(() -> fixture.spool.queues().statuses().stream().anyMatch(one -> fixture.delivery
                .why(one.key()).equals("source default has its 2 connections to x")));
        go.countDown();
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(30);
        assertThat(peer.mostOpen.get()).isLessThanOrEqualTo(2);
    }

    /** Ten a second, whatever waits; the peer's clock tells. */
    @Test
    void rateOfProvider_isKept() throws Exception {
        List<Long> times = new CopyOnWriteArrayList<>();
        TestPeer peer = peer((verb, line, at, connection) -> {
            if (verb.equals("MAIL")) {
                times.add(TimeSource.system().nanos());
            }
            return null;
        });
        domain("a.x.test");
        domain("b.x.test");
        DeliveryFixture fixture = deliver(peer.port(),
                "providers { x { match-mx = [\"*.x.test\"], rate = 20/s } }");
        for (int i = 0; i < 15; i++) {
            fixture.submit("x", "r" + i + "@a.x.test");
            fixture.submit("x", "r" + i + "@b.x.test");
        }
        fixture.awaitEmpty();
        assertThat(times).hasSize(30);
        assertThat(times.getLast() - times.getFirst())
                .isGreaterThan(Duration.ofMillis(29 * 50 - 100).toNanos());
    }

    /** No further connection for an hour: what the one may send goes all the same. */
    @Test
    void connectionRateUsedUp_theConnectionThatIsOpenSends() throws Exception {
        TestPeer peer = peer((verb, line, at, connection) -> null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(), "providers { x {"
                + " match-mx = [\"*.x.test\"], rate = 20/s, connection-rate = 1/h } }");
        for (int i = 0; i < 10; i++) {
            fixture.submit("x", "r" + i + "@a.x.test");
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(10);
        assertThat(peer.connections).hasValue(1);
    }

    /** A slower rate by a rule holds from its reply on. */
    @Test
    void ruleSlows_restGoesAtThatRate() throws Exception {
        List<Long> times = new CopyOnWriteArrayList<>();
        AtomicInteger first = new AtomicInteger();
        TestPeer peer = peer((verb, line, at, connection) -> {
            if (verb.equals("MAIL")) {
                times.add(TimeSource.system().nanos());
            }
            return verb.equals("RCPT") && first.incrementAndGet() == 1 ? "450 slower please"
                    : null;
        });
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(), RULES);
        fixture.submit("x", "zero@a.x.test");
        await(() -> !fixture.delivery.control().measures().isEmpty());
        for (int i = 0; i < 20; i++) {
            fixture.submit("x", "r" + i + "@a.x.test");
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(21);
        assertThat(times.getLast() - times.get(1))
                .isGreaterThan(Duration.ofMillis(19 * 50 - 100).toNanos());
    }

    /** So many for the tenant today; the rest waits with the reason, others' mail goes. */
    @Test
    void limitOfTenant_restWaits_othersGo() throws Exception {
        TestPeer peer = peer((verb, line, at, connection) -> null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(),
                "limits { trial { tenant = small, rate = 5/day } }");
        for (int i = 0; i < 12; i++) {
            fixture.submitAs("small", "app@example.com", "x", "s" + i + "@a.x.test");
            fixture.submitAs("large", "app@example.com", "x", "l" + i + "@a.x.test");
        }
        await(() -> peer.received.size() == 17);
        await(() -> why(fixture, "small", "a.x.test").contains("limit trial 5/day"));
        await(() -> fixture.spool.queues().waiting() == 7);
        assertThat(peer.received.stream().filter(one -> one.to().getFirst().startsWith("s")))
                .hasSize(5);
    }

    /** What no server was asked to take is not counted: the day's allowance is for mail. */
    @Test
    void limitOfTenant_noHostCouldBeUsed_nothingIsCounted() throws Exception {
        AtomicInteger refused = new AtomicInteger();
        TestPeer peer = peer((verb, line, at, connection) -> verb.equals("EHLO")
                && refused.incrementAndGet() <= 3 ? "421 4.3.2 not now" : null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(),
                "limits { trial { tenant = default, rate = 5/day } }\n"
                        + "delivery.connections-per-site = 1");
        for (int i = 0; i < 8; i++) {
            fixture.submit("x", "s" + i + "@a.x.test");
        }
        await(() -> peer.received.size() == 5);
        assertThat(refused.get()).isGreaterThan(3);
        await(() -> why(fixture, "default", "a.x.test").contains("limit trial 5/day"));
        await(() -> fixture.spool.queues().waiting() == 3);
    }

    /** What another receiver's mail took comes back: queues that were parked for it go on. */
    @Test
    void limitOfTenant_isGivenBack_queueThatWasParkedForItGoesOn() throws Exception {
        CountDownLatch fails = new CountDownLatch(1);
        open.add(fails::countDown);
        TestPeer dead = peer((verb, line, at, connection) -> {
            if (verb.equals("EHLO")) {
                DeliveryFixture.pass(fails);
            }
            return verb.equals("EHLO") ? "421 4.3.2 not now" : null;
        });
        TestPeer alive = TestPeer.on("127.0.0.2", dead.port(), List.of("SIZE"),
                (verb, line, at, connection) -> null);
        open.add(alive);
        domain("a.x.test");
        dns.mx("b.y.test", 10, "mx.b.y.test").a("mx.b.y.test", "127.0.0.2");
        DeliveryFixture fixture = deliver(dead.port(), """
                limits { trial { tenant = default, rate = 3/day } }
                retry { default { intervals = [1h] } }
                delivery.timeouts.ehlo = 1m
                """);
        for (int i = 0; i < 3; i++) {
            fixture.submit("x", "s" + i + "@a.x.test");
        }
        await(() -> fixture.spool.queues().statuses().stream()
                .anyMatch(one -> one.taken() == 3));
        for (int i = 0; i < 4; i++) {
            fixture.submit("x", "t" + i + "@b.y.test");
        }
        await(() -> why(fixture, "default", "b.y.test").contains("because limit trial 3/day"));
        assertThat(alive.received).isEmpty();
        fails.countDown();
        await(() -> alive.received.size() == 3);
        await(() -> fixture.spool.queues().waiting() == 4);
    }

    /** Mail that waits for its author's domain takes nothing of what its tenant may send. */
    @Test
    void limitOfDomain_restIsSetAside_tenantsAllowanceIsLeftToOthers() throws Exception {
        TestPeer peer = peer((verb, line, at, connection) -> null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(), """
                limits { trial { tenant = default, rate = 4/day }
                  calm { signing-domain = shop.test, rate = 1/day } }
                """);
        for (int i = 0; i < 6; i++) {
            fixture.submitMail("b@shop.test", from("shop.test"), "s" + i + "@a.x.test");
        }
        await(() -> peer.received.size() == 1);
        for (int i = 0; i < 4; i++) {
            fixture.submitMail("b@other.test", from("other.test"), "o" + i + "@a.x.test");
        }
        await(() -> peer.received.size() == 4);
        await(() -> why(fixture, "default", "a.x.test").contains("limit trial 4/day"));
    }

    /** One connection for all receivers: it goes round, idle ones do not keep it. */
    @Test
    void connectionsOfSource_goRoundAmongReceivers() throws Exception {
        TestPeer peer = peer((verb, line, at, connection) -> null);
        for (int i = 0; i < 5; i++) {
            domain("d" + i + ".test");
        }
        DeliveryFixture fixture = deliver(peer.port(), """
                sources { a { connections = 1 } }
                delivery { idle-timeout = 1h }
                """);
        for (int i = 0; i < 5; i++) {
            for (int k = 0; k < 30; k++) {
                fixture.submit("x", "r" + k + "@d" + i + ".test");
            }
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(150);
        assertThat(peer.mostOpen.get()).isEqualTo(1);
    }

    /** An even rate steps aside for a moment; nothing is parked or rewritten for it. */
    @Test
    void evenLimitOfTenant_isKept_andOthersGoOn() throws Exception {
        List<Long> times = new CopyOnWriteArrayList<>();
        TestPeer peer = peer((verb, line, at, connection) -> {
            if (verb.equals("RCPT") && line.contains("<s")) {
                times.add(TimeSource.system().nanos());
            }
            return null;
        });
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(),
                "limits { calm { tenant = small, rate = 20/s } }");
        for (int i = 0; i < 20; i++) {
            fixture.submitAs("small", "app@example.com", "x", "s" + i + "@a.x.test");
            fixture.submitAs("large", "app@example.com", "x", "l" + i + "@a.x.test");
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(40);
        assertThat(times.getLast() - times.getFirst())
                .isGreaterThan(Duration.ofMillis(19 * 50 - 100).toNanos());
        assertThat(events(fixture)).noneMatch(Event.QueueParked.class::isInstance)
                .noneMatch(Event.Postponed.class::isInstance);
    }

    /** Each is set aside once, or hardly more, and comes at its own time. */
    @Test
    void evenLimitOfDomain_setsEachAsideToItsOwnTime() throws Exception {
        TestPeer peer = peer((verb, line, at, connection) -> null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(),
                "limits { calm { signing-domain = shop.test, rate = 20/s } }");
        for (int i = 0; i < 20; i++) {
            fixture.submitMail("b@shop.test", from("shop.test"), "s" + i + "@a.x.test");
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(20);
        assertThat(events(fixture).stream().filter(Event.Postponed.class::isInstance).count())
                .isLessThan(60);
    }

    /** An operator stops a tenant and lets it go on. */
    @Test
    void operatorSuspendsTenant_andResumes() throws Exception {
        TestPeer peer = peer((verb, line, at, connection) -> null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(), "");
        ShapingControl control = fixture.delivery.control();
        ShapingControl.Status status = control.suspend("tenant", "small", "",
                Duration.ofHours(1), "spam");
        fixture.submitAs("small", "app@example.com", "x", "s@a.x.test");
        fixture.submitAs("large", "app@example.com", "x", "l@a.x.test");
        await(() -> peer.received.size() == 1);
        await(() -> why(fixture, "small", "a.x.test").contains("suspended by operator: spam"));
        assertThat(control.extend(status.id(), Duration.ofHours(1), "more")).isPresent();
        assertThat(control.end(status.id(), "sorted out")).isPresent();
        fixture.awaitEmpty();
        assertThat(control.measures()).isEmpty();
        assertThat(control.end(status.id(), "again")).isEmpty();
        assertThat(fired(fixture)).extracting(Event.RuleFired::action).containsExactly("suspend",
                "extend suspend", "cancel suspend");
    }

    /** Who bounced by such a rule is not tried again; the others of the message are. */
    @Test
    void ruleSuppressesRecipient_nextMailToItIsNotTried() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        TestPeer peer = peer((verb, line, at, connection) -> {
            if (verb.equals("RCPT") && line.contains("gone@")) {
                asked.incrementAndGet();
                return "550 5.1.1 no such user";
            }
            return null;
        });
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(), RULES);
        SpoolId first = fixture.submit("x", "gone@a.x.test");
        await(() -> !fixture.outcomes(first).isEmpty());
        SpoolId second = fixture.submit("x", "Gone@a.x.test", "here@a.x.test");
        await(() -> peer.received.stream().anyMatch(one -> one.to().contains("here@a.x.test")));
        await(() -> fixture.outcomes(second).size() == 2);
        assertThat(asked.get()).isEqualTo(1);
        assertThat(fixture.outcomes(second)).filteredOn(
                one -> one.disposition() instanceof Disposition.Bounced).singleElement()
                .satisfies(one -> {
                    assertThat(one.address().toString()).isEqualTo("Gone@a.x.test");
                    assertThat(one.disposition().cause().rule()).isEqualTo("suppressed");
                });
        assertThat(fixture.delivery.control().suppressed("", 10)).singleElement().satisfies(
                one -> assertThat(one.why()).isEqualTo("x/gone: 550 5.1.1 no such user"));
    }

    /** A reply about the message says nothing of one recipient, unless there is but one. */
    @Test
    void ruleSuppressesRecipient_onlyOneTheReplyWasAbout() throws Exception {
        TestPeer peer = peer((verb, line, at, connection) -> verb.equals("DOT")
                || (verb.equals("MAIL") && line.contains("b@away.test"))
                        ? "550 5.1.1 no such user"
                        : null);
        domain("a.x.test");
        DeliveryFixture fixture = deliver(peer.port(), RULES);
        SpoolId both = fixture.submit("x", "one@a.x.test", "two@a.x.test");
        await(() -> fixture.outcomes(both).size() == 2);
        SpoolId sender = fixture.submitMail("b@away.test", from("away.test"), "three@a.x.test");
        await(() -> !fixture.outcomes(sender).isEmpty());
        assertThat(fixture.outcomes(both)).allSatisfy(one -> assertThat(one.disposition().cause()
                .rule()).isEqualTo("x/gone"));
        assertThat(fixture.delivery.control().suppressed("", 10)).isEmpty();
        fixture.submit("x", "four@a.x.test");
        await(() -> !fixture.delivery.control().suppressed("", 10).isEmpty());
        assertThat(fixture.delivery.control().suppressed("", 10)).singleElement().satisfies(
                one -> assertThat(one.address()).isEqualTo("four@a.x.test"));
    }
}
