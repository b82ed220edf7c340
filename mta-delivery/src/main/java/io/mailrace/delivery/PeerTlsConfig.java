// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigReader;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import javax.net.ssl.X509TrustManager;

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
    static PeerTlsConfig from(ConfigReader delivery) {
        ConfigReader sts = delivery.section("mta-sts");
        boolean dane = delivery.flag("dane");
        boolean enabled = sts.flag("enabled");
        int port = sts.integer("port", 1, 65_535);
        Duration timeout = sts.duration("timeout", Duration.ofMillis(10), Duration.ofMinutes(2));
        String given = delivery.string("tls-authorities");
        X509TrustManager known = SystemAuthorities.INSTANCE;
        if (!given.isEmpty()) {
            try {
                known = PeerCertificate.trusting(SystemAuthorities.read(Path.of(given)));
            } catch (IOException | GeneralSecurityException | InvalidPathException unusable) {
                delivery.problem("tls-authorities", "must be a file of certificates in PEM form,"
                        + " but " + given + " is not: " + unusable.getMessage());
            }
        }
        return new PeerTlsConfig(dane, enabled, port, timeout, known);
    }
}
