// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.mailrace.core.Disposition;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SpoolId;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Type;

/** What a peer must prove before it gets mail: DANE, MTA-STS, REQUIRETLS, over real TLS. */
class TlsPolicyTest {
    private static final List<String> USUAL = List.of("PIPELINING", "8BITMIME");
    private static final TestPeer.Script PLAIN = (verb, line, at, connection) -> null;

    @TempDir
    Path directory;
    private final List<AutoCloseable> open = new ArrayList<>();
    private TestDns dns;
    private TestCertificates certificates;
    private int spools;

    @BeforeAll
    static void guard() {
        LeakGuard.install();
    }

    @AfterAll
    static void leaks() {
        assertThat(LeakGuard.leaks()).isEmpty();
    }

    @BeforeEach
    void begin() throws Exception {
        dns = new TestDns();
        dns.ttl(0);
        open.add(dns);
        certificates = new TestCertificates();
        dns.mx("d.test", 10, "mx.d.test").a("mx.d.test", "127.0.0.1");
    }

    @AfterEach
    void end() throws Exception {
        for (AutoCloseable one : open.reversed()) {
            one.close();
        }
    }

    private TestPeer peer(@Nullable X509Bundle bundle, List<String> offers) throws Exception {
        TestPeer peer = new TestPeer(new InetSocketAddress("127.0.0.1", 0), offers,
                bundle == null ? null : TestCertificates.server(bundle), PLAIN);
        open.add(peer);
        return peer;
    }

    private TestPeer peer(X509Bundle bundle) throws Exception {
        return peer(bundle, USUAL);
    }

    private DeliveryFixture deliver(TestPeer to, String more) {
        return deliver("spool" + spools++, to, more);
    }

    private DeliveryFixture deliver(String folder, TestPeer to, String more) {
        DeliveryFixture fixture = new DeliveryFixture(directory.resolve(folder), dns,
                new DeliveryFixture.NoSigner(), "delivery.port = " + to.port() + "\n" + more);
        open.add(fixture);
        return fixture;
    }

    private void tlsa(TestPeer peer, int usage, int selector, int matching, byte[] data) {
        dns.signed("d.test");
        dns.tlsa("_" + peer.port() + "._tcp.mx.d.test", usage, selector, matching, data);
    }

    /** The route's TLS after everything was delivered. */
    private static String delivered(DeliveryFixture fixture) {
        SpoolId id = fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(fixture.outcomes(id).getLast().disposition())
                .isInstanceOf(Disposition.Delivered.class);
        return fixture.attempts(id).getLast().route().tls();
    }

    /** The reply the mail was deferred with, before anything was delivered. */
    private static String deferred(DeliveryFixture fixture, TestPeer peer) {
        SpoolId id = fixture.submit("x", "a@d.test");
        DeliveryFixture.await(() -> !fixture.outcomes(id).isEmpty());
        RecipientOutcome first = fixture.outcomes(id).getFirst();
        assertThat(first.disposition()).isInstanceOf(Disposition.Deferred.class);
        assertThat(peer.received).isEmpty();
        return first.disposition().reply().toString();
    }

    // ------------------------------------------------------------------ DANE

    @Test
    void dane_keyOfTheHost_isProven() throws Exception {
        X509Bundle bundle = certificates.of("whatever.test");
        TestPeer peer = peer(bundle);
        tlsa(peer, 3, 1, 1, TestCertificates.keyDigest(bundle.getCertificate()));
        assertThat(delivered(deliver(peer, ""))).startsWith("TLSv1.3").endsWith("DANE");
    }

    @Test
    void dane_wholeExpiredCertificate_isProven() throws Exception {
        X509Bundle bundle = certificates.expired("mx.d.test");
        TestPeer peer = peer(bundle);
        tlsa(peer, 3, 0, 2, TestCertificates.digest("SHA-512", bundle.getCertificate()
                .getEncoded()));
        assertThat(delivered(deliver(peer, ""))).endsWith("DANE");
    }

