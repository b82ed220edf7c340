// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The authorities of the system, or those of the Java runtime where it keeps none. To read some
 * hundred certificates takes as long as the rest of a start: they are read when first asked for,
 * once in a process, or by {@link #prepare} before that. Any thread.
 */
final class SystemAuthorities extends X509ExtendedTrustManager {
    private static final Logger LOG = LoggerFactory.getLogger(SystemAuthorities.class);
    /** Kept by the package ca-certificates, with what the administrator adds. */
    private static final Path SYSTEM = Path.of("/etc/ssl/certs/ca-certificates.crt");
    private static final Pattern PEM = Pattern.compile(
            "-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----");
    static final SystemAuthorities INSTANCE = new SystemAuthorities(SYSTEM);

    private final Path file;
    private @Nullable X509ExtendedTrustManager known;

    SystemAuthorities(Path file) {
        this.file = file;
    }

    /** Reads them on a thread of its own, unless that was done. */
    void prepare() {
        Thread.ofPlatform().name("authorities").daemon().start(this::known);
    }

    private synchronized X509ExtendedTrustManager known() {
        if (known == null) {
            known = load();
        }
        return known;
    }

    private X509ExtendedTrustManager load() {
        try {
            return (X509ExtendedTrustManager) PeerCertificate.trusting(readable(file));
        } catch (IOException | GeneralSecurityException unusable) {
            LOG.warn("authorities of the system are not usable: those of the Java runtime count,"
                    + " if it has any, until the next start; file={} why={}", file,
                    unusable.toString());
        }
        try {
            return (X509ExtendedTrustManager) PeerCertificate.trusting((@Nullable KeyStore) null);
        } catch (GeneralSecurityException broken) {
            throw new IllegalStateException("the Java runtime has no authorities", broken);
        }
    }

    /** As below, without those that are none: one that an administrator added spoils no others. */
    private static List<X509Certificate> readable(Path file)
            throws IOException, GeneralSecurityException {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        List<X509Certificate> found = new ArrayList<>();
        int unreadable = 0;
        for (MatchResult one : PEM.matcher(Files.readString(file, StandardCharsets.ISO_8859_1))
                .results().toList()) {
            try {
                found.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(
                        one.group().getBytes(StandardCharsets.ISO_8859_1))));
            } catch (CertificateException bad) {
                unreadable++;
            }
        }
        if (found.isEmpty()) {
            throw new GeneralSecurityException("there is no certificate in it");
        }
        if (unreadable > 0) {
            LOG.warn("authorities of the system: {} certificates cannot be read; file={}",
                    unreadable, file);
        }
        return found;
    }

    /** The certificates of a file in PEM form, at least one. */
    static List<X509Certificate> read(Path file) throws IOException, GeneralSecurityException {
        List<X509Certificate> found = new ArrayList<>();
        try (InputStream in = new FileInputStream(file.toFile())) {
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

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
            throws CertificateException {
        known().checkClientTrusted(chain, type, socket);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
            throws CertificateException {
        known().checkServerTrusted(chain, type, socket);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
            throws CertificateException {
        known().checkClientTrusted(chain, type, engine);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
            throws CertificateException {
        known().checkServerTrusted(chain, type, engine);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String type)
            throws CertificateException {
        known().checkClientTrusted(chain, type);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String type)
            throws CertificateException {
        known().checkServerTrusted(chain, type);
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return known().getAcceptedIssuers();
    }
}
