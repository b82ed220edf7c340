// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/**
 * How peers prove who they are; part of section {@code delivery}.
 *
 * @param dane whether TLSA records count (RFC 7672)
 * @param sts whether MTA-STS policies are looked up and obeyed (RFC 8461)
 * @param stsPort where policies are served
 * @param stsTimeout for fetching one
 * @param authorities trusted for names of hosts
 */
record PeerTlsConfig(boolean dane, boolean sts, int stsPort, Duration stsTimeout,
        X509TrustManager authorities) {
    /** Kept by the package ca-certificates, with what the administrator adds. */
    private static final String SYSTEM = "/etc/ssl/certs/ca-certificates.crt";

    static PeerTlsConfig from(ConfigReader delivery) {
        ConfigReader sts = delivery.section("mta-sts");
        boolean dane = delivery.flag("dane");
        boolean enabled = sts.flag("enabled");
        int port = sts.integer("port", 1, 65_535);
        Duration timeout = sts.duration("timeout", Duration.ofMillis(10), Duration.ofMinutes(2));
        String given = delivery.string("tls-authorities");
        String file = given.isEmpty() && Files.isReadable(Path.of(SYSTEM)) ? SYSTEM : given;
        X509TrustManager known;
        try {
            known = file.isEmpty() ? runtime() : PeerCertificate.trusting(read(file));
        } catch (IOException | GeneralSecurityException unusable) {
            delivery.problem("tls-authorities", "must be a file of certificates in PEM form, but "
                    + file + " is not: " + unusable.getMessage());
            known = runtime();
        }
        return new PeerTlsConfig(dane, enabled, port, timeout, known);
    }

    private static X509TrustManager runtime() {
        try {
            return PeerCertificate.trusting((@Nullable KeyStore) null);
        } catch (GeneralSecurityException broken) {
            throw new IllegalStateException("the Java runtime has no authorities", broken);
        }
    }

    private static List<X509Certificate> read(String file)
            throws IOException, GeneralSecurityException {
        List<X509Certificate> found = new ArrayList<>();
        try (InputStream in = new FileInputStream(file)) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(
                    in)) {
                found.add((X509Certificate) one);
            }
        }
        if (found.isEmpty()) {
            throw new GeneralSecurityException("there is no certificate in it");
        }
        return found;
    }
}
