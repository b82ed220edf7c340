// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Disposition;
import io.mailrace.core.SpoolId;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where routes lead, from a real spool to real sockets. */
class RoutesTest {
    @TempDir
    Path directory;
    private final List<AutoCloseable> open = new ArrayList<>();
    private final List<String> said = new CopyOnWriteArrayList<>();
    private TestDns dns;

    @BeforeEach
    void begin() throws IOException {
        dns = new TestDns();
        open.add(dns);
        dns.mx("d.test", 10, "mx.d.test").a("mx.d.test", "127.0.0.1");
    }

    @AfterEach
    void end() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    private TestPeer peer(List<String> offers, TestPeer.Script script) throws IOException {
        TestPeer peer = TestPeer.on("127.0.0.1", 0, offers, (verb, line, at, connection) -> {
            said.add(line);
            return script.reply(verb, line, at, connection);
        });
        open.add(peer);
        return peer;
    }

    private DeliveryFixture deliver(String config) {
        DeliveryFixture fixture = new DeliveryFixture(directory.resolve("spool"), dns,
                new DeliveryFixture.NoSigner(), config);
        open.add(fixture);
        return fixture;
    }

    private static String via(String scheme, TestPeer peer) {
        return scheme + "://127.0.0.1:" + peer.port();
    }

    @Test
    void provider_decidesThePool() throws IOException {
        TestPeer peer = peer(List.of("PIPELINING"), (verb, line, at, connection) -> null);
        DeliveryFixture fixture = deliver("""
                delivery.port = %d
                sources { a { ehlo = a.test }, b { ehlo = b.test } }
                pools { default { sources { a = 1 } }, warm { sources { b = 1 } } }
                providers { p { match-mx = ["*.d.test"] } }
                routes = [ { when { provider = p, tenant = shop }, pool = warm } ]
                """.formatted(peer.port()));
        SpoolId shop = fixture.submitAs("shop", "app@example.com", "x", "a@d.test");
        SpoolId other = fixture.submitAs("other", "app@example.com", "x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(fixture.attempts(shop).getFirst().route().source()).isEqualTo("b");
        assertThat(fixture.attempts(other).getFirst().route().source()).isEqualTo("a");
    }

    @Test
    void blackhole_countsAsDelivered() {
        DeliveryFixture fixture = deliver("routes = [ { via = \"blackhole://\" } ]");
        SpoolId id = fixture.submit("x", "a@d.test", "b@e.test");
        fixture.awaitEmpty();
        assertThat(fixture.outcomes(id)).hasSize(2).allSatisfy(one -> assertThat(one
                .disposition()).isInstanceOf(Disposition.Delivered.class));
        assertThat(fixture.outcomes(id).getFirst().disposition().reply().toString()).contains(
                "thrown away");
        assertThat(dns.asked("d.test", 15)).isZero();
    }

    @Test
    void redirect_onlyTheSandboxGetsIt() throws IOException {
        TestPeer peer = peer(List.of("PIPELINING", "DSN"), (verb, line, at, connection) -> null);
        DeliveryFixture fixture = deliver("delivery.port = " + peer.port()
                + "\nroutes = [ { redirect = \"box@d.test\" } ]");
        fixture.submit("x", "a@one.test", "b@two.test");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
        assertThat(peer.received.getFirst().to()).containsExactly("box@d.test");
        assertThat(peer.received.getFirst().commands()).contains("ORCPT=rfc822;a@one.test");
    }

    @Test
    void lmtp_eachRecipientHasItsReply() throws IOException {
        TestPeer peer = peer(List.of("PIPELINING"), (verb, line, at, connection) -> verb.equals(
                "DOT") ? "250 2.0.0 kept\r\n552 5.2.2 full\r\n250 2.0.0 kept" : null);
        DeliveryFixture fixture = deliver("routes = [ { when { recipient-domain = \"*.test\" }, "
                + "via = \"" + via("lmtp", peer) + "\" } ]");
        SpoolId id = fixture.submit("x", "a@d.test", "b@d.test", "c@e.test");
        fixture.awaitEmpty();
        assertThat(said).contains("LHLO mta.example.com");
        assertThat(fixture.outcomes(id)).extracting(one -> one.address() + " " + one.disposition()
                .reply().code()).containsExactly("a@d.test 250", "b@d.test 552", "c@e.test 250");
    }

    @Test
    void smartHost_overTlsWithALogin_getsMail() throws Exception {
        TestCertificates certificates = new TestCertificates();
        TestPeer peer = new TestPeer(new InetSocketAddress("127.0.0.1", 0),
                List.of("AUTH PLAIN LOGIN", TestPeer.IMPLICIT_TLS), TestCertificates.server(
                        certificates.of("relay.test")),
                (verb, line, at, connection) -> {
                    said.add(line);
                    return verb.equals("AUTH") ? "235 2.7.0 welcome" : null;
                });
        open.add(peer);
        dns.a("relay.test", "127.0.0.1");
        Path password = Files.writeString(directory.resolve("password"), "secret\n");
        String via = "smtps://relay.test:" + peer.port();
        DeliveryFixture fixture = deliver("routes = [ { via = \"" + via + "\" } ]\n"
                + "smart-hosts { \"" + via + "\" { tls = verified, user = user, password-file = \""
                + password + "\" } }\ndelivery.tls-authorities = \""
                + certificates.file(directory) + "\"");
        SpoolId id = fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
        assertThat(peer.received.getFirst().tls()).isTrue();
        assertThat(said).contains("AUTH PLAIN AHVzZXIAc2VjcmV0");
        assertThat(fixture.attempts(id).getFirst().route().tls()).endsWith("verified");
    }

    @Test
    void smartHost_ofIpv6_isLoggedInto() throws IOException {
        TestPeer peer = TestPeer.on("::1", 0, List.of("PIPELINING", "AUTH PLAIN"),
                (verb, line, at, connection) -> verb.equals("AUTH") ? "235 2.7.0 welcome" : null);
        open.add(peer);
        Path password = Files.writeString(directory.resolve("password"), "secret\n");
        String via = "smtp://[::1]:" + peer.port();
        DeliveryFixture fixture = deliver("routes = [ { via = \"" + via + "\" } ]\n"
                + "smart-hosts { \"" + via + "\" { tls = off, user = mta, password-file = \""
                + password + "\" } }");
        fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
        assertThat(peer.received.getFirst().commands()).contains("AUTH PLAIN ");
    }

    @Test
    void smartHost_wrongPassword_keepsTheMail() throws IOException {
        TestPeer peer = peer(List.of("AUTH LOGIN"), (verb, line, at, connection) -> verb.equals(
                "AUTH") ? "535 5.7.8 no" : null);
        Path password = Files.writeString(directory.resolve("password"), "wrong");
        DeliveryFixture fixture = deliver("routes = [ { via = \"" + via("smtp", peer) + "\" } ]\n"
                + "smart-hosts { \"" + via("smtp", peer) + "\" { tls = off, user = user, "
                + "password-file = \"" + password + "\" } }");
        SpoolId id = fixture.submit("x", "a@d.test");
        DeliveryFixture.await(() -> !fixture.outcomes(id).isEmpty());
        assertThat(fixture.outcomes(id).getFirst().disposition()).isInstanceOf(
                Disposition.Deferred.class);
        assertThat(fixture.outcomes(id).getFirst().disposition().reply().toString())
                .contains("535 5.7.8");
        assertThat(peer.received).isEmpty();
    }
}
