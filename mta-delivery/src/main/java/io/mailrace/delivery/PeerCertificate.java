// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.TLSARecord;

/**
 * The certificates a peer showed: whether they prove who it is. Immutable, any thread; costs some
 * signature checks, so it is asked only where the answer matters.
 */
final class PeerCertificate {
    private static final int DANE_TA = 2;
    /** How keys were exchanged does not matter: the JDK's word for that. */
    private static final String KEY_EXCHANGE = "UNKNOWN";
    private static final int MAX_CHAIN = 10;
    private static final int DNS_NAME = 2;
    private static final int IP_ADDRESS = 7;

    /** Why they do not prove it: the word of RFC 8460 4.3.2 and a sentence. */
    record Flaw(TlsResult result, String why) {}

    private final X509Certificate[] chain;

    private PeerCertificate(List<X509Certificate> chain) {
        this.chain = chain.toArray(X509Certificate[]::new);
    }

    /** Those of a handshake that is over; none when it showed none. */
    static PeerCertificate of(SSLSession session) {
        List<X509Certificate> chain = new ArrayList<>();
        try {
            for (Certificate one : session.getPeerCertificates()) {
                if (one instanceof X509Certificate certificate && chain.size() < MAX_CHAIN) {
                    chain.add(certificate);
                }
            }
        } catch (SSLPeerUnverifiedException none) {
            return new PeerCertificate(List.of());
        }
        return new PeerCertificate(chain);
    }

    // ------------------------------------------------------------------ DANE (RFC 7672 3)

    /**
     * Whether one of the records fits; empty when one does.
     *
     * @param host whose name, or that of the end of its aliases, the certificate must have with
     *        usage DANE-TA(2) (3.2.2)
     */
    Optional<Flaw> byDane(Dane.Records named, String host) {
        if (chain.length == 0) {
            return none();
        }
        Optional<Flaw> last = Optional.empty();
        for (TLSARecord record : named.records()) {
            if (record.getCertificateUsage() != DANE_TA) {
                // DANE-EE: neither names nor dates count (RFC 7672 3.1.1)
                if (fits(record, chain[0])) {
                    return Optional.empty();
                }
                continue;
            }
            X509Certificate anchor = anchor(record);
            if (anchor != null) {
                last = byAnchor(anchor, named.base());
                if (last.isPresent() && !host.equals(named.base())) {
                    last = byAnchor(anchor, host);
                }
                if (last.isEmpty()) {
                    return last;
                }
            }
        }
        return last.isPresent() ? last
                : Optional.of(new Flaw(TlsResult.VALIDATION_FAILURE,
                        "the certificate fits none of the host's TLSA records (DANE)"));
    }

    private @Nullable X509Certificate anchor(TLSARecord record) {
        for (X509Certificate one : chain) {
            if (fits(record, one)) {
                return one;
            }
        }
        if (record.getSelector() != 0 || record.getMatchingType() != 0) {
            return null;
        }
        try {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(
                    new ByteArrayInputStream(record.getCertificateAssociationData()));
        } catch (CertificateException unreadable) {
            return null;
        }
    }

    private Optional<Flaw> byAnchor(X509Certificate anchor, String name) {
        if (anchor.equals(chain[0])) {
            return named(name);
        }
        try {
            return byAuthorities(trusting(List.of(anchor)), name);
        } catch (GeneralSecurityException unusable) {
            return Optional.of(new Flaw(TlsResult.TLSA_INVALID, "the TLSA record cannot be used: "
                    + clean(unusable)));
        }
    }

    private static boolean fits(TLSARecord record, X509Certificate certificate) {
        try {
            byte[] subject = record.getSelector() == 0 ? certificate.getEncoded()
                    : certificate.getPublicKey().getEncoded();
            byte[] shown = switch (record.getMatchingType()) {
                case 1 -> MessageDigest.getInstance("SHA-256").digest(subject);
                case 2 -> MessageDigest.getInstance("SHA-512").digest(subject);
                default -> subject;
            };
            return Arrays.equals(shown, record.getCertificateAssociationData());
        } catch (GeneralSecurityException unreadable) {
            return false;
        }
    }

    // ------------------------------------------------------------------ by authorities

    /** Whether an authority says that the host has that name; empty when one does. */
    Optional<Flaw> byAuthorities(X509TrustManager authorities, String name) {
        if (chain.length == 0) {
            return none();
        }
        try {
            authorities.checkServerTrusted(chain, KEY_EXCHANGE);
        } catch (CertificateException | RuntimeException refused) {
            return Optional.of(new Flaw(isExpired(refused) ? TlsResult.CERTIFICATE_EXPIRED
                    : TlsResult.CERTIFICATE_NOT_TRUSTED,
                    "the certificate is not trusted: "
                            + clean(refused)));
        }
        return named(name);
    }

    private static boolean isExpired(Throwable refused) {
        for (Throwable at = refused; at != null; at = at.getCause()) {
            if (at instanceof CertificateExpiredException) {
                return true;
            }
        }
        return false;
    }

    private Optional<Flaw> named(String name) {
        try {
            Collection<List<?>> names = chain[0].getSubjectAlternativeNames();
            if (names != null) {
                for (List<?> one : names) {
                    if (one.get(1) instanceof String text && one.get(0) instanceof Integer type
                            && (type == DNS_NAME ? covers(text, name)
                                    : type == IP_ADDRESS && sameAddress(text, name))) {
                        return Optional.empty();
                    }
                }
            }
        } catch (CertificateException unreadable) {
            return Optional.of(new Flaw(TlsResult.VALIDATION_FAILURE,
                    "the names in the certificate cannot be read: " + clean(unreadable)));
        }
        return Optional.of(new Flaw(TlsResult.CERTIFICATE_HOST_MISMATCH,
                "the certificate is not one of " + name));
    }

    /** A wildcard stands for one whole label, the leftmost (RFC 6125 6.4.3). */
    static boolean covers(String pattern, String host) {
        String known = Ascii.lower(pattern);
        String name = Ascii.lower(host);
        if (!known.startsWith("*.")) {
            return known.equals(name);
        }
        int dot = name.indexOf('.');
        return dot > 0 && name.substring(dot).equals(known.substring(1));
    }

    private static boolean sameAddress(String text, String name) {
        String bare = name.startsWith("[") ? name.substring(1, name.length() - 1) : name;
        try {
            return InetAddress.ofLiteral(text).equals(InetAddress.ofLiteral(bare));
        } catch (IllegalArgumentException noAddress) {
            return false;
        }
    }

    private static Optional<Flaw> none() {
        return Optional.of(new Flaw(TlsResult.VALIDATION_FAILURE, "no certificate was shown"));
    }

    private static String clean(Throwable why) {
        return Ascii.clean(String.valueOf(why.getMessage()), 200);
    }

    // ------------------------------------------------------------------ whom to trust

    /** Trusts what these certificates sign. */
    static X509TrustManager trusting(Collection<X509Certificate> authorities)
            throws GeneralSecurityException {
        try {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int number = 0;
            for (X509Certificate one : authorities) {
                store.setCertificateEntry("authority-" + number++, one);
            }
            return trusting(store);
        } catch (IOException impossible) {
            throw new GeneralSecurityException(impossible);
        }
    }

    /** @param store null: the authorities the Java runtime knows */
    static X509TrustManager trusting(@Nullable KeyStore store) throws GeneralSecurityException {
        TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(store);
        for (TrustManager one : factory.getTrustManagers()) {
            if (one instanceof X509TrustManager found) {
                return found;
            }
        }
        throw new GeneralSecurityException("the Java runtime has no PKIX trust manager");
    }
}
