// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.X509TrustManager;
import org.jspecify.annotations.Nullable;

/**
 * Fetches or hands in something small over HTTPS at an address that is known: certificates are
 * checked, redirects are not followed, the answer and the time are bounded. Any thread; never
 * blocks.
 */
final class Https {
    /** Largest answer, in octets. */
    static final int MAX_OCTETS = 64 * 1024;

    /** How far an exchange that failed came. */
    enum Reached {
        /** It was not begun. */
        NOBODY,
        /** It was not connected. */
        ADDRESS,
        HOST
    }

    /**
     * Who is asked.
     *
     * @param connect until it is reached
     * @param limit for all of it
     */
    record Peer(String host, InetAddress address, int port, Duration connect, Duration limit) {}

    /** Nothing was fetched. */
    static final class Failed extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final TlsResult result;
        private final Reached reached;

        Failed(TlsResult result, String why) {
            this(result, why, Reached.HOST);
        }

        Failed(TlsResult result, String why, Reached reached) {
            super(Ascii.clean(why, 300), null, false, false);
            this.result = result;
            this.reached = reached;
        }

        /** A bound of ours was met: nobody was asked. */
        boolean unasked() {
            return reached == Reached.NOBODY;
        }

        /** There was no connection to that address. */
        boolean unconnected() {
            return reached == Reached.ADDRESS;
        }

        TlsResult result() {
            return result;
        }

        String why() {
            return String.valueOf(getMessage());
        }
    }

    private final Supplier<Bootstrap> bootstrap;
    private final SslContext tls;

    Https(Supplier<Bootstrap> bootstrap, SslContext tls) {
        this.bootstrap = bootstrap;
        this.tls = tls;
    }

    static SslContext trusting(X509TrustManager authorities) {
        try {
            return SslContextBuilder.forClient().sslProvider(SslProvider.JDK)
                    .trustManager(authorities).protocols("TLSv1.3", "TLSv1.2")
                    .endpointIdentificationAlgorithm("HTTPS").build();
        } catch (SSLException unusable) {
            throw new IllegalStateException("TLS cannot be used", unusable);
        }
    }

    /** A text; completes exceptionally with {@link Failed} only. */
    CompletableFuture<String> text(Peer peer, String path) {
        return exchange(new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, path),
                peer).thenApply(answer -> {
                    if (answer.status() != 200) {
                        throw new Failed(TlsResult.STS_POLICY_FETCH_ERROR,
                                "answered with status " + answer.status());
                    }
                    if (!Ascii.startsWithIgnoreCase(answer.type(), "text/plain")) {
                        throw new Failed(TlsResult.STS_POLICY_INVALID,
                                "the policy is not text/plain but " + answer.type());
                    }
                    return answer.text();
                }).exceptionallyCompose(Https::onlyFailed);
    }

    /** Hands something in; completes exceptionally with {@link Failed} only. */
    CompletableFuture<Void> post(Peer peer, String path, String type, byte[] body) {
        FullHttpRequest request = new DefaultFullHttpRequest(HttpVersion.HTTP_1_1,
                HttpMethod.POST, path, Unpooled.wrappedBuffer(body));
        request.headers().set(HttpHeaderNames.CONTENT_TYPE, type)
                .set(HttpHeaderNames.CONTENT_LENGTH, body.length);
        return exchange(request, peer).<Void>thenApply(answer -> null)
                .exceptionallyCompose(Https::onlyFailed);
    }

    private static <T> CompletionStage<T> onlyFailed(Throwable why) {
        Throwable cause = why instanceof CompletionException && why.getCause() != null
                ? why.getCause()
                : why;
        return CompletableFuture.failedFuture(cause instanceof Failed ? cause : failed(cause));
    }

    private record Answer(int status, String type, String text) {}

    private CompletableFuture<Answer> exchange(FullHttpRequest request, Peer peer) {
        CompletableFuture<Answer> answer = new CompletableFuture<>();
        long limitMillis = peer.limit().toMillis();
        request.headers().set(HttpHeaderNames.HOST, peer.host())
                .set(HttpHeaderNames.USER_AGENT, "Mailrace")
                .set(HttpHeaderNames.CONNECTION, "close");
        bootstrap.get().option(ChannelOption.CONNECT_TIMEOUT_MILLIS, Math.toIntExact(
                peer.connect().toMillis())).handler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        SslHandler handler = tls.newHandler(channel.alloc(), peer.host(),
                                peer.port());
                        handler.setHandshakeTimeoutMillis(limitMillis);
                        channel.pipeline().addLast(new ReadTimeoutHandler(limitMillis,
                                TimeUnit.MILLISECONDS), handler, new HttpClientCodec(),
                                new HttpObjectAggregator(MAX_OCTETS), new Reader(request, answer));
                    }
                }).connect(new InetSocketAddress(peer.address(), peer.port())).addListener(
                        (io.netty.channel.ChannelFuture done) -> {
                            if (done.isSuccess()) {
                                answer.whenComplete((text, failed) -> done.channel().close());
                                done.channel().read();
                            } else {
                                answer.completeExceptionally(new Failed(
                                        TlsResult.STS_POLICY_FETCH_ERROR, text(done.cause()),
                                        Reached.ADDRESS));
                            }
                        });
        return answer.orTimeout(limitMillis, TimeUnit.MILLISECONDS);
    }

    private static Failed failed(@Nullable Throwable why) {
        for (Throwable at = why; at != null; at = at.getCause()) {
            if (at instanceof SSLHandshakeException) {
                return new Failed(TlsResult.STS_WEBPKI_INVALID, "TLS: " + at.getMessage());
            }
        }
        return new Failed(TlsResult.STS_POLICY_FETCH_ERROR, text(why));
    }

    private static String text(@Nullable Throwable why) {
        return why == null ? "no answer"
                : why.getMessage() == null ? why.getClass().getSimpleName() : why.getMessage();
    }

    private static final class Reader extends SimpleChannelInboundHandler<FullHttpResponse> {
        private final FullHttpRequest request;
        private final CompletableFuture<Answer> answer;

        Reader(FullHttpRequest request, CompletableFuture<Answer> answer) {
            this.request = request;
            this.answer = answer;
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            ctx.writeAndFlush(request);
            ctx.read();
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            ctx.read();
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, FullHttpResponse response) {
            String type = response.headers().get(HttpHeaderNames.CONTENT_TYPE, "");
            if (response.decoderResult().isFailure() || response.status().code() / 100 != 2) {
                answer.completeExceptionally(new Failed(TlsResult.STS_POLICY_FETCH_ERROR,
                        "answered with status " + response.status().code()));
            } else {
                answer.complete(
                        new Answer(response.status().code(), type, response.content().toString(
                                StandardCharsets.UTF_8)));
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            answer.completeExceptionally(new Failed(TlsResult.STS_POLICY_FETCH_ERROR,
                    "the connection was closed"));
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            answer.completeExceptionally(failed(cause));
            ctx.close();
        }
    }
}
