// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.delivery.Finding.Publish;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.DClass;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.PTRRecord;
import org.xbill.DNS.ReverseMap;
import picocli.CommandLine;

/**
 * {@code mailrace doctor} as operators type it, with a DNS server and a mail server on loopback.
 * Names of files are relative and ports have five digits, so that lines break at the same words.
 */
class DoctorCommandTest {
    private static final Path FOLDER = Path.of("target/doctor");
    private static final Path CONFIG = FOLDER.resolve("my.conf");
    private DnsResponder dns = unset();
    private ServerSocket server = unset();

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // set before each test
    private static <T> T unset() {
        return null;
    }

    /** What the command printed and its exit code. */
    private record Said(int code, String out, String err) {}

    @BeforeEach
    void start() throws IOException {
        Files.createDirectories(FOLDER.resolve("spool"));
        // an Ed25519 key of known bytes (RFC 8410 7)
        byte[] pkcs8 = HexFormat.of().parseHex("302e020100300506032b657004220420" + "07".repeat(
                32));
        Path key = Files.writeString(FOLDER.resolve("s1.pem"), "-----BEGIN PRIVATE KEY-----\n"
                + Base64.getEncoder().encodeToString(pkcs8) + "\n-----END PRIVATE KEY-----\n");
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-------"));
        server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofPlatform().daemon(true).start(this::greet);
        dns = DnsResponder.start(InetAddress.getLoopbackAddress());
        dns.add(new NSRecord(Name.root, DClass.IN, 60, Name.fromConstantString("ns.root.test.")));
        good();
    }

    /** Everything about source a and example.test. */
    private void good() throws IOException {
        dns.add(new PTRRecord(ReverseMap.fromAddress("192.0.2.10"), DClass.IN, 60,
                Name.fromConstantString("mta1.example.test.")));
        dns.address("mta1.example.test", "192.0.2.10")
                .txt("mta1.example.test", List.of("v=spf1 a -all"))
                .txt("s1._domainkey.example.test", List.of("v=DKIM1; k=ed25519; p="
                        + "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="))
                .txt("_dmarc.example.test", List.of("v=DMARC1; p=reject"))
                .txt("example.test", List.of("v=spf1 include:spf.example.test -all"))
                .txt("spf.example.test", List.of("v=spf1 ip4:192.0.2.8/29 -all"))
                .mx("example.test", 10, "mx.example.test")
                .address("2.0.0.127.bl.test", "127.0.0.2");
    }

    private void greet() {
        while (!server.isClosed()) {
            try (Socket socket = server.accept()) {
                socket.getOutputStream().write("220 mx.example.test ESMTP\r\n".getBytes(
                        StandardCharsets.US_ASCII));
            } catch (IOException over) {
                // the asker is gone, or the test is over
            }
        }
    }

    @AfterEach
    void stop() throws IOException {
        dns.close();
        server.close();
    }

    private void configure(String more) throws IOException {
        Files.writeString(CONFIG, """
                hostname = mta1.example.test
                listeners { relay { bind = "127.0.0.1:0", tls = off, auth = none
                                    relay-from = ["127.0.0.0/8"] } }
                spool { path = "target/doctor/spool", min-free = 0 }
                sources.a { address = 127.0.0.1, public-address = 192.0.2.10 }
                dns { servers = ["127.0.0.1:%d"], timeout = 1s, tries = 2 }
                dkim { "example.test" = [ { selector = s1, key = "target/doctor/s1.pem" } ] }
                doctor.block-lists = [bl.test]
                """.formatted(dns.address().getPort()) + more);
    }

