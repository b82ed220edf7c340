// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * The names under which a client's certificate may stand in the users file: the SHA-256 of the
 * whole certificate in hexadecimal, and each DNS name and mail address in its subjectAltName, in
 * lower case. The subject is not one of them: everybody reads it differently. That the certificate
 * is good was checked in the handshake.
 */
final class ClientCertificate {
    private static final int MAX_NAMES = 100;
    private static final int FINGERPRINT_DIGITS = 64;
    private static final int MAX_NAME = 255;
    private static final int MAIL = 1;
    private static final int DNS = 2;

    private ClientCertificate() {}

    /** The one form of a name as somebody wrote it; empty when it can be none. */
    static Optional<String> name(String text) {
        String lower = Ascii.lower(text);
        if (lower.startsWith("sha256:")) {
            lower = lower.substring(7).replace(":", "");
            return isFingerprint(lower) ? Optional.of(lower) : Optional.empty();
        }
        String digits = lower.replace(":", "");
        if (isFingerprint(digits)) {
            return Optional.of(digits);
        }
        boolean fits = !lower.isEmpty() && lower.length() <= MAX_NAME && lower.indexOf('.') > 0
                && lower.chars().allMatch(c -> (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                        || "-._@+".indexOf(c) >= 0);
        return fits ? Optional.of(lower) : Optional.empty();
    }

    private static boolean isFingerprint(String digits) {
        return digits.length() == FINGERPRINT_DIGITS && digits.chars().allMatch(
                c -> (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    }

    /** The fingerprint first. */
    static List<String> names(X509Certificate certificate) {
        List<String> names = new ArrayList<>();
        try {
            names.add(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256")
                    .digest(certificate.getEncoded())));
            Collection<List<?>> others = certificate.getSubjectAlternativeNames();
            for (List<?> other : others == null ? List.<List<?>>of() : others) {
                boolean known = other.get(0).equals(DNS) || other.get(0).equals(MAIL);
                if (known && other.get(1) instanceof String text && names.size() < MAX_NAMES) {
                    name(text).filter(name -> !isFingerprint(name)).ifPresent(names::add);
                }
            }
        } catch (CertificateEncodingException | CertificateParsingException unreadable) {
            // What can be read of it counts.
        } catch (NoSuchAlgorithmException absent) {
            throw new IllegalStateException("every Java has SHA-256", absent);
        }
        return names;
    }
}
