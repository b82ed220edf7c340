// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.Finding.Publish;
import io.mailrace.delivery.Finding.Severity;
import io.mailrace.dkim.DkimKey;
import io.mailrace.dkim.DkimRecord;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.bouncycastle.crypto.params.Ed25519PrivateKeyParameters;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.xbill.DNS.Rcode;

/** Domains, block lists, resolvers and the way out, by a DNS server and sockets on loopback. */
class NetworkCheckTest {
    private static final DkimKey KEY = new DkimKey.Ed25519("d.test", "s1",
            new Ed25519PrivateKeyParameters(new byte[32], 0));
    private static final DkimRecord RECORD = KEY.record();
    private TestDns dns = unset();

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // set before each test
    private static <T> T unset() {
        return null;
    }

    @BeforeEach
    void start() throws IOException {
        dns = new TestDns();
        dns.txt(RECORD.name(), RECORD.value()).txt("_dmarc.d.test", "v=DMARC1; p=none")
                .mx("d.test", 10, "mx.d.test").moreTxt("d.test", "v=spf1 ip4:192.0.2.10 -all");
    }

    @AfterEach
    void stop() {
        dns.close();
    }

    private NetworkCheck check(String more) {
        return NetworkCheck.of(DeliveryConfig.from(ConfigSource.ofText("""
                sources { a { address = 127.0.0.1, public-address = 192.0.2.10, ehlo = mta.test } }
                dns { servers = ["%s"], timeout = 1s, tries = 1 }
                """.formatted(dns.address()) + more).root(), "host.test"), TimeSource.system(),
                Duration.ofSeconds(20));
    }

    private Finding domain(String check) {
        return check("").domain("d.test", List.of(KEY)).stream().filter(
                one -> one.check().equals(check)).findFirst().orElseThrow();
    }