    private Said doctor(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = Main.commandLine().setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true));
        String[] all = new String[arguments.length + 5];
        all[0] = "doctor";
        System.arraycopy(arguments, 0, all, 5, arguments.length);
        all[1] = "--config";
        all[2] = CONFIG.toString();
        all[3] = "--probe";
        all[4] = "127.0.0.1:" + server.getLocalPort();
        return new Said(line.execute(all), out.toString(), err.toString());
    }

    /** Without what differs from machine to machine: the disk with it, and the count of it. */
    private String stable(String out) {
        return out.replace(String.valueOf(dns.address().getPort()), "55555")
                .replace(String.valueOf(server.getLocalPort()), "44444")
                .replaceAll("says \\S+Z;", "says 2026-01-02T03:04:05Z;")
                .replaceAll("\\d+ failed, .* good\\.", "(sum)")
                .replaceAll("(?s)  \\S+ +\\d+\\.\\d GB.*?\n\n", "  (disk)\n\n");
    }

    @Test
    void doctor_everythingInOrder_isGood() throws IOException {
        configure("");
        Said said = doctor();
        assertThat(said.err()).isEmpty();
        assertThat(stable(said.out())).startsWith("""
                Configuration
                  ok    target/doctor/my.conf is good.
                  warn  dkim example.test has Ed25519 keys only (RFC 8463): many receivers
                        verify RSA alone and take its mail for unsigned; add an RSA key

                This machine
                  ok    The clock says 2026-01-02T03:04:05Z; the spool agrees.
                  (disk)

                Resolvers
                  ok    The resolver 127.0.0.1 port 55555 answers.
                  ok    DANE is inactive: not every resolver validates DNSSEC. One on this
                        machine, such as unbound, would make it active.

                Source a: 192.0.2.10, EHLO mta1.example.test
                  ok    The EHLO name mta1.example.test leads to 192.0.2.10.
                  ok    192.0.2.10 has the PTR name mta1.example.test.
                  ok    The PTR name mta1.example.test leads back to 192.0.2.10.
                  ok    The EHLO name is the PTR name.
                  ok    SPF of the EHLO name passes for 192.0.2.10.
                  ok    Reaches 127.0.0.1 port 44444, which greets: 220 mx.example.test ESMTP

                Block lists
                  ok    bl.test does not have 192.0.2.10.

                Domain example.test
                  ok    The DKIM record s1._domainkey.example.test is that of the key,
                        ed25519-sha256, 256 bits.
                  ok    DMARC of example.test is p=reject.
                  ok    example.test has MX hosts, so it can be answered.
                  ok    SPF of example.test passes for 192.0.2.10, with 1 of 10 look-ups.

                """);
        assertThat(said.out()).contains("Nothing failed, ");
        assertThat(said.code()).isZero();
    }

    /** A second source with everything wrong, a third whose address nobody knows. */
    @Test
    void doctor_everythingWrong_saysHowToMendIt() throws IOException {
        configure("""
                sources { b { address = 127.0.0.2, public-address = 192.0.2.20
                              ehlo = mta2.example.test }
                          c { ehlo = localhost } }
                dkim { "example.test" = [ { selector = s2, key = "target/doctor/s1.pem" } ] }
                listeners.submission { bind = "127.0.0.1:0", tls = starttls, auth = required }
                """);
        dns.address("mta2.example.test", "192.0.2.99")
                .txt("mta2.example.test", List.of("v=spf1 a -all"))
                .address("20.2.0.192.bl.test", "127.0.0.2")
                .txt("20.2.0.192.bl.test", List.of("https://bl.test/why?192.0.2.20"))
                .failing("shop.test", 100);
        Said said = doctor("example.test", "shop.test");
        assertThat(said.err()).isEmpty();
        String out = stable(said.out());
        assertThat(out.substring(out.indexOf("Source b"))).isEqualTo("""
                Source b: 192.0.2.20, EHLO mta2.example.test
                  FAIL  The EHLO name mta2.example.test does not lead to 192.0.2.20.
                        fix: Publish this record.
                          mta2.example.test. IN A 192.0.2.20
                  FAIL  192.0.2.20 has no PTR name (reverse DNS).
                        fix: Ask the provider of 192.0.2.20 to set its PTR name (reverse DNS) to
                        mta2.example.test, and to no other.
                  FAIL  SPF of the EHLO name is fail for 192.0.2.20: no term before -all names
                        the address.
                        fix: It will pass when the EHLO name leads to the address.
                  ok    Reaches 127.0.0.1 port 44444, which greets: 220 mx.example.test ESMTP

                Source c: address by the system, EHLO localhost
                  ?     The system chooses the address, so PTR, SPF and block lists cannot be
                        checked.
                        fix: Set sources.c.address, and sources.c.public-address behind NAT.
                  FAIL  The EHLO name localhost is not a full DNS name.
                        fix: Set hostname, or sources.c.ehlo, to a name such as
                        mta1.example.com.
                  ok    Reaches 127.0.0.1 port 44444, which greets: 220 mx.example.test ESMTP

                Block lists
                  ok    bl.test does not have 192.0.2.10.
                  FAIL  bl.test has 192.0.2.20 (127.0.0.2): https://bl.test/why?192.0.2.20
                        fix: Find what was reported and stop it, then ask the list to take the
                        address off.

                Domain example.test
                  FAIL  The DKIM record s2._domainkey.example.test is not there: receivers take
                        the signatures for forged.
                        fix: Publish this record.
                          s2._domainkey.example.test. IN TXT (
                            "v=DKIM1; k=ed25519; p=6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0i"
                            "w=" )
                  ok    DMARC of example.test is p=reject.
                  ok    example.test has MX hosts, so it can be answered.
                  ok    SPF of example.test passes for 192.0.2.10, with 1 of 10 look-ups.
                  FAIL  SPF of example.test is fail for 192.0.2.20: no term before -all names
                        the address.
                        fix: Publish this record instead.
                          example.test. IN TXT (
                            "v=spf1 ip4:192.0.2.20 include:spf.example.test -all" )

                Domain shop.test
                  FAIL  There is no DKIM key for shop.test: its mail goes out unsigned.
                        fix: Make one with mailrace dkim keygen shop.test, publish and configure
                        it.
                  FAIL  shop.test has no DMARC record.
                        fix: Publish this record; with p=none it changes nothing for mail that
                        fails.
                          _dmarc.shop.test. IN TXT "v=DMARC1; p=none"
                  ?     Where replies to shop.test go is not known: SERVFAIL for MX.
                  ?     SPF of shop.test cannot be told for 192.0.2.10, 192.0.2.20: the TXT
                        records of shop.test are not known: SERVFAIL for TXT.

                (sum)
                """);
        assertThat(said.code()).isEqualTo(1);
        assertThat(said.out()).contains("  warn  Listeners show a self-signed certificate");
        assertThat(said.out().lines()).allMatch(line -> line.length() <= 80);
    }

    @Test
    void doctor_json_hasEveryFinding() throws IOException {
        configure("sources.b { address = 127.0.0.2, public-address = 192.0.2.20 }");
        Said said = doctor("--json");
        Map<String, Object> report = JsonTree.object(said.out());
        assertThat(report).containsEntry("config", CONFIG.toString()).containsEntry("failed", 4L);
        assertThat((List<?>) report.get("sections")).hasSize(7);
        assertThat(said.out()).contains("""
                {"severity":"fail","check":"ehlo","text":"The EHLO name mta1.example.test does \
                not lead to 192.0.2.20.","fix":"Publish this record.","publish":[{"name":\
                "mta1.example.test","type":"A","value":"192.0.2.20"}]}""");
        assertThat(said.code()).isEqualTo(1);
    }

    @Test
    void doctor_badConfig_isAllItSays() throws IOException {
        configure("sources.a.ehlo = \"a b\"\nlog.level = loud\n");
        Said said = doctor();
        assertThat(said.code()).isEqualTo(1);
        assertThat(said.out()).startsWith("Configuration (nothing else can be checked before it is"
                + " good)\n").contains("  FAIL  target/doctor/my.conf:", "log.level: must be one"
                        + " of:", "2 failed, 0 to improve");
        Files.delete(CONFIG);
        assertThat(doctor().out()).contains("does not exist");
    }

    @Test
    void doctor_noResolverAnswers_isOneFailure_theRestIsUnknown() throws IOException {
        configure("dns { timeout = 200ms, tries = 1 }");
        dns.close();
        Said said = doctor();
        assertThat(said.out()).contains("  FAIL  No resolver answers: no mail can be sent.",
                "\n1 failed, ");
        assertThat(said.code()).isEqualTo(1);
    }

    @Test
    void doctor_notADomain_isRefused() throws IOException {
        configure("");
        assertThat(doctor("a b").err()).contains("not a domain: a b");
    }

    @Test
    void zoneLines_longText_isCutInStringsThatFit() {
        assertThat(DoctorReport.zoneLines(new Publish("d.test", "TXT", "say \"hi\" \\")))
                .containsExactly("d.test. IN TXT \"say \\\"hi\\\" \\\\\"");
        List<String> lines = DoctorReport.zoneLines(new Publish("s._domainkey.d.test", "TXT",
                "v=DKIM1; p=" + "x".repeat(400)));
        assertThat(lines).hasSize(8).allMatch(line -> line.length() <= 70);
        assertThat(lines.getFirst()).isEqualTo("s._domainkey.d.test. IN TXT (");
        assertThat(lines.getLast()).endsWith("x\" )");
    }
}
