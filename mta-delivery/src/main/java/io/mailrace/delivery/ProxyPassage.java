// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.ReplyClassifier.Failure;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.haproxy.HAProxyCommand;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageEncoder;
import io.netty.handler.codec.haproxy.HAProxyProtocolVersion;
import io.netty.handler.codec.haproxy.HAProxyProxiedProtocol;
import io.netty.handler.proxy.ProxyConnectionEvent;
import io.netty.handler.proxy.Socks5ProxyHandler;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The way of one connection through its source's proxy, up to where the peer can be heard: then a
 * {@link ProxyConnectionEvent} comes down the pipeline. Confined to its event loop.
 */
final class ProxyPassage {
    /*
     * Whose fault is it?
     *
     * A proxy that does not work is the source's trouble: the source rests, and no host is marked
     * for it. But a dead host behind a sound proxy must not make the source rest, or one domain
     * without a server would stop all mail. So what SOCKS5 says of the host (RFC 1928 section 6,
     * 3 to 6, and 8: the proxy has no IPv6, another host may do), and a time-out or an end after
     * the proxy took the order to connect, count as the host's. The PROXY protocol has no answers:
     * once the proxy took the header, all that follows is the host's.
     */
    private static final int[] SOCKS_OF_THE_HOST = {3, 4, 5, 6, 8};
    private static final String[] SOCKS_WORDS = {"", "general failure", "not allowed",
            "network unreachable", "host unreachable", "connection refused", "TTL expired",
            "command not supported", "address type not supported"};

    private final EgressSource source;
    private final EgressProxy proxy;
    private final Target target;
    private final SocksEar ear = new SocksEar();

    /** The first bytes the proxy says; passes everything on. */
    private static final class SocksEar extends ChannelInboundHandlerAdapter {
        /** Method, result of the authentication, beginning of the reply: two bytes each. */
        private final byte[] said = new byte[6];
        private int count;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof ByteBuf in) {
                int more = Math.min(said.length - count, in.readableBytes());
                in.getBytes(in.readerIndex(), said, count, more);
                count += more;
            }
            ctx.fireChannelRead(message);
        }

        /** Where the reply begins; -1: the proxy was not given the order to connect. */
        private int replyAt() {
            if (count >= 2 && said[0] == 5 && said[1] == 0) {
                return 2;
            }
            return count >= 4 && said[0] == 5 && said[1] == 2 && said[3] == 0 ? 4 : -1;
        }

        /** The reply to the order; 0: none yet. */
        private int reply() {
            int at = replyAt();
            return at > 0 && count >= at + 2 ? said[at + 1] & 0xff : 0;
        }
    }

    /** Says whom the connection is for before anything else is said. */
    private static final class HeaderHandler extends ChannelDuplexHandler {
        private final InetSocketAddress proxy;
        private final InetAddress from;
        private @Nullable InetSocketAddress peer;

        HeaderHandler(InetSocketAddress proxy, InetAddress from) {
            this.proxy = proxy;
            this.from = from;
        }

        @Override
        public void connect(ChannelHandlerContext ctx, SocketAddress remote,
                SocketAddress local, ChannelPromise promise) {
            peer = (InetSocketAddress) remote;
            ctx.connect(proxy, local, promise);
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            InetSocketAddress to = peer;
            if (to == null) {
                throw new IllegalStateException("active without a connect");
            }
            boolean v4 = from.getAddress().length == 4;
            ChannelPipeline pipeline = ctx.pipeline();
            pipeline.addBefore(ctx.name(), null, HAProxyMessageEncoder.INSTANCE);
            // port 0: the proxy takes any
            ctx.writeAndFlush(new HAProxyMessage(HAProxyProtocolVersion.V2, HAProxyCommand.PROXY,
                    v4 ? HAProxyProxiedProtocol.TCP4 : HAProxyProxiedProtocol.TCP6,
                    from.getHostAddress(), to.getAddress().getHostAddress(), 0, to.getPort()));
            pipeline.remove(HAProxyMessageEncoder.INSTANCE);
            ctx.fireUserEventTriggered(new ProxyConnectionEvent("haproxy", "none", proxy, to));
            pipeline.remove(this);
        }
    }

    private ProxyPassage(EgressSource source, EgressProxy proxy, Target target) {
        this.source = source;
        this.proxy = proxy;
        this.target = target;
    }

    /**
     * Sees to it that a connect to the target goes through the source's proxy; null when the
     * source has none.
     *
     * @param limit for the proxy's answer, once it is connected to
     */
    static @Nullable ProxyPassage begin(EgressSource source, Target target,
            ChannelPipeline pipeline, Duration limit) {
        EgressProxy proxy = source.config().proxy().orElse(null);
        if (proxy == null) {
            return null;
        }
        ProxyPassage passage = new ProxyPassage(source, proxy, target);
        InetSocketAddress at = source.proxyAddress();
        switch (proxy.kind()) {
            case SOCKS5 -> {
                Socks5ProxyHandler socks = proxy.user().isEmpty() ? new Socks5ProxyHandler(at)
                        : new Socks5ProxyHandler(at, proxy.user(), proxy.password());
                socks.setConnectTimeoutMillis(limit.toMillis());
                pipeline.addFirst(passage.ear, socks);
            }
            case HAPROXY -> pipeline.addFirst(new HeaderHandler(at,
                    source.sender(target.address()).orElseThrow()));
        }
        return passage;
    }

    /** What it means that the peer cannot be heard. */
    Ending failed(@Nullable Throwable cause) {
        int reply = ear.reply();
        boolean ofTheHost = ear.replyAt() > 0 && (reply == 0 || ofTheHost(reply));
        String why = reply > 0 ? "it says " + (reply < SOCKS_WORDS.length ? SOCKS_WORDS[reply]
                : "error " + reply)
                : cause == null ? "it closed the connection"
                        : Ascii.clean(String.valueOf(cause.getMessage()), 200);
        if (ofTheHost) {
            return ending(Stage.CONNECT, Failure.LOST, SmtpReply.of(451, "4.4.1", "connecting to "
                    + target + " through proxy " + proxy + " failed: " + why));
        }
        return ending(Stage.BIND, Failure.LOCAL, SmtpReply.of(451, "4.3.0", "source "
                + source.name() + ": proxy " + proxy + " cannot be used: " + why));
    }

    private static boolean ofTheHost(int reply) {
        for (int one : SOCKS_OF_THE_HOST) {
            if (one == reply) {
                return true;
            }
        }
        return false;
    }

    private static Ending ending(Stage stage, Failure failure, SmtpReply reply) {
        return new Ending(stage, Optional.of(failure),
                ReplyClassifier.verdict(stage, failure).effect(), reply, false);
    }
}
