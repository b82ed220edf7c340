// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.OpenSslSessionContext;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import io.netty.util.ReferenceCountUtil;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.stream.Stream;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The certificate and engine of every listener with TLS: TLS 1.2 and 1.3 with forward secrecy and
 * authenticated encryption only (RFC 9325), by BoringSSL when its library loads, else by the JDK.
 * Where clients show certificates no session is resumed: each handshake says who it is. Re-reads
 * its files when they change; connections keep the certificate they began with. Making handlers:
 * any thread. The rest: one thread.
 */
final class ServerTls implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServerTls.class);
    private static final String[] VERSIONS = {"TLSv1.3", "TLSv1.2"};
    /** RFC 9325 4.2: for 1.3 all it has but CCM, for 1.2 ECDHE with AEAD, strong and fast first. */
    static final List<String> SUITES = List.of("TLS_AES_128_GCM_SHA256",
            "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");

    static {
        // The JDK's engine lets a client begin handshakes at will, and seals sessions into tickets
        // that cannot be taken back. BoringSSL does neither.
        setUnlessSet("jdk.tls.rejectClientInitiatedRenegotiation", "true");
        setUnlessSet("jdk.tls.server.enableSessionTicketExtension", "false");
    }

    private static void setUnlessSet(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    private final TlsConfig config;
    private final SslProvider provider;
    private final FileWatch watch;
    /** Guarded by this: an engine is made and its context counted without a release between. */
    private SslContext current;

    private ServerTls(TlsConfig config, SslProvider provider, FileWatch watch,
            SslContext current) {
        this.config = config;
        this.provider = provider;
        this.watch = watch;
        this.current = current;
    }

    /**
     * Loads the library and the certificate. Slow: the first touch of the native library costs a
     * good part of a server's start, so it belongs on a side thread.
     */
    static ServerTls open(TlsConfig config, String hostname, long epochMillis)
            throws IOException, GeneralSecurityException {
        if (OpenSsl.isAvailable()) {
            return open(config, hostname, epochMillis, SslProvider.OPENSSL_REFCNT);
        }
        LOG.info("tls-engine=jdk why=\"{}\"", String.valueOf(OpenSsl.unavailabilityCause()));
        return open(config, hostname, epochMillis, SslProvider.JDK);
    }

    /** With an engine of the caller's choice. */
    static ServerTls open(TlsConfig config, String hostname, long epochMillis,
            SslProvider provider) throws IOException, GeneralSecurityException {
        List<Path> files = Stream.of(config.certificate(), config.key(),
                config.clientAuthorities()).filter(file -> !file.isEmpty()).map(Path::of).toList();
        FileWatch watch = new FileWatch(files);
        SslContext context = config.selfSigned()
                ? selfSigned(config, provider, hostname, epochMillis)
                : fromFiles(config, provider);
        return new ServerTls(config, provider, watch, context);
    }

    /** @throws SSLException when what was read cannot be used; reading it again would not help */
    private static SslContext fromFiles(TlsConfig config, SslProvider provider)
            throws IOException {
        // Read here, for Netty reports files it cannot read as it does malformed ones.
        InputStream certificate = bytes(config.certificate());
        InputStream key = bytes(config.key());
        try {
            return build(config, SslContextBuilder.forServer(certificate, key), provider);
        } catch (IllegalArgumentException unusable) {
            throw new SSLException(unusable.getMessage(), unusable);
        }
    }

    private static InputStream bytes(String file) throws IOException {
        return new ByteArrayInputStream(Files.readAllBytes(Path.of(file)));
    }

    private static SslContext build(TlsConfig config, SslContextBuilder builder,
            SslProvider provider) throws IOException {
        builder.sslProvider(provider).protocols(VERSIONS)
                .ciphers(SUITES, SupportedCipherSuiteFilter.INSTANCE);
        if (!config.asksClients()) {
            return builder.build();
        }
        InputStream authorities = bytes(config.clientAuthorities());
        try {
            builder.trustManager(authorities);
        } catch (IllegalArgumentException unusable) {
            throw new SSLException("tls.client-authorities: " + unusable.getMessage(), unusable);
        }
        SslContext context = builder.build();
        if (context.sessionContext() instanceof OpenSslSessionContext sessions) {
            sessions.setSessionCacheEnabled(false);
        }
        return context;
    }

    /** Reads the files as a start would, and forgets what it read. */
    static void probe(TlsConfig config) throws IOException {
        ReferenceCountUtil.release(fromFiles(config, SslProvider.JDK));
    }

    private static SslContext selfSigned(TlsConfig config, SslProvider provider, String hostname,
            long epochMillis) throws IOException, GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair pair = generator.generateKeyPair();
        Instant now = Instant.ofEpochMilli(epochMillis);
        X500Principal name = new X500Principal("CN=" + (hostname.length() > 64 ? "mailrace"
                : hostname));
        try {
            X509Certificate certificate = new JcaX509CertificateConverter().getCertificate(
                    new JcaX509v3CertificateBuilder(name, new BigInteger(63, new SecureRandom()),
                            Date.from(now.minus(Duration.ofDays(1))),
                            Date.from(now.plus(Duration.ofDays(365))), name, pair.getPublic())
                            .addExtension(Extension.subjectAlternativeName, false,
                                    new GeneralNames(new GeneralName(GeneralName.dNSName,
                                            hostname)))
                            .build(new JcaContentSignerBuilder("SHA256withECDSA")
                                    .build(pair.getPrivate())));
            LOG.warn("tls-certificate=self-signed name={} hint=\"set tls.certificate\"", hostname);
            return build(config, SslContextBuilder.forServer(pair.getPrivate(), certificate),
                    provider);
        } catch (OperatorCreationException noSigner) {
            throw new GeneralSecurityException(noSigner);
        }
    }

    /** A handler for one new connection. */
    SslHandler newHandler(ByteBufAllocator allocator, Duration handshakeTimeout) {
        return newHandler(allocator, handshakeTimeout, ListenerConfig.ClientCertificates.OFF);
    }

    /** A handler for one new connection; {@link TlsConfig#asksClients} when it asks. */
    synchronized SslHandler newHandler(ByteBufAllocator allocator, Duration handshakeTimeout,
            ListenerConfig.ClientCertificates clients) {
        SslHandler handler = current.newHandler(allocator);
        SSLEngine engine = handler.engine();
        switch (clients) {
            case OFF -> {
            }
            case OPTIONAL -> engine.setWantClientAuth(true);
            case REQUIRED -> engine.setNeedClientAuth(true);
        }
        if (config.asksClients() && provider == SslProvider.JDK) {
            handler.handshakeFuture().addListener(done -> engine.getSession().invalidate());
        }
        handler.setHandshakeTimeoutMillis(handshakeTimeout.toMillis());
        return handler;
    }

    /**
     * Reads the files again if they changed; a bad pair leaves the old one. Files that could not be
     * read are tried again at the next call, changed or not. Blocks.
     */
    LoginCheck.Reload reloadIfChanged() {
        if (!watch.changed()) {
            return LoginCheck.Reload.UNCHANGED;
        }
        try {
            if (config.selfSigned()) {
                throw new SSLException("client-authorities are read anew at the next start only,"
                        + " as the certificate is self-signed");
            }
            SslContext fresh = fromFiles(config, provider);
            synchronized (this) {
                ReferenceCountUtil.release(current);
                current = fresh;
            }
            watch.read();
            LOG.info("tls-certificate=reloaded file={}", config.certificate());
            return LoginCheck.Reload.TAKEN;
        } catch (IOException bad) {
            boolean passes = FileWatch.mayPass(bad) && !(bad instanceof SSLException);
            // told once, though it is tried every few seconds
            if (!passes || watch.again(bad.toString())) {
                LOG.error("tls-certificate=kept file={} why=\"{}\"", config.certificate(),
                        bad.toString());
            }
            return LoginCheck.Reload.KEPT;
        } catch (RuntimeException | Error trouble) {
            watch.again(trouble.toString());
            throw trouble;
        }
    }

    /** Call when no connection is left. */
    @Override
    public synchronized void close() {
        ReferenceCountUtil.release(current);
    }
}
