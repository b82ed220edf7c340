// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** An authority of the tests' own, and what it signs. */
final class TestCertificates {
    private final X509Bundle authority;

    TestCertificates() throws Exception {
        authority = new CertificateBuilder().subject("CN=Test Authority")
                .setIsCertificateAuthority(true).buildSelfSigned();
    }

    X509Certificate authority() {
        return authority.getCertificate();
    }

    X509Bundle of(String name) throws Exception {
        return new CertificateBuilder().subject("CN=" + name).addSanDnsName(name)
                .addExtendedKeyUsageServerAuth().buildIssuedBy(authority);
    }

    X509Bundle expired(String name) throws Exception {
        Instant now = Instant.ofEpochMilli(TimeSource.system().epochMillis());
        return new CertificateBuilder().subject("CN=" + name).addSanDnsName(name)
                .addExtendedKeyUsageServerAuth().notBefore(now.minus(Duration.ofDays(20)))
                .notAfter(now.minus(Duration.ofDays(10))).buildIssuedBy(authority);
    }

    /** A server's side of TLS with that certificate and its authority's. */
    static SSLContext server(X509Bundle bundle) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        store.setKeyEntry("server", bundle.getKeyPair().getPrivate(), new char[0],
                bundle.getCertificatePathWithRoot());
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        return context;
    }

    /** The authority's certificate as a file. */
    Path file(Path directory) throws IOException {
        return Files.writeString(directory.resolve("authority.pem"), authority
                .getCertificatePEM());
    }

    static byte[] digest(String algorithm, byte[] of) throws Exception {
        return MessageDigest.getInstance(algorithm).digest(of);
    }

    static byte[] keyDigest(X509Certificate certificate) throws Exception {
        return digest("SHA-256", certificate.getPublicKey().getEncoded());
    }
}
