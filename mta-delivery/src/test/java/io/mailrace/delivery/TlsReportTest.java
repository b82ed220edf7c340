// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import io.mailrace.queue.SpoolException;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reports on TLS, from handshakes with real peers to the mail or the web page that gets them. */
class TlsReportTest {
    private static final List<String> USUAL = List.of("PIPELINING", "8BITMIME");
    private static final String REPORTS = "tls-reports.from = \"tls@example.com\"\n";
    private static final long DAY = 86_400_000;

    private static final CommitListener NOBODY = new CommitListener() {
        @Override
        public void committed() {
            // nobody waits
        }

        @Override
        public void failed(SpoolException why) {
            throw why;
        }
    };

    @TempDir
    Path directory;
    private final List<AutoCloseable> open = new ArrayList<>();
    private final AtomicLong ahead = new AtomicLong();
    private TestDns dns;
    private TestCertificates certificates;

    /** The system's time, some days later when the test says so. */
    private final TimeSource time = new TimeSource() {
        @Override
        public long epochMillis() {
            return TimeSource.system().epochMillis() + ahead.get();
        }

        @Override
        public long nanos() {
            return TimeSource.system().nanos();
        }
    };

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

    private TestPeer peer(X509Bundle bundle) throws Exception {
        TestPeer peer = new TestPeer(new InetSocketAddress("127.0.0.1", 0), USUAL,
                TestCertificates.server(bundle), (verb, line, at, connection) -> null);
        open.add(peer);
        return peer;
    }

    private DeliveryFixture deliver(TestPeer to, String more) {
        DeliveryFixture fixture = new DeliveryFixture(directory.resolve("spool"), dns,
                new DeliveryFixture.NoSigner(), time, "delivery.port = " + to.port() + "\n"
                        + REPORTS + more);
        open.add(fixture);
        return fixture;
    }

    private static String unzip(byte[] bytes) throws IOException {
        return new String(new GZIPInputStream(new ByteArrayInputStream(bytes)).readAllBytes(),
                StandardCharsets.US_ASCII);
    }

    private static String attached(String mail) throws IOException {
        String part = mail.substring(mail.indexOf("filename="));
        return unzip(Base64.getMimeDecoder().decode(part.substring(part.indexOf("\r\n\r\n"),
                part.indexOf("\r\n--"))));
    }

    @Test
    void report_afterTheDay_isMailed() throws Exception {
        X509Bundle bundle = certificates.of("mx.d.test");
        TestPeer peer = peer(bundle);
        dns.signed("d.test").tlsa("_" + peer.port() + "._tcp.mx.d.test", 3, 1, 1, new byte[32]);
        dns.txt("_smtp._tls.d.test", "v=TLSRPTv1; rua=mailto:tlsrpt@d.test");
        DeliveryFixture fixture = deliver(peer, "");
        fixture.submit("x", "a@d.test");
        DeliveryFixture.await(() -> peer.connections.get() > 1);
        dns.tlsa("_" + peer.port() + "._tcp.mx.d.test", 3, 1, 1, TestCertificates.keyDigest(
                bundle.getCertificate()));
        fixture.awaitEmpty();
        fixture.delivery.sweepReports();
        assertThat(peer.received).as("the day is not over").hasSize(1);
        ahead.set(2 * DAY);
        fixture.delivery.sweepReports();
        DeliveryFixture.await(() -> peer.received.size() == 2);
        TestPeer.Received mail = peer.received.getLast();
        assertThat(mail.to()).containsExactly("tlsrpt@d.test");
        assertThat(mail.from()).isEqualTo("tls@example.com");
        assertThat(mail.text()).contains("TLS-Report-Domain: d.test\r\n",
                "TLS-Report-Submitter: mta.example.com\r\n", "report-type=\"tlsrpt\"",
                "TLS-Required: No\r\n");
        assertThat(attached(mail.text())).contains("\"organization-name\":\"mta.example.com\"",
                "\"policy-type\":\"tlsa\"", "\"policy-domain\":\"d.test\"",
                "\"total-successful-session-count\":1", "\"result-type\":\"validation-failure\"",
                "\"receiving-mx-hostname\":\"mx.d.test\"", "\"receiving-ip\":\"127.0.0.1\"");
    }

