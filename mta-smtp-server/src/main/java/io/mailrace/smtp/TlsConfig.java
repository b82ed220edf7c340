// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigReader;
import java.util.Optional;

/**
 * The certificate the listeners show, and whose certificates they take.
 *
 * @param certificate PEM file with the chain, own certificate first; empty for a self-signed one
 * @param key PEM file with the private key; empty for a self-signed one
 * @param clientAuthorities PEM file with the authorities whose client certificates are taken; empty
 *        when none are
 */
public record TlsConfig(String certificate, String key, String clientAuthorities) {
    public static final TlsConfig SELF_SIGNED = new TlsConfig("", "", "");

    public TlsConfig {
        if (certificate.isEmpty() != key.isEmpty()) {
            throw new IllegalArgumentException(
                    "set both certificate and key, or neither for a self-signed certificate");
        }
    }

    static Optional<TlsConfig> from(ConfigReader section) {
        String certificate = section.string("certificate");
        String key = section.string("key");
        String clientAuthorities = section.string("client-authorities");
        return section.build(() -> new TlsConfig(certificate, key, clientAuthorities));
    }

    boolean selfSigned() {
        return certificate.isEmpty();
    }

    boolean asksClients() {
        return !clientAuthorities.isEmpty();
    }
}