    @Test
    void dane_authorityOfTheHost_isProven() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        tlsa(peer, 2, 1, 1, TestCertificates.keyDigest(certificates.authority()));
        assertThat(delivered(deliver(peer, ""))).endsWith("DANE");
    }

    @Test
    void dane_wholeAuthority_isProven() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        tlsa(peer, 2, 0, 0, certificates.authority().getEncoded());
        assertThat(delivered(deliver(peer, ""))).endsWith("DANE");
    }

    @Test
    void dane_authorityOfAnotherName_waits() throws Exception {
        TestPeer peer = peer(certificates.of("other.test"));
        tlsa(peer, 2, 1, 1, TestCertificates.keyDigest(certificates.authority()));
        assertThat(deferred(deliver(peer, ""), peer)).startsWith("451 4.7.5").contains(
                "not one of mx.d.test");
    }

    @Test
    void dane_otherKey_waitsUntilTheRecordIsRight() throws Exception {
        X509Bundle bundle = certificates.of("mx.d.test");
        TestPeer peer = peer(bundle);
        tlsa(peer, 3, 1, 1, new byte[32]);
        DeliveryFixture fixture = deliver(peer, "");
        assertThat(deferred(fixture, peer)).startsWith("451 4.7.5").contains("DANE");
        tlsa(peer, 3, 1, 1, TestCertificates.keyDigest(bundle.getCertificate()));
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
    }

    @Test
    void dane_secondRecordFits_isProven() throws Exception {
        X509Bundle bundle = certificates.of("mx.d.test");
        TestPeer peer = peer(bundle);
        tlsa(peer, 3, 1, 1, new byte[32]);
        dns.more("_" + peer.port() + "._tcp.mx.d.test", 3, 1, 1,
                TestCertificates.keyDigest(bundle.getCertificate()));
        assertThat(delivered(deliver(peer, ""))).endsWith("DANE");
    }

    @Test
    void dane_noStartTls_neverInTheClear() throws Exception {
        TestPeer peer = peer(null, USUAL);
        tlsa(peer, 3, 1, 1, new byte[32]);
        assertThat(deferred(deliver(peer, ""), peer)).contains("offers no TLS", "DANE");
    }

    @Test
    void dane_handshakeFails_neverInTheClear() throws Exception {
        TestPeer peer = peer(null, List.of("PIPELINING", "STARTTLS"));
        tlsa(peer, 3, 1, 1, new byte[32]);
        assertThat(deferred(deliver(peer, ""), peer)).startsWith("451 4.7.5");
    }

    @Test
    void dane_nobodyCanSay_hostIsNotUsed() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        dns.signed("d.test").rcode("_" + peer.port() + "._tcp.mx.d.test", Rcode.SERVFAIL);
        DeliveryFixture fixture = deliver(peer, "");
        assertThat(deferred(fixture, peer)).startsWith("451 4.7.5").contains("TLSA", "SERVFAIL");
        assertThat(peer.connections.get()).isZero();
        dns.forget("_" + peer.port() + "._tcp.mx.d.test");
        fixture.awaitEmpty();
    }

    @Test
    void dane_recordsOfNoUse_demandEncryptionOnly() throws Exception {
        TestPeer peer = peer(certificates.of("other.test"));
        tlsa(peer, 1, 1, 1, new byte[32]);
        assertThat(delivered(deliver(peer, ""))).startsWith("TLSv1.3").doesNotContain("DANE");
        TestPeer clear = peer(null, USUAL);
        tlsa(clear, 1, 1, 1, new byte[32]);
        assertThat(deferred(deliver(clear, ""), clear)).contains("offers no TLS");
    }

    @Test
    void dane_unsignedZone_isIgnored() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        dns.tlsa("_" + peer.port() + "._tcp.mx.d.test", 3, 1, 1, new byte[32]);
        assertThat(delivered(deliver(peer, ""))).startsWith("TLSv1.3").doesNotContain("DANE");
        assertThat(dns.asked("_" + peer.port() + "._tcp.mx.d.test", 52)).isZero();
    }

    @Test
    void dane_resolverNotTrusted_isIgnored() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        tlsa(peer, 3, 1, 1, new byte[32]);
        assertThat(delivered(deliver(peer, "dns.dnssec = off"))).startsWith("TLSv1.3");
    }

    @Test
    void dane_switchedOff_isIgnored() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        tlsa(peer, 3, 1, 1, new byte[32]);
        assertThat(delivered(deliver(peer, "delivery.dane = false"))).startsWith("TLSv1.3");
    }

    @Test
    void dane_recordsAtTheEndOfAnAlias_nameOfThatEndIsProof() throws Exception {
        TestPeer peer = peer(certificates.of("real.e.test"));
        dns.mx("e.test", 10, "mx.e.test").cname("mx.e.test", "real.e.test")
                .a("real.e.test", "127.0.0.1").signed("e.test")
                .tlsa("_" + peer.port() + "._tcp.real.e.test", 2, 1, 1,
                        TestCertificates.keyDigest(certificates.authority()));
        DeliveryFixture fixture = deliver(peer, "");
        SpoolId id = fixture.submit("x", "a@e.test");
        DeliveryFixture.await(() -> !fixture.outcomes(id).isEmpty());
        assertThat(fixture.outcomes(id).getFirst().disposition())
                .isInstanceOf(Disposition.Delivered.class);
        assertThat(fixture.attempts(id).getFirst().route().tls()).endsWith("DANE");
    }

    // ------------------------------------------------------------------ by authorities

    private String trusting() throws IOException {
        return "delivery.tls-authorities = \"" + certificates.file(directory) + "\"\n";
    }

    @Test
    void verified_knownAuthorityAndName_isDelivered() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        assertThat(delivered(deliver(peer, trusting() + "delivery.tls = verified")))
                .endsWith("verified");
    }

    @Test
    void names_wildcardIsOneWholeLabel() {
        assertThat(PeerCertificate.covers("*.d.test", "MX.d.test")).isTrue();
        assertThat(PeerCertificate.covers("*.d.test", "a.mx.d.test")).isFalse();
        assertThat(PeerCertificate.covers("*.d.test", "d.test")).isFalse();
        assertThat(PeerCertificate.covers("m*.d.test", "mx.d.test")).isFalse();
        assertThat(PeerCertificate.covers("MX.d.test", "mx.d.test")).isTrue();
    }

    @Test
    void verified_otherNameOrAuthorityOrTime_waits() throws Exception {
        TestPeer other = peer(certificates.of("other.test"));
        assertThat(deferred(deliver(other, trusting() + "delivery.tls = verified"), other))
                .startsWith("451 4.7.5").contains("not one of mx.d.test");
        TestPeer late = peer(certificates.expired("mx.d.test"));
        assertThat(deferred(deliver(late, trusting() + "delivery.tls = verified"), late))
                .startsWith("451 4.7.5");
        TestPeer unknown = peer(new TestCertificates().of("mx.d.test"));
        assertThat(deferred(deliver(unknown, trusting() + "delivery.tls = verified"), unknown))
                .startsWith("451 4.7.5").contains("not trusted");
    }

    @Test
    void provider_hasItsOwnTls() throws Exception {
        TestPeer peer = peer(null, USUAL);
        assertThat(deferred(deliver(peer, "providers.strict { match-mx = [\"*.d.test\"], "
                + "tls = required }"), peer)).contains("offers no TLS");
    }

    @Test
    void smartHost_refusesTlsOnce_getsThePasswordOverTlsTheNextTime() throws Exception {
        TestPeer peer = new TestPeer(new InetSocketAddress("127.0.0.1", 0), List.of("AUTH PLAIN"),
                TestCertificates.server(certificates.of("relay.test")),
                (verb, line, at, connection) -> switch (verb) {
                    case "STARTTLS" -> connection == 1 ? "454 4.7.0 not now" : null;
                    case "AUTH" -> "235 2.7.0 welcome";
                    default -> null;
                });
        open.add(peer);
        Path password = Files.writeString(directory.resolve("password"), "secret");
        String via = "smtp://127.0.0.1:" + peer.port();
        DeliveryFixture fixture = deliver(peer, "routes = [ { via = \"" + via + "\" } ]\n"
                + "smart-hosts { \"" + via + "\" { user = mta, password-file = \"" + password
                + "\" } }");
        fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.received.getFirst().tls()).isTrue();
        assertThat(peer.received.getFirst().commands()).contains("AUTH PLAIN");
    }

    // ------------------------------------------------------------------ MTA-STS

    private volatile String policy = "";
    private int policyPort;

    private String sts(X509Bundle bundle) throws Exception {
        HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 10);
        server.setHttpsConfigurator(new HttpsConfigurator(TestCertificates.server(bundle)));
        server.createContext("/.well-known/mta-sts.txt", exchange -> {
            byte[] bytes = policy.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "text/plain");
            exchange.sendResponseHeaders(bytes.length == 0 ? 404 : 200,
                    bytes.length == 0 ? -1 : bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        server.start();
        open.add(() -> server.stop(0));
        dns.a("mta-sts.d.test", "127.0.0.1").txt("_mta-sts.d.test", "v=STSv1; id=1;");
        policyPort = server.getAddress().getPort();
        return trusting() + "delivery.mta-sts.port = " + policyPort + "\n";
    }

    private String sts() throws Exception {
        return sts(certificates.of("mta-sts.d.test"));
    }

    private static String policy(String mode, String mx) {
        return "version: STSv1\r\nmode: " + mode + "\r\nmx: " + mx + "\r\nmax_age: 86400\r\n";
    }

    @Test
    void sts_enforced_provenHostGetsMail() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        policy = policy("enforce", "*.d.test");
        assertThat(delivered(deliver(peer, sts()))).endsWith("verified");
    }

    @Test
    void sts_enforced_otherCertificateOrNoTls_waits() throws Exception {
        TestPeer other = peer(certificates.of("other.test"));
        policy = policy("enforce", "mx.d.test");
        String config = sts();
        assertThat(deferred(deliver(other, config), other)).startsWith("451 4.7.5");
        TestPeer clear = peer(null, USUAL);
        assertThat(deferred(deliver(clear, config), clear)).contains("offers no TLS");
    }

    @Test
    void sts_enforced_hostsItDoesNotName_getNothing() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        policy = policy("enforce", "mx2.d.test");
        assertThat(deferred(deliver(peer, sts()), peer)).startsWith("451 4.7.5")
                .contains("MTA-STS", "mx.d.test");
        assertThat(peer.connections.get()).isZero();
    }

    @Test
    void sts_testing_goesNevertheless() throws Exception {
        TestPeer peer = peer(certificates.of("other.test"));
        policy = policy("testing", "mx.d.test");
        assertThat(delivered(deliver(peer, sts()))).startsWith("TLSv1.3")
                .doesNotContain("verified");
    }

    @Test
    void sts_policyCannotBeRead_isNone() throws Exception {
        TestPeer peer = peer(certificates.of("other.test"));
        assertThat(delivered(deliver(peer, sts()))).startsWith("TLSv1.3");
        policy = policy("enforce", "mx.d.test");
        assertThat(delivered(deliver(peer, sts(certificates.of("other.test")))))
                .as("its host does not prove its name").startsWith("TLSv1.3");
    }

    @Test
    void sts_policyOnceSeen_holdsOverRestartWithoutDns() throws Exception {
        TestPeer right = peer(certificates.of("mx.d.test"));
        policy = policy("enforce", "mx.d.test");
        DeliveryFixture first = deliver("kept", right, sts());
        assertThat(delivered(first)).endsWith("verified");
        first.close();
        dns.forget("_mta-sts.d.test");
        policy = "";
        TestPeer clear = peer(null, USUAL);
        assertThat(deferred(deliver("kept", clear, trusting()), clear)).contains("offers no TLS");
    }

    @Test
    void sts_policyOnceSeen_isNotDrivenOutByDomainsWithoutOne() throws Exception {
        TestPeer right = peer(certificates.of("mx.d.test"));
        policy = policy("enforce", "mx.d.test");
        DeliveryFixture first = deliver("kept", right, sts() + "dns.cache-size = 1");
        assertThat(delivered(first)).endsWith("verified");
        for (int i = 0; i < 20; i++) {
            first.submit("x", "a@without" + i + ".test");
        }
        first.awaitEmpty();
        first.close();
        dns.forget("_mta-sts.d.test");
        TestPeer clear = peer(null, USUAL);
        assertThat(deferred(deliver("kept", clear, trusting()), clear)).contains("offers no TLS");
    }

    @Test
    void sts_newId_isFetchedAgain() throws Exception {
        TestPeer peer = peer(certificates.of("other.test"));
        policy = policy("enforce", "mx.d.test");
        DeliveryFixture fixture = deliver(peer, sts());
        assertThat(deferred(fixture, peer)).startsWith("451 4.7.5");
        policy = policy("none", "mx.d.test");
        dns.txt("_mta-sts.d.test", "v=STSv1; id=2;");
        fixture.awaitEmpty();
        assertThat(peer.received).hasSize(1);
    }

    @Test
    void sts_hostWithDane_isJudgedByThat() throws Exception {
        X509Bundle bundle = certificates.of("other.test");
        TestPeer peer = peer(bundle);
        policy = policy("enforce", "mx.d.test");
        String config = sts();
        tlsa(peer, 3, 1, 1, TestCertificates.keyDigest(bundle.getCertificate()));
        assertThat(delivered(deliver(peer, config))).endsWith("DANE");
    }

    @Test
    void sts_firstAddressOfPolicyHostIsDown_nextIsAsked() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        policy = policy("enforce", "mx.d.test");
        String config = sts();
        dns.forget("mta-sts.d.test");
        dns.a("mta-sts.d.test", "127.0.0.9").a("mta-sts.d.test", "127.0.0.1");
        assertThat(delivered(deliver(peer, config))).endsWith("verified");
    }

    /** As there, but TLSA records prove all of its hosts: no policy matters. */
    @Test
    void sts_policyCannotBeAskedForYet_daneNeedsNone() throws Exception {
        X509Bundle bundle = certificates.of("other.test");
        TestPeer peer = peer(bundle);
        String config = sts() + "delivery.mta-sts.timeout = 2m";
        tlsa(peer, 3, 1, 1, TestCertificates.keyDigest(bundle.getCertificate()));
        try (ServerSocket silent = new ServerSocket(policyPort, 300,
                InetAddress.getByName("127.0.0.9"))) {
            DeliveryFixture fixture = deliver(peer, config);
            askAllPolicyHosts(fixture);
            SpoolId id = fixture.submit("x", "b@d.test");
            DeliveryFixture.await(() -> !fixture.outcomes(id).isEmpty());
            assertThat(fixture.outcomes(id).getFirst().disposition().reply().toString())
                    .startsWith("250");
            assertThat(silent.isBound()).isTrue();
        }
    }

    private void askAllPolicyHosts(DeliveryFixture fixture) {
        for (int i = 0; i < WebHosts.MOST; i++) {
            String domain = "h" + i + ".test";
            dns.txt("_mta-sts." + domain, "v=STSv1; id=1;").a("mta-sts." + domain, "127.0.0.9");
            fixture.submit("x", "a@" + domain);
            DeliveryFixture.await(() -> dns.asked("mta-sts." + domain, Type.A) > 0);
        }
    }

    /** As many policy hosts as may be asked at once take the connection and say nothing. */
    @Test
    void sts_policyCannotBeAskedForYet_mailWaits() throws Exception {
        TestPeer other = peer(certificates.of("other.test"));
        policy = policy("enforce", "mx.d.test");
        String config = sts() + "delivery.mta-sts.timeout = 2m";
        try (ServerSocket silent = new ServerSocket(policyPort, 300,
                InetAddress.getByName("127.0.0.9"))) {
            DeliveryFixture fixture = deliver(other, config);
            askAllPolicyHosts(fixture);
            SpoolId id = fixture.submit("x", "b@d.test");
            DeliveryFixture.await(() -> fixture.spool.queues().statuses().stream()
                    .anyMatch(one -> one.parkedWhy().contains("MTA-STS")));
            assertThat(fixture.outcomes(id)).as("nobody was asked").isEmpty();
            silent.close();
            DeliveryFixture.await(() -> fixture.outcomes(id).stream().anyMatch(one -> one
                    .disposition().reply().toString().startsWith("451 4.7.5")));
            assertThat(other.received).as("now the policy is known").isEmpty();
        }
    }

    // ------------------------------------------------------------------ REQUIRETLS

    @Test
    void requireTls_provenPeerThatPromisesIt_getsIt() throws Exception {
        X509Bundle bundle = certificates.of("mx.d.test");
        TestPeer peer = peer(bundle, List.of("PIPELINING", "REQUIRETLS"));
        tlsa(peer, 3, 1, 1, TestCertificates.keyDigest(bundle.getCertificate()));
        DeliveryFixture fixture = deliver(peer, "");
        fixture.submitOverTls("x", "a@d.test");
        fixture.awaitEmpty();
        assertThat(peer.received.getFirst().commands()).contains("REQUIRETLS");
    }

    @Test
    void requireTls_peerWithoutIt_bounces() throws Exception {
        X509Bundle bundle = certificates.of("mx.d.test");
        TestPeer peer = peer(bundle);
        tlsa(peer, 3, 1, 1, TestCertificates.keyDigest(bundle.getCertificate()));
        DeliveryFixture fixture = deliver(peer, "");
        SpoolId id = fixture.submitOverTls("x", "a@d.test");
        DeliveryFixture.await(() -> !fixture.outcomes(id).isEmpty());
        assertThat(fixture.outcomes(id).getFirst().disposition().reply().toString())
                .startsWith("550 5.7.30");
        assertThat(peer.received).isEmpty();
    }

    @Test
    void requireTls_unprovenPeer_waits() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"), List.of("PIPELINING", "REQUIRETLS"));
        DeliveryFixture fixture = deliver(peer, "");
        SpoolId id = fixture.submitOverTls("x", "a@d.test");
        DeliveryFixture.await(() -> !fixture.outcomes(id).isEmpty());
        assertThat(fixture.outcomes(id).getFirst().disposition().reply().toString())
                .startsWith("451 4.7.10");
        assertThat(peer.received).isEmpty();
    }

    /** It has the right name and promises REQUIRETLS; whether the DNS can be relied on is open. */
    private TestPeer promising() throws Exception {
        return peer(certificates.of("mx.d.test"), List.of("PIPELINING", "REQUIRETLS"));
    }

    private static String first(DeliveryFixture fixture) {
        return first(fixture, "a@d.test");
    }

    private static String first(DeliveryFixture fixture, String to) {
        SpoolId id = fixture.submitOverTls("x", to);
        DeliveryFixture.await(() -> !fixture.outcomes(id).isEmpty());
        return fixture.outcomes(id).getFirst().disposition().reply().toString();
    }

    @Test
    void requireTls_provenNameThatAnybodyMayHaveGiven_waits() throws Exception {
        TestPeer peer = promising();
        assertThat(first(deliver(peer, trusting() + "delivery.tls = verified")))
                .startsWith("451 4.7.10");
        policy = policy("testing", "other.d.test");
        assertThat(first(deliver(peer, sts()))).as("a policy that is only tried out")
                .startsWith("451 4.7.10");
        assertThat(peer.received).isEmpty();
    }

    @Test
    void requireTls_provenNameFromSignedDnsOrPolicy_getsIt() throws Exception {
        TestPeer peer = promising();
        policy = policy("enforce", "mx.d.test");
        assertThat(first(deliver(peer, sts()))).startsWith("250");
        dns.signed("d.test");
        dns.forget("_mta-sts.d.test");
        assertThat(first(deliver(peer, trusting() + "delivery.tls = verified")))
                .startsWith("250");
        assertThat(first(deliver(peer, trusting()))).startsWith("250");
    }

    /** Two domains have the same host, a.test by signed DNS; ordinary mail to one has gone. */
    private DeliveryFixture withOrdinaryMailTo(String domain, TestPeer peer) throws IOException {
        dns.mx("a.test", 10, "mx.d.test").mx("b.test", 10, "mx.d.test").signed("a.test");
        DeliveryFixture fixture = deliver(peer, trusting());
        fixture.submit("x", "a@" + domain);
        fixture.awaitEmpty();
        return fixture;
    }

    /** Domains with the same hosts share connections, but not what their DNS proves. */
    @Test
    void requireTls_hostsNamedBySignedDnsOfAnotherDomain_waits() throws Exception {
        TestPeer peer = promising();
        DeliveryFixture fixture = withOrdinaryMailTo("a.test", peer);
        assertThat(first(fixture, "a@b.test")).startsWith("451 4.7.10");
        assertThat(peer.received).hasSize(1);
    }

    @Test
    void requireTls_connectionOpenedForDomainWithoutProof_getsMailOfOneWithIt() throws Exception {
        TestPeer peer = promising();
        DeliveryFixture fixture = withOrdinaryMailTo("b.test", peer);
        assertThat(first(fixture, "a@a.test")).startsWith("250");
        assertThat(peer.connections.get()).isEqualTo(1);
    }
}