    @Test
    void report_countedBeforeARestart_isPostedAfterIt() throws Exception {
        List<String> posted = new CopyOnWriteArrayList<>();
        HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 10);
        server.setHttpsConfigurator(new HttpsConfigurator(TestCertificates.server(
                certificates.of("reports.d.test"))));
        server.createContext("/in", exchange -> {
            posted.add(exchange.getRequestHeaders().getFirst("Content-Type") + " "
                    + exchange.getRequestURI() + " " + unzip(exchange.getRequestBody()
                            .readAllBytes()));
            exchange.sendResponseHeaders(201, -1);
            exchange.close();
        });
        server.start();
        open.add(() -> server.stop(0));
        dns.a("reports.d.test", "127.0.0.1").txt("_smtp._tls.d.test",
                "v=TLSRPTv1; rua=https://reports.d.test:" + server.getAddress().getPort()
                        + "/in?x=1");
        String trust = "delivery.tls-authorities = \"" + certificates.file(directory) + "\"\n";
        TestPeer peer = peer(certificates.of("mx.d.test"));
        DeliveryFixture before = deliver(peer, trust);
        before.submit("x", "a@d.test");
        before.awaitEmpty();
        before.close();
        ahead.set(2 * DAY);
        DeliveryFixture after = deliver(peer, trust);
        after.delivery.sweepReports();
        DeliveryFixture.await(() -> !posted.isEmpty());
        assertThat(posted.getFirst()).startsWith("application/tlsrpt+gzip /in?x=1 {").contains(
                "\"policy-type\":\"no-policy-found\"", "\"total-successful-session-count\":1",
                "\"total-failure-session-count\":0");
        DeliveryFixture.await(() -> after.spool.memos().beginningWith("tlsrpt/").isEmpty());
        after.delivery.sweepReports();
        assertThat(posted).hasSize(1);
    }

    @Test
    void report_nobodyAsksForIt_isForgotten() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        DeliveryFixture fixture = deliver(peer, "");
        fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        fixture.delivery.sweepReports();
        DeliveryFixture.await(() -> fixture.spool.memos().beginningWith("tlsrpt/").size() == 1);
        ahead.set(2 * DAY);
        fixture.delivery.sweepReports();
        DeliveryFixture.await(() -> fixture.spool.memos().beginningWith("tlsrpt/").isEmpty());
        assertThat(peer.received).hasSize(1);
    }

    private HttpsServer server(X509Bundle bundle, String path, HttpHandler handler)
            throws Exception {
        HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 10);
        server.setHttpsConfigurator(new HttpsConfigurator(TestCertificates.server(bundle)));
        server.createContext(path, handler);
        server.start();
        open.add(() -> server.stop(0));
        return server;
    }

    /** The first moment of the day after tomorrow: hours later it is still the same day. */
    private void leapToMidnight() {
        ahead.set(2 * DAY - TimeSource.system().epochMillis() % DAY);
    }

    @Test
    void report_onePlaceRefuses_isTriedAgainThereOnlyAndNotBeforeAnHour() throws Exception {
        AtomicInteger posted = new AtomicInteger();
        AtomicInteger answer = new AtomicInteger(500);
        HttpsServer server = server(certificates.of("reports.d.test"), "/in", exchange -> {
            posted.incrementAndGet();
            exchange.sendResponseHeaders(answer.get(), -1);
            exchange.close();
        });
        dns.a("reports.d.test", "127.0.0.1").txt("_smtp._tls.d.test",
                "v=TLSRPTv1; rua=mailto:tlsrpt@d.test,https://reports.d.test:" + server
                        .getAddress().getPort() + "/in");
        TestPeer peer = peer(certificates.of("mx.d.test"));
        DeliveryFixture fixture = deliver(peer, "delivery.tls-authorities = \"" + certificates
                .file(directory) + "\"\n");
        fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        leapToMidnight();
        fixture.delivery.sweepReports();
        DeliveryFixture.await(() -> posted.get() == 1 && peer.received.size() == 2);
        answer.set(201);
        long begun = ahead.get();
        DeliveryFixture.await(() -> {
            ahead.addAndGet(20_000);
            fixture.delivery.sweepReports();
            return fixture.spool.memos().beginningWith("tlsrpt/").isEmpty();
        });
        assertThat(ahead.get() - begun).isGreaterThanOrEqualTo(DAY / 24);
        fixture.awaitEmpty();
        assertThat(peer.received.stream().filter(one -> one.to().contains("tlsrpt@d.test")))
                .hasSize(1);
        assertThat(posted).hasValue(2);
    }

    @Test
    void report_itsOwnMail_isNotCounted() throws Exception {
        dns.txt("_smtp._tls.d.test", "v=TLSRPTv1; rua=mailto:tlsrpt@d.test");
        TestPeer peer = peer(certificates.of("mx.d.test"));
        DeliveryFixture fixture = deliver(peer, "delivery.messages-per-connection = 1");
        fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        leapToMidnight();
        fixture.delivery.sweepReports();
        DeliveryFixture.await(() -> peer.received.size() == 2);
        fixture.awaitEmpty();
        fixture.delivery.sweepReports();
        fixture.submit("written behind what was counted", "a@nowhere.test");
        assertThat(fixture.spool.memos().beginningWith("tlsrpt/")).isEmpty();
    }

    @Test
    void report_hostOfThePolicyIsNotProven_saysSo() throws Exception {
        HttpsServer server = server(certificates.of("other.test"), "/", exchange -> {
            exchange.sendResponseHeaders(404, -1);
            exchange.close();
        });
        dns.a("mta-sts.d.test", "127.0.0.1").txt("_mta-sts.d.test", "v=STSv1; id=1;");
        dns.txt("_smtp._tls.d.test", "v=TLSRPTv1; rua=mailto:tlsrpt@d.test");
        TestPeer peer = peer(certificates.of("mx.d.test"));
        DeliveryFixture fixture = deliver(peer, "delivery.mta-sts.port = " + server.getAddress()
                .getPort() + "\ndelivery.tls-authorities = \"" + certificates.file(directory)
                + "\"\n");
        fixture.submit("x", "a@d.test");
        fixture.awaitEmpty();
        leapToMidnight();
        fixture.delivery.sweepReports();
        DeliveryFixture.await(() -> peer.received.size() == 2);
        assertThat(attached(peer.received.getLast().text())).contains(
                "\"result-type\":\"sts-webpki-invalid\"").doesNotContain("Exception");
    }

    @Test
    void report_switchedOffMeanwhile_isForgotten() throws Exception {
        dns.txt("_smtp._tls.d.test", "v=TLSRPTv1; rua=mailto:tlsrpt@d.test");
        TestPeer peer = peer(certificates.of("mx.d.test"));
        DeliveryFixture before = deliver(peer, "");
        before.submit("x", "a@d.test");
        before.awaitEmpty();
        before.close();
        ahead.set(2 * DAY);
        DeliveryFixture after = deliver(peer, "tls-reports.from = \"\"");
        after.delivery.sweepReports();
        DeliveryFixture.await(() -> after.spool.memos().beginningWith("tlsrpt/").isEmpty());
        after.awaitEmpty();
        assertThat(peer.received).hasSize(1);
    }

    @Test
    void report_underABrokenName_doesNotStopTheOthers() throws Exception {
        TestPeer peer = peer(certificates.of("mx.d.test"));
        DeliveryFixture before = deliver(peer, "");
        before.spool.memos().write(List.of(Memos.Change.put("tlsrpt/no day", new byte[0])),
                List.of(), Runnable::run, NOBODY);
        before.submit("x", "a@d.test");
        before.awaitEmpty();
        before.close();
        ahead.set(2 * DAY);
        DeliveryFixture after = deliver(peer, "");
        after.delivery.sweepReports();
        DeliveryFixture.await(() -> after.spool.memos().beginningWith("tlsrpt/2").isEmpty());
    }

    @Test
    void tally_comesBackFromDiskAndIsSafeJson() {
        TlsTally tally = new TlsTally();
        TlsTally.Policy sts = new TlsTally.Policy("sts", List.of("version: STSv1", "mode: testing"),
                List.of("*.d.test"));
        tally.succeeded(sts);
        tally.failed(sts, new TlsTally.Failure(TlsResult.CERTIFICATE_EXPIRED, "192.0.2.1",
                "mx.d.test", "192.0.2.2", "say \"no\"\t\\ \u00e9\n"));
        for (int i = 0; i < 200; i++) {
            tally.failed(TlsTally.Policy.NONE, new TlsTally.Failure(
                    TlsResult.STARTTLS_NOT_SUPPORTED, "", "mx" + i, "", ""));
        }
        String json = tally.json("d.test");
        assertThat(TlsTally.decode(tally.encode()).json("d.test")).isEqualTo(json);
        assertThat(json).contains("\"policy-string\":[\"version: STSv1\",\"mode: testing\"]",
                "\"mx-host\":[\"*.d.test\"]", "say \\\"no\\\"", "\"failed-session-count\":150",
                "\"total-failure-session-count\":200").doesNotContain("\t", "\n");
        assertThat(json.split("mx-hostname")).hasSizeLessThan(60);
        assertThat(new TlsReport(new TlsReportConfig(TestMail.address("a@b.test"), "b", "c"),
                "mta.test", "d.test", LocalDate.of(2026, 11, 27), tally).json()).contains(
                        "\"start-datetime\":\"2026-11-27T00:00:00Z\"",
                        "\"end-datetime\":\"2026-11-27T23:59:59Z\"");
    }
}