    @Test
    void domain_inOrder_isOk() {
        assertThat(check("").domain("d.test", List.of(KEY))).extracting(Finding::text)
                .containsExactly("The DKIM record s1._domainkey.d.test is that of the key,"
                        + " ed25519-sha256, 256 bits.", "DMARC of d.test is p=none.",
                        "d.test has MX hosts, so it can be answered.",
                        "SPF of d.test passes for 192.0.2.10, with 0 of 10 look-ups.");
        assertThat(check("").domain("d.test", List.of()).getFirst().fix())
                .startsWith("Make one with mailrace dkim keygen d.test");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"v=DKIM1; k=ed25519; p= | FAIL | is revoked",
            "v=DKIM1; k=ed25519; p=AAAA | FAIL | has another key than ours",
            "v=DKIM1; p=AAAA | FAIL | is of another kind of key",
            "v=DKIM2; k=ed25519; p=PUB | FAIL | a version other than DKIM1",
            "hello | FAIL | is not readable",
            "v=DKIM1; k=ed25519; h=sha1; p=PUB | FAIL | does not allow sha256",
            "v=DKIM1; k=ed25519; s=other; p=PUB | FAIL | does not allow e-mail",
            "v=DKIM1; k=ed25519; t=y; p=PUB | WARN | says t=y (testing)",
            "k=ed25519;h=sha1:sha256;s=email; p = PUB ; | OK | is that of the key"})
    void domain_dkimRecord_isComparedWithTheKey(String record, Severity severity, String text) {
        String key = RECORD.value().substring(RECORD.value().indexOf("p=") + 2);
        dns.txt(RECORD.name(), record.replace("PUB", key));
        Finding dkim = domain("dkim");
        assertThat(dkim.severity()).isEqualTo(severity);
        assertThat(dkim.text()).contains(text);
        assertThat(dkim.publish()).isEqualTo(severity == Severity.OK ? List.of()
                : List.of(new Publish(RECORD.name(), "TXT", RECORD.value())));
    }

    @Test
    void domain_dkimRecordMissingTwiceOrUnknown_isSaid() {
        dns.moreTxt(RECORD.name(), RECORD.value());
        assertThat(domain("dkim").text()).contains("is there 2 times");
        dns.forget(RECORD.name());
        assertThat(domain("dkim").text()).contains("is not there");
        dns.rcode(RECORD.name(), Rcode.SERVFAIL);
        assertThat(domain("dkim").severity()).isEqualTo(Severity.UNKNOWN);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"v=DMARC1; p=reject; rua=mailto:a@d.test | OK | p=reject.",
            "v=DMARC1;p=quarantine;adkim=s;aspf=r;sp=none;np=reject | OK | p=quarantine",
            "v=DMARC1; rua=mailto:a@d.test | FAIL | has no policy",
            "v=DMARC1; p=nothing | FAIL | has the policy \"nothing\", which is none",
            "v=DMARC1; p=none; sp=all | FAIL | wrong policy for subdomains (sp=)",
            "v=DMARC1; p=none; aspf=x | FAIL | wrong mode (aspf=)",
            "v=DMARC1; p=none; rua=a@d.test | FAIL | that do not go to mailto: addresses",
            "v=DMARC1 p=none | FAIL | is not readable",
            "v=spf1 -all | FAIL | d.test has no DMARC record"})
    void domain_dmarcRecord_isRead(String record, Severity severity, String text) {
        dns.txt("_dmarc.d.test", record);
        Finding dmarc = domain("dmarc");
        assertThat(dmarc.severity()).isEqualTo(severity);
        assertThat(dmarc.text()).contains(text);
    }

    @Test
    void domain_dmarcOfTheDomainAbove_holds() {
        dns.txt("_dmarc.d.test", "v=DMARC1; p=reject; sp=quarantine");
        assertThat(check("").domain("a.b.d.test", List.of())).extracting(Finding::text).contains(
                "DMARC of a.b.d.test is p=quarantine, by the record of d.test.");
        dns.moreTxt("_dmarc.d.test", "v=DMARC1; p=none");
        assertThat(domain("dmarc").text()).contains("has 2 DMARC records");
        dns.rcode("_dmarc.d.test", Rcode.SERVFAIL);
        assertThat(domain("dmarc").severity()).isEqualTo(Severity.UNKNOWN);
    }

    @Test
    void domain_thatCannotBeAnswered_fails() {
        dns.forget("d.test");
        assertThat(domain("mx").text()).contains("neither MX nor A");
        dns.mx("d.test", 0, ".");
        assertThat(domain("mx").text()).contains("null MX");
        dns.forget("d.test");
        dns.a("d.test", "2001:db8::1");
        assertThat(domain("mx").severity()).isEqualTo(Severity.OK);
        dns.rcode("d.test/MX", Rcode.SERVFAIL);
        assertThat(domain("mx").severity()).isEqualTo(Severity.UNKNOWN);
    }

    @Test
    void blockList_hasNotOrHasTheAddress() {
        dns.a("2.0.0.127.bl.test", "127.0.0.2");
        assertThat(check("").blockList("bl.test")).containsExactly(Finding.ok("block-list",
                "bl.test does not have 192.0.2.10."));
        dns.a("10.2.0.192.bl.test", "127.0.0.4").moreTxt("10.2.0.192.bl.test",
                "see https://bl.test/192.0.2.10");
        Finding listed = check("").blockList("bl.test").getFirst();
        assertThat(listed.severity()).isEqualTo(Severity.FAIL);
        assertThat(listed.text()).isEqualTo("bl.test has 192.0.2.10 (127.0.0.4): see"
                + " https://bl.test/192.0.2.10");
        assertThat(check("sources { a { address = 10.0.0.1, public-address = null } }")
                .blockList("bl.test")).isEmpty();
    }

    @Test
    void blockList_thatRefusesIsDeadOrSilent_isUnknown() {
        dns.a("2.0.0.127.bl.test", "127.255.255.254");
        Finding refused = check("").blockList("bl.test").getFirst();
        assertThat(refused.severity()).isEqualTo(Severity.UNKNOWN);
        assertThat(refused.text()).contains("says 127.255.255.254 (public resolver)");
        assertThat(check("").blockList("gone.test").getFirst().text())
                .contains("does not have its own test entry");
        dns.a("2.0.0.127.all.test", "127.0.0.2").a("1.0.0.127.all.test", "127.0.0.2");
        assertThat(check("").blockList("all.test").getFirst().text())
                .contains("has every address");
        dns.rcode("2.0.0.127.dead.test", Rcode.SERVFAIL);
        assertThat(check("").blockList("dead.test").getFirst().text())
                .contains("does not answer: SERVFAIL");
        dns.a("2.0.0.127.web.test", "203.0.113.1");
        assertThat(check("").blockList("web.test").getFirst().severity())
                .isEqualTo(Severity.UNKNOWN);
    }

    @Test
    void blockList_ofIpv6_isAskedByNibbles() throws IOException {
        assertThat(BlocklistCheck.reversed(InetAddress.getByName("2001:db8::1"))).isEqualTo(
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2");
    }

    @Test
    void resolvers_answerOrNot_validateOrNot() {
        assertThat(check("").resolvers().getFirst().text())
                .contains("does not know the root of the DNS");
        dns.root();
        assertThat(check("").resolvers()).extracting(Finding::severity, Finding::text)
                .satisfies(all -> assertThat(all.toString()).contains("port "
                        + dns.address().substring(10) + " answers.",
                        "DANE is inactive: not every"
                                + " resolver validates"));
        dns.signed("");
        assertThat(check("").resolvers().getLast().text())
                .isEqualTo("DNSSEC is validated: DANE is active.");
        assertThat(check("dns.dnssec = off").resolvers().getLast().text())
                .contains("dns.dnssec = trusted says");
        assertThat(check("delivery.dane = false").resolvers().getLast().text())
                .contains("it is switched off");
        dns.rcode(".", Rcode.REFUSED);
        assertThat(check("").resolvers()).extracting(Finding::severity).containsExactly(
                Severity.WARN, Severity.FAIL);
    }

    @Test
    void port_serverThatGreets_isReachedAndNothingIsSent() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread greeter = Thread.ofVirtual().start(() -> greet(server, "220 mx.test ESMTP\r\n"));
            Finding port = check("").port("a", "127.0.0.1:" + server.getLocalPort()).getFirst();
            assertThat(port).isEqualTo(Finding.ok("port", "Reaches 127.0.0.1 port "
                    + server.getLocalPort() + ", which greets: 220 mx.test ESMTP"));
            greeter.join();
        }
    }

    @Test
    void port_serverThatRefusesMail_warns() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread.ofVirtual().start(() -> greet(server, "554 no\r\n"));
            dns.mx("gmail.com", 5, "mx.gmail.test").a("mx.gmail.test", "127.0.0.1");
            Finding port = check("delivery.port = " + server.getLocalPort()).port("a", "")
                    .getFirst();
            assertThat(port.severity()).isEqualTo(Severity.WARN);
            assertThat(port.text()).contains("does not greet but says: 554 no");
        }
    }

    private static void greet(ServerSocket server, String greeting) {
        try (Socket socket = server.accept()) {
            socket.getOutputStream().write(greeting.getBytes(StandardCharsets.US_ASCII));
            // the end, not a command
            assertThat(socket.getInputStream().read()).isEqualTo(-1);
        } catch (IOException gone) {
            // the asker sees it
        }
    }

    @Test
    void port_refused_saysThatItIsBlocked() throws IOException {
        int free;
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            free = server.getLocalPort();
        }
        Finding port = check("").port("a", "127.0.0.1:" + free).getFirst();
        assertThat(port.severity()).isEqualTo(Severity.FAIL);
        assertThat(port.text()).contains("Port " + free + " from 127.0.0.1 is blocked by your"
                + " provider or a firewall: 127.0.0.1 port " + free + ": Connection refused");
        assertThat(port.fix()).contains("open outbound TCP port " + free);
        assertThat(check("sources.a { address = 192.0.2.10, public-address = null }").port("a",
                "127.0.0.1:" + free).getFirst().text())
                .isEqualTo("Address 192.0.2.10 is not on this machine.");
    }

    @Test
    void port_nothingToTry_isUnknown() {
        assertThat(check("").port("a", "").getFirst().severity()).isEqualTo(Severity.UNKNOWN);
        assertThat(check("").port("a", "x:y").getFirst().text()).contains("is not a host");
        assertThat(check("sources.a.proxy = \"socks5://127.0.0.1:1\"").port("a", "x").getFirst()
                .severity()).isEqualTo(Severity.UNKNOWN);
    }
}
