// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static io.mailrace.delivery.DeliveryFixture.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Disposition;
import io.mailrace.core.Lane;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.QueueKey;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sources that send through proxies, from the spool to peers on loopback sockets. */
class ProxyTest {
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
        dns.mx("d.test", 10, "mx.d.test").a("mx.d.test", "127.0.0.1");
    }

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    private TestPeer peer(String address) throws IOException {
        TestPeer peer = TestPeer.on(address, 0, List.of("PIPELINING", "SIZE"),
                (verb, line, at, connection) -> null);
        open.add(peer);
        return peer;
    }

    private TestProxy with(TestProxy proxy) {
        open.add(proxy);
        return proxy;
    }

    private DeliveryFixture deliver(int port, String more) {
        DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                new DeliveryFixture.NoSigner(), "delivery { port = " + port
                        + ", allow-destinations = [\"127.0.0.0/8\", \"::1\"] }\n" + more);
        open.add(fixture);
        return fixture;
    }

    private static QueueKey queue(String pool) {
        return new QueueKey(Lane.DEFAULT, "default", "d.test", pool);
    }

    private static String explain(DeliveryFixture fixture, String pool) {
        return fixture.delivery.explain(queue(pool), "example.com").toCompletableFuture().join()
                .lines().stream().map(line -> line.name() + " " + line.value())
                .collect(Collectors.joining("\n"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "sender:s%40cret"})
    void socks_soundProxy_peerSeesTheProxy(String credentials) throws IOException {
        TestPeer peer = peer("127.0.0.1");
        TestProxy proxy = with(TestProxy.socks(credentials.replace("%40", "@")));
        DeliveryFixture fixture = deliver(peer.port(), "sources.a.proxy = \"socks5://"
                + (credentials.isEmpty() ? "" : credentials + "@") + "127.0.0.1:" + proxy.port()
                + "\"");
        for (int i = 0; i < 20; i++) {
            fixture.submit("n" + i, "a@d.test");
        }
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(20).allMatch(one -> one.client().equals(
                TestProxy.FROM));
        assertThat(proxy.orders).isNotEmpty().containsOnly(credentials.replace("%40", "@")
                + " 127.0.0.1:" + peer.port());
        assertThat(explain(fixture, "default")).contains("source a", "through socks5://127.0.0.1:"
                + proxy.port()).doesNotContain("cret");
    }

    @Test
    void socks_hostWithIpv6Only_isAskedForByItsAddress() throws IOException {
        TestPeer peer = peer("::1");
        dns.mx("six.test", 10, "mx.six.test").a("mx.six.test", "::1");
        TestProxy proxy = with(TestProxy.socks(""));
        DeliveryFixture fixture = deliver(peer.port(), "sources.a.proxy = \"socks5://127.0.0.1:"
                + proxy.port() + "\"");
        fixture.submit("x", "a@six.test");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
        assertThat(proxy.orders).containsExactly(" 0:0:0:0:0:0:0:1:" + peer.port());
    }

    /** The address is the proxy's: that it is not on this machine does not matter. */
    @Test
    void header_soundProxy_isToldSourceAndPeer() throws IOException {
        TestPeer peer = peer("127.0.0.1");
        TestProxy proxy = with(TestProxy.headers());
        DeliveryFixture fixture = deliver(peer.port(), """
                sources { a { address = 198.51.100.1, address6 = "2001:db8::1"
                  public-address = 203.0.113.7, proxy = "haproxy://127.0.0.1:%d" } }
                """.formatted(proxy.port()));
        fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.received).singleElement().satisfies(one -> assertThat(one.client())
                .isEqualTo(TestProxy.FROM));
        assertThat(proxy.orders).containsExactly("198.51.100.1:0 127.0.0.1:" + peer.port());
        assertThat(explain(fixture, "default")).contains("address 198.51.100.1, address 2001:db8",
                "seen as 203.0.113.7, through haproxy://127.0.0.1:" + proxy.port())
                .doesNotContain("not on this machine");
    }

    @Test
    void header_hostWithIpv6Only_isSentToFromTheIpv6Address() throws IOException {
        TestPeer peer = peer("::1");
        dns.mx("six.test", 10, "mx.six.test").a("mx.six.test", "::1");
        TestProxy proxy = with(TestProxy.headers());
        DeliveryFixture fixture = deliver(peer.port(), """
                sources { a { address = 198.51.100.1, address6 = "2001:db8::1"
                  proxy = "haproxy://127.0.0.1:%d" } }
                """.formatted(proxy.port()));
        fixture.submit("x", "a@six.test");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
        assertThat(proxy.orders).containsExactly("2001:db8:0:0:0:0:0:1:0 0:0:0:0:0:0:0:1:"
                + peer.port());
    }

    /** Two pools to the same host: one through the proxy that is in trouble, one directly. */
    private void assertSourceRestsAndHostIsSound(TestPeer peer, String proxy) {
        DeliveryFixture fixture = deliver(peer.port(), """
                sources { a { proxy = "%s" }, b {} }
                pools { one { sources { a = 1 } }, two { sources { b = 1 } } }
                routes = [ { when { sender-domain = "x.test" }, pool = two },
                  { when { sender-domain = "example.com" }, pool = one } ]
                """.formatted(proxy));
        SpoolId waits = fixture.submit("x", "a@d.test");
        String place = proxy.substring(proxy.lastIndexOf('@') < 0 ? 9 : proxy.indexOf('@') + 1);
        await(() -> fixture.delivery.why(queue("one")).contains("source a: proxy socks5://"
                + place + " cannot be used: "));
        SpoolId goes = fixture.submitFrom("app@x.test", "x", "a@d.test");
        await(() -> !fixture.attempts(goes).isEmpty());
        assertThat(fixture.outcomes(goes)).extracting(RecipientOutcome::disposition)
                .singleElement().isInstanceOf(Disposition.Delivered.class);
        assertThat(fixture.attempts(waits)).isEmpty();
        assertThat(peer.connections.get()).isEqualTo(1);
        assertThat(fixture.delivery.why(queue("one"))).doesNotContain("secret");
        assertThat(explain(fixture, "one")).contains("rests: source a: proxy").doesNotContain(
                "secret");
    }

    @ParameterizedTest
    @EnumSource(value = TestProxy.Trouble.class, names = {"CLOSES", "TALKS_NONSENSE", "REFUSES"})
    void socks_troubleOfTheProxy_sourceRestsHostIsNotMarked(TestProxy.Trouble trouble)
            throws IOException {
        TestPeer peer = peer("127.0.0.1");
        TestProxy proxy = with(TestProxy.socks(""));
        proxy.trouble = trouble;
        assertSourceRestsAndHostIsSound(peer, "socks5://127.0.0.1:" + proxy.port());
    }

    @ParameterizedTest
    @ValueSource(strings = {"sender:secretly@", ""})
    void socks_wrongPassword_sourceRestsHostIsNotMarked(String credentials) throws IOException {
        TestPeer peer = peer("127.0.0.1");
        TestProxy proxy = with(TestProxy.socks("sender:secret"));
        assertSourceRestsAndHostIsSound(peer, "socks5://" + credentials + "127.0.0.1:"
                + proxy.port());
        assertThat(proxy.orders).isEmpty();
    }

    @Test
    void socks_proxyDown_sourceRestsHostIsNotMarked() throws IOException {
        TestPeer peer = peer("127.0.0.1");
        TestProxy proxy = TestProxy.socks("");
        proxy.close();
        assertSourceRestsAndHostIsSound(peer, "socks5://127.0.0.1:" + proxy.port());
    }

    @Test
    void proxy_nameWithoutAddress_sourceIsSuspended() throws IOException {
        TestPeer peer = peer("127.0.0.1");
        assertSourceRestsAndHostIsSound(peer, "socks5://proxy.invalid:1080");
    }

    /** A dead host behind a sound proxy is the host's fault: the next one is tried. */
    @Test
    void socks_hostIsDown_nextHostIsTriedSourceDoesNotRest() throws IOException {
        TestPeer peer = peer("127.0.0.1");
        dns.mx("two.test", 10, "dead.test").a("dead.test", "127.0.0.3");
        dns.mx("two.test", 20, "mx.two.test").a("mx.two.test", "127.0.0.1");
        TestProxy proxy = with(TestProxy.socks(""));
        DeliveryFixture fixture = deliver(peer.port(), "sources.a.proxy = \"socks5://127.0.0.1:"
                + proxy.port() + "\"");
        fixture.submit("x", "a@two.test");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
        assertThat(proxy.orders).contains(" 127.0.0.3:" + peer.port(), " 127.0.0.1:"
                + peer.port());
    }

    /** Some proxies cannot say that a host does not answer. */
    @Test
    void socks_closedAfterTheOrder_countsAsTheHosts() throws IOException {
        TestPeer peer = peer("127.0.0.1");
        TestProxy proxy = with(TestProxy.socks(""));
        proxy.trouble = TestProxy.Trouble.CLOSES_AFTER_THE_ORDER;
        DeliveryFixture fixture = deliver(peer.port(), "sources.a.proxy = \"socks5://127.0.0.1:"
                + proxy.port() + "\"");
        SpoolId id = fixture.submit("x", "a@d.test");
        await(() -> !fixture.outcomes(id).isEmpty());
        RecipientOutcome first = fixture.outcomes(id).getFirst();
        assertThat(first.disposition()).isInstanceOf(Disposition.Deferred.class);
        assertThat(first.disposition().reply().toString()).contains("connecting to mx.d.test",
                "through proxy socks5://127.0.0.1:" + proxy.port());
        proxy.trouble = TestProxy.Trouble.NONE;
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
    }
}
