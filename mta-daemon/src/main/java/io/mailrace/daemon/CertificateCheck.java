// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.Finding;
import io.mailrace.smtp.ListenerConfig;
import io.mailrace.smtp.SmtpServerConfig;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** The certificate of the listeners as clients will see it. Any thread; reads files. */
final class CertificateCheck {
    private static final String CHECK = "certificate";
    private static final Duration SOON = Duration.ofDays(14);
    private static final String RENEW = "Renew it; the daemon reads the new file by itself.";
    /** Of GeneralName (RFC 5280 4.2.1.6). */
    private static final int DNS_NAME = 2;
    private static final int MAX_NAMES = 20;

    private CertificateCheck() {}

    /** Nothing when no listener uses TLS. */
    static List<Finding> of(SmtpServerConfig smtp, TimeSource time) {
        if (smtp.listeners().values().stream().allMatch(
                one -> one.tls() == ListenerConfig.Tls.OFF)) {
            return List.of();
        }
        String file = smtp.tls().certificate();
        if (file.isEmpty()) {
            return List.of(Finding.warn(CHECK, "Listeners show a self-signed certificate, another"
                    + " after each start: clients that verify it refuse.",
                    "Set tls.certificate and tls.key."));
        }
        List<Finding> findings = new ArrayList<>();
        try {
            if (!Files.isReadable(Path.of(smtp.tls().key()))) {
                findings.add(Finding.fail(CHECK, "The key file " + smtp.tls().key()
                        + " cannot be read.",
                        "Let the daemon's user read it, or correct"
                                + " tls.key."));
            }
            findings.add(judge(file, read(Path.of(file)), smtp.hostname(),
                    Instant.ofEpochMilli(time.epochMillis())));
        } catch (IOException | CertificateException | InvalidPathException unusable) {
            findings.add(Finding.fail(CHECK, "The certificate file " + file + " cannot be used: "
                    + unusable.getClass().getSimpleName() + " " + Ascii.clean(String.valueOf(
                            unusable.getMessage()), 200)
                    + ".",
                    "Let the daemon's user read it, or correct tls.certificate."));
        }
        return findings;
    }

    private static X509Certificate read(Path file) throws IOException, CertificateException {
        try (InputStream in = Files.newInputStream(file)) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(
                    in)) {
                if (one instanceof X509Certificate own) {
                    return own; // of a chain, the own one is the first
                }
            }
        }
        throw new CertificateException("it holds none");
    }

    private static Finding judge(String file, X509Certificate certificate, String hostname,
            Instant now) throws CertificateException {
        Instant end = certificate.getNotAfter().toInstant();
        if (end.isBefore(now)) {
            return Finding.fail(CHECK, "The certificate " + file + " ended at " + end + ".",
                    RENEW);
        }
        if (certificate.getNotBefore().toInstant().isAfter(now)) {
            return Finding.fail(CHECK, "The certificate " + file + " begins at "
                    + certificate.getNotBefore().toInstant() + " only.",
                    "Look at the clock, or take a certificate that holds.");
        }
        List<String> names = names(certificate);
        if (names.stream().noneMatch(name -> matches(name, hostname))) {
            return Finding.warn(CHECK, "The certificate " + file + " is for "
                    + (names.isEmpty() ? "no name" : String.join(", ", names)) + ", not for "
                    + hostname + ".", "Take one for the name that clients connect to.");
        }
        return end.isBefore(now.plus(SOON))
                ? Finding.warn(CHECK, "The certificate " + file + " ends soon, at " + end + ".",
                        RENEW)
                : Finding.ok(CHECK, "The certificate is for " + hostname + " and holds until "
                        + end + ".");
    }

    private static List<String> names(X509Certificate certificate) throws CertificateException {
        Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
        List<String> names = new ArrayList<>();
        for (List<?> one : alternatives == null ? List.<List<?>>of() : alternatives) {
            if (one.getFirst().equals(DNS_NAME) && names.size() < MAX_NAMES) {
                names.add(Ascii.clean(String.valueOf(one.get(1)), 255));
            }
        }
        return names;
    }

    /** A star stands for one whole label (RFC 9525 6.3). */
    private static boolean matches(String name, String hostname) {
        return Ascii.equalsIgnoreCase(name, hostname) || name.startsWith("*.")
                && hostname.indexOf('.') > 0
                && Ascii.equalsIgnoreCase(name.substring(1), hostname.substring(hostname.indexOf(
                        '.')));
    }
}
