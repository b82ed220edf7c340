// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.ssl.SslContext;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;

/**
 * A receiving mail server on loopback whose behaviour is programmed: for the demo, for load and for
 * tests. It may listen on several addresses, as the hosts of one MX set do. It defends itself
 * against nothing but endless command lines. Any thread.
 */
public final class SimulatedProvider implements AutoCloseable {
    private static final int BACKLOG = 1024;

    private final ServerBootstrap bootstrap;
    private final ChannelGroup channels = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE,
            true);
    private final LongAdder connections = new LongAdder();
    private final LongAdder encrypted = new LongAdder();

    /**
     * @param loops NIO event loops; remain the caller's
     * @param name what it calls itself
     * @param tls with a certificate it offers STARTTLS
     */
    public SimulatedProvider(EventLoopGroup loops, String name, SimulatedBehaviour behaviour,
            Optional<SslContext> tls, SimulatedInbox inbox) {
        bootstrap = new ServerBootstrap().group(loops).channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        channels.add(channel);
                        connections.increment();
                        if (!behaviour.roundTrip().isZero()) {
                            channel.pipeline().addLast(
                                    new SimulatedDistance(behaviour.roundTrip()));
                        }
                        channel.pipeline().addLast(new SimulatedSession(name, behaviour, tls,
                                inbox, encrypted::increment));
                    }
                });
    }

    /**
     * Listens on one more address; port 0 means any. Blocks.
     *
     * @return what it listens on
     * @throws IOException when the port is taken
     */
    public InetSocketAddress listen(InetSocketAddress address)
            throws IOException, InterruptedException {
        ChannelFuture bound = bootstrap.bind(address).await();
        if (!bound.isSuccess()) {
            throw new IOException("cannot listen on " + address, bound.cause());
        }
        channels.add(bound.channel());
        return (InetSocketAddress) bound.channel().localAddress();
    }

    /**
     * Listens on the addresses {@code net + 1} to {@code net + count} with one port that is free on
     * all of them. What the system gives for the first is kept while the others are tried, so
     * nobody can take it in between. Blocks.
     *
     * @param net such as {@code 127.0.77.}
     * @return the port
     * @throws IOException when no such port was found
     */
    public int listenOnCommonPort(String net, int count, int tries)
            throws IOException, InterruptedException {
        IOException last = new IOException("no port");
        for (int i = 0; i < tries; i++) {
            List<Channel> bound = new ArrayList<>();
            try {
                int port = 0;
                for (int host = 1; host <= count; host++) {
                    ChannelFuture one = bootstrap.bind(new InetSocketAddress(net + host, port))
                            .await();
                    if (!one.isSuccess()) {
                        throw new IOException("cannot listen on " + net + host, one.cause());
                    }
                    bound.add(one.channel());
                    port = ((InetSocketAddress) one.channel().localAddress()).getPort();
                }
                channels.addAll(bound);
                return port;
            } catch (IOException taken) {
                last = taken;
                bound.forEach(channel -> channel.close().awaitUninterruptibly());
            }
        }
        throw last;
    }

    /** Connections accepted so far. */
    public long connections() {
        return connections.sum();
    }

    /** Connections open now. */
    public int openConnections() {
        return (int) channels.stream().filter(c -> c.parent() != null).count();
    }

    /** TLS handshakes completed so far. */
    public long encrypted() {
        return encrypted.sum();
    }

    /** Stops listening and cuts every line. */
    @Override
    public void close() {
        channels.close().awaitUninterruptibly();
    }
}
