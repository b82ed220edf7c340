// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigReader;
import java.util.Optional;

/**
 * The certificate the listeners show.
 *
 * @param certificate PEM file with the chain, own certificate first; empty for a self-signed one
 * @param key PEM file with the private key; empty for a self-signed one
 */
public record TlsConfig(String certificate, String key) {
    public static final TlsConfig SELF_SIGNED = new TlsConfig("", "");

    public TlsConfig {
        if (certificate.isEmpty() != key.isEmpty()) {
            throw new IllegalArgumentException(
                    "set both certificate and key, or neither for a self-signed certificate");
        }
    }

    static Optional<TlsConfig> from(ConfigReader section) {
        String certificate = section.string("certificate");
        String key = section.string("key");
        return section.build(() -> new TlsConfig(certificate, key));
    }

    boolean selfSigned() {
        return certificate.isEmpty();
    }
}
