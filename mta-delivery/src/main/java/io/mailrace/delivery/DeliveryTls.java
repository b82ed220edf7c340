// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TLS towards peers: BoringSSL when its library loads, else the JDK's; 1.2 and 1.3. The handshake
 * takes every certificate; what it must prove is judged after it ({@link PeerCertificate}), for
 * opportunistic TLS protects against listeners only (RFC 7435). Any thread.
 */
final class DeliveryTls {
    private static final Logger LOG = LoggerFactory.getLogger(DeliveryTls.class);

    private final CompletableFuture<SslContext> context;

    private DeliveryTls(CompletableFuture<SslContext> context) {
        this.context = context;
    }

    /** Begins loading: the library takes its time, so not on the caller's thread. */
    static DeliveryTls load() {
        return new DeliveryTls(CompletableFuture.supplyAsync(DeliveryTls::build,
                task -> Thread.ofPlatform().name("delivery-tls").daemon(true).start(task)));
    }

    private static SslContext build() {
        SslProvider provider = OpenSsl.isAvailable() ? SslProvider.OPENSSL
                : SslProvider.JDK;
        LOG.info("tls engine for delivery={}", provider == SslProvider.JDK ? "JDK"
                : OpenSsl.versionString());
        try {
            return SslContextBuilder.forClient().sslProvider(provider)
                    .trustManager(InsecureTrustManagerFactory.INSTANCE)
                    .protocols("TLSv1.3", "TLSv1.2").endpointIdentificationAlgorithm(null)
                    .build();
        } catch (SSLException unusable) {
            throw new IllegalStateException("TLS cannot be used", unusable);
        }
    }

    /** Runs {@code then} on any thread once it is loaded or failed to. */
    void whenLoaded(Runnable then) {
        context.whenComplete((done, failed) -> then.run());
    }

    /** Call only when loaded: it never waits. */
    SslContext context() throws SSLException {
        if (context.isDone() && !context.isCompletedExceptionally()) {
            return context.join();
        }
        throw new SSLException("TLS is not available");
    }
}
