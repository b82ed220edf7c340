// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Cidr;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.haproxy.HAProxyCommand;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.handler.codec.haproxy.HAProxyProxiedProtocol.AddressFamily;
import io.netty.handler.codec.haproxy.HAProxyProxiedProtocol.TransportProtocol;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ImmediateEventExecutor;
import java.net.InetAddress;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits for the PROXY header (versions 1 and 2) a balancer begins with, then puts the session of
 * the client it names into the pipeline and goes. No byte behind the header is read as anything
 * before that. Holds one header, of at most some {@value #MAX_TLV_BYTES} bytes, for at most
 * handshake-timeout; what is wrong ends the connection. Until the client is known the connection is
 * counted as the balancer's. Confined to its event loop.
 */
final class ProxyGate extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(ProxyGate.class);
    private static final int MAX_TLV_BYTES = 2048;

    private final SmtpServer.Shared shared;
    private final SessionTerms terms;
    private final InetAddress balancer;
    private boolean counted = true;
    private Future<?> patience = ImmediateEventExecutor.INSTANCE.newSucceededFuture(null);

    private ProxyGate(SmtpServer.Shared shared, SessionTerms terms, InetAddress balancer) {
        this.shared = shared;
        this.terms = terms;
        this.balancer = balancer;
    }

    /**
     * Counts the connection in and puts the gate into its pipeline.
     *
     * @param hasPlace the listener takes one more
     */
    static void addTo(Channel channel, SmtpServer.Shared shared, SessionTerms terms,
            InetAddress balancer, boolean hasPlace) {
        if (!hasPlace || !shared.limits().admit(balancer, true)) {
            shared.meters().connectionsRefused.increment();
            channel.close();
            return;
        }
        channel.pipeline().addLast(new HAProxyMessageDecoder(MAX_TLV_BYTES),
                new ProxyGate(shared, terms, balancer));
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        patience = ctx.executor().schedule(() -> wrong(ctx, "no header in time"),
                terms.limits().handshakeTimeout().toNanos(), TimeUnit.NANOSECONDS);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        if (!(message instanceof HAProxyMessage header)) {
            // Bytes after a header that was refused.
            ReferenceCountUtil.release(message);
            return;
        }
        Optional<ClientOrigin> client;
        try {
            client = clientOf(header);
        } finally {
            header.release();
        }
        if (client.isEmpty()) {
            wrong(ctx, "no address of a TCP client");
        } else if (shared.stopping()) {
            ctx.close();
        } else {
            open(ctx, client.get());
        }
    }

    /** Who ends his input before the header is whole is gone. */
    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) {
            ctx.close();
        } else {
            ctx.fireUserEventTriggered(event);
        }
    }

    /**
     * LOCAL, and UNKNOWN of version 1: the balancer looks whether we are there, or cannot say for
     * whom it speaks. So its own address permits nothing.
     */
    private Optional<ClientOrigin> clientOf(HAProxyMessage header) {
        AddressFamily family = header.proxiedProtocol().addressFamily();
        if (header.command() == HAProxyCommand.LOCAL || family == AddressFamily.AF_UNSPEC) {
            ClientOrigin self = ClientOrigin.of(balancer, terms.listener());
            return Optional.of(new ClientOrigin(balancer, self.text(), false, false, false));
        }
        if (header.proxiedProtocol().transportProtocol() != TransportProtocol.STREAM
                || family == AddressFamily.AF_UNIX) {
            return Optional.empty();
        }
        return Optional.ofNullable(header.sourceAddress()).flatMap(Cidr::parseAddress)
                .map(address -> ClientOrigin.of(address, terms.listener()));
    }

    private void open(ChannelHandlerContext ctx, ClientOrigin client) {
        patience.cancel(false);
        boolean admitted = shared.admitMoved(balancer, client,
                terms.listener().tls() == ListenerConfig.Tls.IMPLICIT);
        counted = false;
        if (!admitted) {
            shared.limits().release(balancer);
        }
        shared.converse(ctx.channel(), terms, client, admitted);
        // What stands behind the gate has not heard yet that the connection is there.
        ctx.fireChannelActive();
        ctx.pipeline().remove(this);
    }

    private void wrong(ChannelHandlerContext ctx, String why) {
        LOG.warn("proxy=refused listener={} balancer={} why=\"{}\"", terms.listenerName(),
                balancer.getHostAddress(), why);
        shared.meters().connectionsRefused.increment();
        ctx.close();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (ctx.channel().isActive()) {
            wrong(ctx, "header is wrong");
        }
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        patience.cancel(false);
        if (counted) {
            counted = false;
            shared.limits().release(balancer);
        }
    }
}
