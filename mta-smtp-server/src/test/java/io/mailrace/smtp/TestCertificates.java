// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.net.ssl.KeyManager;

/** Throw-away certificates as PEM files. */
final class TestCertificates {
    private TestCertificates() {}

    static void write(String name, Path certificate, Path key) throws Exception {
        write(name, CertificateBuilder.Algorithm.ecp256, certificate, key);
    }

    static void write(String name, CertificateBuilder.Algorithm algorithm, Path certificate,
            Path key) throws Exception {
        X509Bundle bundle = new CertificateBuilder().subject("CN=" + name).algorithm(algorithm)
                .setIsCertificateAuthority(true).buildSelfSigned();
        Files.writeString(certificate, bundle.getCertificatePathPEM());
        Files.writeString(key, bundle.getPrivateKeyPEM());
    }

    /** An authority for clients. */
    static X509Bundle authority(String name) throws Exception {
        return new CertificateBuilder().subject("CN=" + name).setIsCertificateAuthority(true)
                .buildSelfSigned();
    }

    /** A client's certificate with a DNS name in subjectAltName. */
    static X509Bundle client(X509Bundle authority, String name) throws Exception {
        return new CertificateBuilder().subject("CN=" + name).addSanDnsName(name)
                .addExtendedKeyUsageClientAuth().buildIssuedBy(authority);
    }

    static KeyManager[] keys(X509Bundle client) throws Exception {
        return client.toKeyManagerFactory().getKeyManagers();
    }
}
