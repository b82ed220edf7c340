// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static io.mailrace.delivery.DeliveryFixture.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Disposition;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SpoolId;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One peer that misbehaves once, in each way at each stage; all cases run at the same time.
 * Whatever it does, the mail arrives in the end and is never bounced, and there is a copy only
 * where the line was lost behind the final dot.
 */
class FaultTest {
    private static final List<String> STAGES = List.of("GREETING", "EHLO", "MAIL", "RCPT",
            "DATA", "CONTENT", "DOT", "QUIT");
    private static final List<String> FAULTS = List.of(TestPeer.DROP, TestPeer.STALL,
            TestPeer.DRIP, "421 4.3.2 closing", "999 garbage", "HTTP/1.1 200 OK", "250-a\r\n550 b",
            "250 extra\r\n250 surplus\r\n250 replies\r\n250 at\r\n250 once");

    @TempDir
    Path directory;

    private record Case(String stage, String fault, InetAddress at, String domain) {}

    @BeforeAll
    static void guard() {
        LeakGuard.install();
    }

    @AfterAll
    static void leaks() {
        assertThat(LeakGuard.leaks()).isEmpty();
    }

    @Test
    void delivery_anyFaultAtAnyStage_losesAndBouncesNothing() throws Exception {
        play(List.of("PIPELINING"));
    }

    @Test
    void delivery_anyFaultWithoutPipelining_losesAndBouncesNothing() throws Exception {
        play(List.of());
    }

    @Test
    void delivery_anyFaultWithChunking_losesAndBouncesNothing() throws Exception {
        play(List.of("PIPELINING", "CHUNKING"));
    }

    @Test
    void delivery_replyThatNeverEnds_timesOut() throws Exception {
        AtomicBoolean once = new AtomicBoolean();
        try (TestDns dns = new TestDns();
                TestPeer peer = TestPeer.on("127.0.0.1", 0, List.of("PIPELINING"),
                        (verb, line, at, connection) -> verb.equals("MAIL")
                                && once.compareAndSet(false, true) ? TestPeer.DRIP : null);
                DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                        new DeliveryFixture.NoSigner(), "delivery.port = " + peer.port() + "\n"
                                + DeliveryFixture.SHORT_TIMES)) {
            dns.mx("d.test", 10, "mx.d.test").a("mx.d.test", "127.0.0.1");
            SpoolId id = fixture.submit("x", "a@d.test");
            await(() -> !fixture.outcomes(id).isEmpty());
            assertThat(fixture.outcomes(id).getFirst().disposition().reply().toString())
                    .startsWith("451 4.4.2").contains("timed out waiting for the reply to MAIL");
        }
    }

    private void play(List<String> capabilities) throws Exception {
        Map<InetAddress, Case> cases = new HashMap<>();
        for (int s = 0; s < STAGES.size(); s++) {
            for (int f = 0; f < FAULTS.size(); f++) {
                InetAddress at = InetAddress.getByName("127.1." + s + "." + (f + 1));
                cases.put(at, new Case(STAGES.get(s), FAULTS.get(f), at,
                        "s" + s + "f" + f + ".test"));
            }
        }
        Set<InetAddress> done = ConcurrentHashMap.newKeySet();
        try (TestDns dns = new TestDns();
                TestPeer peer = new TestPeer(new InetSocketAddress(0), capabilities, null,
                        (verb, line, at, connection) -> {
                            Case mine = cases.get(at);
                            return mine != null && mine.stage().equals(verb) && done.add(at)
                                    ? mine.fault()
                                    : null;
                        });
                DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                        new DeliveryFixture.NoSigner(), "delivery { port = " + peer.port()
                                + ", messages-per-connection = 2 }\n"
                                + DeliveryFixture.SHORT_TIMES)) {
            Map<Case, List<SpoolId>> ids = new HashMap<>();
            for (Case one : cases.values()) {
                dns.mx(one.domain(), 10, "mx." + one.domain()).a("mx." + one.domain(), one.at()
                        .getHostAddress());
                List<SpoolId> mine = new ArrayList<>();
                for (int i = 0; i < 3; i++) {
                    mine.add(fixture.submit(one.domain() + "/" + i, "a@" + one.domain()));
                }
                ids.put(one, mine);
            }
            await(() -> fixture.spool.queues().waiting() == 0);
            ids.forEach((one, mine) -> check(fixture, peer, one, mine));
            assertThat(fixture.metrics.snapshot().get("delivery_errors_total")).isZero();
        }
    }

    private static void check(DeliveryFixture fixture, TestPeer peer, Case one,
            List<SpoolId> ids) {
        int maybeTwice = 0;
        String all = one.toString();
        for (SpoolId id : ids) {
            List<RecipientOutcome> outcomes = fixture.outcomes(id);
            String what = one + " " + outcomes;
            all += outcomes;
            assertThat(outcomes.getLast().disposition()).as(what).isInstanceOf(
                    Disposition.Delivered.class);
            assertThat(outcomes.size()).as(what).isLessThanOrEqualTo(3);
            for (RecipientOutcome outcome : outcomes) {
                assertThat(outcome.disposition()).as(what).isNotInstanceOf(
                        Disposition.Bounced.class);
                if (outcome.disposition() instanceof Disposition.Deferred deferred
                        && deferred.possibleDuplicate()) {
                    maybeTwice++;
                }
            }
        }
        long copies = peer.received.stream().filter(mail -> mail.to().contains("a@"
                + one.domain())).count();
        // who says 250 to a message has it, whatever this peer made of it
        boolean lied = one.stage().equals("CONTENT") && one.fault().startsWith("250 ");
        assertThat(copies).as(all).isBetween(lied ? 2L : 3L, 3L + maybeTwice);
    }
}
