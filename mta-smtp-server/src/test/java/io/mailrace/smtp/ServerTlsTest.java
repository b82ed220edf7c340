// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.TimeSource;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.util.ReferenceCountUtil;
import java.nio.ByteBuffer;
import java.time.Duration;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Both engines make the self-signed certificate work, and speak TLS 1.2 and 1.3 only. */
class ServerTlsTest {
    @ParameterizedTest
    @EnumSource(names = {"JDK", "OPENSSL_REFCNT"})
    void newHandler_speaksModernTlsOnly(SslProvider provider) throws Exception {
        try (ServerTls tls = ServerTls.open(TlsConfig.SELF_SIGNED, "mta.test",
                TimeSource.system().epochMillis(), provider)) {
            SslHandler handler = tls.newHandler(UnpooledByteBufAllocator.DEFAULT,
                    Duration.ofSeconds(10));
            try {
                SSLEngine engine = handler.engine();
                assertThat(engine.getUseClientMode()).isFalse();
                assertThat(engine.getEnabledProtocols()).contains("TLSv1.3", "TLSv1.2")
                        .doesNotContain("TLSv1.1", "TLSv1", "SSLv3");
            } finally {
                ReferenceCountUtil.release(handler.engine());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"JDK", "OPENSSL_REFCNT"})
    void certificate_selfSigned_isShownAndNotTrusted(SslProvider provider) throws Exception {
        try (ServerTls tls = ServerTls.open(TlsConfig.SELF_SIGNED, "mta.test",
                TimeSource.system().epochMillis(), provider)) {
            SSLEngine server = tls.newHandler(UnpooledByteBufAllocator.DEFAULT,
                    Duration.ofSeconds(10)).engine();
            try {
                SSLContext careful = SSLContext.getInstance("TLS");
                TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
                trust.init((java.security.KeyStore) null);
                TrustManager[] managers = trust.getTrustManagers();
                careful.init(null, managers, null);
                SSLEngine client = careful.createSSLEngine("mta.test", 465);
                client.setUseClientMode(true);
                Assertions.assertThrows(SSLHandshakeException.class,
                        () -> handshake(client, server));
            } finally {
                ReferenceCountUtil.release(server);
            }
        }
    }

    private static void handshake(SSLEngine client, SSLEngine server) throws Exception {
        ByteBuffer toServer = ByteBuffer.allocate(1 << 16);
        ByteBuffer toClient = ByteBuffer.allocate(1 << 16);
        client.beginHandshake();
        server.beginHandshake();
        for (int i = 0; i < 50; i++) {
            step(client, toServer, toClient);
            step(server, toClient, toServer);
            if (client.getHandshakeStatus() == HandshakeStatus.NOT_HANDSHAKING) {
                return;
            }
        }
        throw new AssertionError("the handshake does not end");
    }

    private static void step(SSLEngine engine, ByteBuffer out, ByteBuffer in) throws Exception {
        ByteBuffer plain = ByteBuffer.allocate(1 << 16);
        switch (engine.getHandshakeStatus()) {
            case NEED_TASK -> {
                Runnable task = engine.getDelegatedTask();
                while (task != null) {
                    task.run();
                    task = engine.getDelegatedTask();
                }
            }
            case NEED_WRAP -> engine.wrap(ByteBuffer.allocate(0), out);
            case NEED_UNWRAP, NEED_UNWRAP_AGAIN -> {
                in.flip();
                engine.unwrap(in, plain);
                in.compact();
            }
            case NOT_HANDSHAKING, FINISHED -> {
            }
        }
    }
}
