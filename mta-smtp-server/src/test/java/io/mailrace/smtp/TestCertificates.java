// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.nio.file.Files;
import java.nio.file.Path;

/** Throw-away certificates as PEM files. */
final class TestCertificates {
    private TestCertificates() {}

    static void write(String name, Path certificate, Path key) throws Exception {
        X509Bundle bundle = new CertificateBuilder().subject("CN=" + name)
                .setIsCertificateAuthority(true).buildSelfSigned();
        Files.writeString(certificate, bundle.getCertificatePathPEM());
        Files.writeString(key, bundle.getPrivateKeyPEM());
    }
}
