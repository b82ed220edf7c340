// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.delivery.Finding;
import io.mailrace.delivery.Finding.Severity;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.stream.Stream;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CertificateCheckTest {
    private static final Instant BEGIN = Instant.parse("2026-03-01T00:00:00Z");
    private static final Instant END = Instant.parse("2026-06-01T00:00:00Z");
    @TempDir
    Path folder;

    private Path certificate(String... names) throws Exception {
        KeyPair pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        X500Principal name = new X500Principal("CN=x");
        X509Certificate made = new JcaX509CertificateConverter().getCertificate(
                new JcaX509v3CertificateBuilder(name, BigInteger.ONE, Date.from(BEGIN),
                        Date.from(END), name, pair.getPublic())
                        .addExtension(Extension.subjectAlternativeName, false, new GeneralNames(
                                Stream.of(names).map(one -> new GeneralName(GeneralName.dNSName,
                                        one)).toArray(GeneralName[]::new)))
                        .build(new JcaContentSignerBuilder("Ed25519").build(pair.getPrivate())));
        return Files.writeString(folder.resolve("cert.pem"), "-----BEGIN CERTIFICATE-----\n"
                + Base64.getMimeEncoder().encodeToString(made.getEncoded())
                + "\n-----END CERTIFICATE-----\n");
    }

    private List<Finding> check(Path certificate, Instant now) throws Exception {
        Path key = Files.writeString(folder.resolve("key.pem"), "");
        return check("tls { certificate = \"" + certificate + "\", key = \"" + key + "\" }", now);
    }

    private static List<Finding> check(String more, Instant now) {
        DaemonConfig config = DaemonConfig.ofText("""
                hostname = mta1.example.test
                listeners { a { bind = "127.0.0.1:0", tls = starttls, auth = required } }
                """ + more);
        FakeTimeSource time = new FakeTimeSource();
        time.stepWallClock(Duration.ofMillis(now.toEpochMilli() - time.epochMillis()));
        return CertificateCheck.of(config.smtp(), time);
    }

    @Test
    void of_certificateForTheHost_isOk() throws Exception {
        Instant now = Instant.parse("2026-04-01T00:00:00Z");
        assertThat(check(certificate("mta1.example.test"), now)).containsExactly(Finding.ok(
                "certificate", "The certificate is for mta1.example.test and holds until"
                        + " 2026-06-01T00:00:00Z."));
        assertThat(check(certificate("a.test", "*.example.test"), now).getFirst().severity())
                .isEqualTo(Severity.OK);
        assertThat(check(certificate("*.test", "example.test"), now).getFirst().text())
                .endsWith(" is for *.test, example.test, not for mta1.example.test.");
    }

    @Test
    void of_time_decides() throws Exception {
        Path file = certificate("mta1.example.test");
        assertThat(check(file, END.plusSeconds(1)).getFirst().text()).contains("ended at 2026-06");
        assertThat(check(file, BEGIN.minusSeconds(1)).getFirst().text()).contains("begins at");
        assertThat(check(file, END.minusSeconds(86_400)).getFirst()).satisfies(one -> {
            assertThat(one.severity()).isEqualTo(Severity.WARN);
            assertThat(one.text()).contains("ends soon, at 2026-06-01");
        });
    }

    @Test
    void of_filesThatCannotBeUsed_fail() throws Exception {
        Path none = folder.resolve("none.pem");
        assertThat(check(none, BEGIN)).extracting(Finding::severity).containsExactly(
                Severity.FAIL);
        Path junk = Files.writeString(folder.resolve("junk.pem"), "hello");
        assertThat(check(junk, BEGIN).getFirst().text()).contains("cannot be used");
        assertThat(check("tls { certificate = \"" + certificate("mta1.example.test")
                + "\", key = \"" + none + "\" }", BEGIN)).extracting(Finding::severity)
                .containsExactly(Severity.FAIL, Severity.OK);
    }

    @Test
    void of_selfSigned_warns_withoutTls_saysNothing() {
        assertThat(check("", BEGIN).getFirst().severity()).isEqualTo(Severity.WARN);
        assertThat(check("""
                listeners { a { tls = off, auth = none, relay-from = ["10.0.0.0/8"] } }
                """, BEGIN)).isEmpty();
    }
}
