// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.DERBitString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERUTCTime;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.asn1.x509.Time;
import org.bouncycastle.asn1.x509.V3TBSCertificateGenerator;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;

/** A fresh self-signed certificate for simulated providers. It means nothing to anybody. */
public final class SimulatedCertificate {
    private static final DateTimeFormatter UTC_TIME = DateTimeFormatter
            .ofPattern("yyMMddHHmmss'Z'", Locale.ROOT).withZone(ZoneOffset.UTC);

    private SimulatedCertificate() {}

    /** A server context with a new P-256 key. */
    public static SslContext serverContext(String name) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            KeyPair pair = generator.generateKeyPair();
            return SslContextBuilder.forServer(pair.getPrivate(), certificate(name, pair))
                    .sslProvider(SslProvider.JDK).build();
        } catch (GeneralSecurityException | IOException absent) {
            throw new IllegalStateException("every JDK makes P-256 certificates", absent);
        }
    }

    /** Writes a certificate and its new P-256 key as PEM files. */
    static void write(String name, Path certificateFile, Path keyFile) throws IOException {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            KeyPair pair = generator.generateKeyPair();
            Files.writeString(certificateFile, pem("CERTIFICATE",
                    certificate(name, pair).getEncoded()));
            Files.writeString(keyFile, pem("PRIVATE KEY", pair.getPrivate().getEncoded()));
        } catch (GeneralSecurityException absent) {
            throw new IllegalStateException("every JDK makes P-256 certificates", absent);
        }
    }

    private static String pem(String what, byte[] der) {
        return "-----BEGIN " + what + "-----\n"
                + Base64.getMimeEncoder(64, new byte[]{'\n'}).encodeToString(der)
                + "\n-----END " + what + "-----\n";
    }

    private static X509Certificate certificate(String name, KeyPair pair)
            throws GeneralSecurityException, IOException {
        long now = TimeSource.system().epochMillis();
        var algorithm = new AlgorithmIdentifier(X9ObjectIdentifiers.ecdsa_with_SHA256);
        var tbs = new V3TBSCertificateGenerator();
        tbs.setSerialNumber(new ASN1Integer(BigInteger.valueOf(now)));
        tbs.setIssuer(new X500Name("CN=" + name));
        tbs.setSubject(new X500Name("CN=" + name));
        tbs.setStartDate(time(now - TimeUnit.DAYS.toMillis(1)));
        tbs.setEndDate(time(now + TimeUnit.DAYS.toMillis(30)));
        tbs.setSubjectPublicKeyInfo(SubjectPublicKeyInfo.getInstance(
                pair.getPublic().getEncoded()));
        tbs.setSignature(algorithm);
        var toBeSigned = tbs.generateTBSCertificate();

        Signature signer = Signature.getInstance("SHA256withECDSA");
        signer.initSign(pair.getPrivate());
        signer.update(toBeSigned.getEncoded());
        var parts = new ASN1EncodableVector();
        parts.add(toBeSigned);
        parts.add(algorithm);
        parts.add(new DERBitString(signer.sign()));
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(
                new ByteArrayInputStream(new DERSequence(parts).getEncoded()));
    }

    private static Time time(long epochMillis) {
        return new Time(new DERUTCTime(UTC_TIME.format(Instant.ofEpochMilli(epochMillis))));
    }
}
