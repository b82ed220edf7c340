// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.timeout.WriteTimeoutHandler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * HTTP on the unix socket and, when configured, on a TCP address, where nothing can be changed. One
 * request for each connection. Bounds: {@value #MAX_CONNECTIONS} connections on each of the two,
 * {@value #MAX_HEADER} bytes of header, no body, {@value #REQUEST_SECONDS} s for a request,
 * {@value #WRITE_SECONDS} s for a client to take what is written, {@value #THREADS} answers at a
 * time and {@value #QUEUE} waiting. Answers are made on threads {@code admin-N}.
 */
final class AdminServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(AdminServer.class);
    private static final int MAX_CONNECTIONS = 64;
    private static final int MAX_LINE = 4096;
    private static final int MAX_HEADER = 8192;
    private static final int REQUEST_SECONDS = 10;
    private static final int WRITE_SECONDS = 10;
    private static final int THREADS = 2;
    private static final int QUEUE = 32;

    private final AdminConfig config;
    private final AdminApi api;
    private final IoEventLoopGroup loops;
    private final String hostname;
    private final Duration requestLimit;
    private final List<Channel> listeners = new ArrayList<>();
    private final ThreadPoolExecutor workers;
    private Optional<InetSocketAddress> address = Optional.empty();

    private AdminServer(AdminConfig config, AdminApi api, IoEventLoopGroup loops, String hostname,
            Duration requestLimit) {
        this.config = config;
        this.api = api;
        this.loops = loops;
        this.hostname = hostname;
        this.requestLimit = requestLimit;
        AtomicInteger number = new AtomicInteger();
        workers = new ThreadPoolExecutor(THREADS, THREADS, 30, TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(QUEUE), work -> Thread.ofPlatform().daemon(true)
                        .name("admin-" + number.incrementAndGet()).unstarted(work));
        workers.allowCoreThreadTimeOut(true);
    }

    /**
     * Opens both addresses.
     *
     * @throws StartException when one cannot be opened, or another daemon answers on the socket
     */
    static AdminServer open(AdminConfig config, AdminApi api, IoEventLoopGroup loops,
            String hostname) {
        return open(config, api, loops, hostname, Duration.ofSeconds(REQUEST_SECONDS));
    }

    /** @param requestLimit how long a client may take for its request, from its connection on */
    static AdminServer open(AdminConfig config, AdminApi api, IoEventLoopGroup loops,
            String hostname, Duration requestLimit) {
        AdminServer server = new AdminServer(config, api, loops, hostname, requestLimit);
        try {
            server.listenUnix();
            if (config.bind().isPresent()) {
                server.listenTcp(config.bind().get());
            }
            return server;
        } catch (RuntimeException failed) {
            server.close();
            throw failed;
        }
    }

    /** Where metrics and health are on TCP; empty when off. */
    Optional<InetSocketAddress> address() {
        return address;
    }

    /**
     * Binds beside the final name and moves the socket there once its permissions are right: nobody
     * can connect in between, and a file left by a killed daemon is replaced in one step.
     */
    private void listenUnix() {
        Path path = config.socket();
        Path folder = path.toAbsolutePath().getParent();
        Path fresh = path.resolveSibling(path.getFileName() + ".new");
        try {
            if (folder != null) {
                Files.createDirectories(folder);
            }
            refuseWhenAnswered(path);
            Files.deleteIfExists(fresh);
        } catch (IOException failed) {
            throw new StartException("admin.socket: cannot use " + path + ": " + failed
                    + "; set it to a path this user may write to", failed);
        }
        boolean epoll = loops.isIoType(EpollIoHandler.class);
        Channel listener = bind(epoll
                ? EpollServerDomainSocketChannel.class
                : NioServerDomainSocketChannel.class,
                epoll ? new DomainSocketAddress(fresh.toFile())
                        : UnixDomainSocketAddress.of(fresh),
                true, "admin.socket: cannot listen on " + path);
        listeners.add(listener);
        try {
            Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-rw----"));
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException failed) {
            throw new StartException("admin.socket: cannot make " + path + ": " + failed, failed);
        }
    }

    private static void refuseWhenAnswered(Path path) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)
                || Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new StartException("admin.socket: " + path + " exists and is not a socket");
        }
        boolean answered;
        try (SocketChannel probe = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
            answered = probe.isConnected();
        } catch (IOException stale) {
            answered = false;
        }
        if (answered) {
            throw new StartException("admin.socket: another Mailrace answers on " + path);
        }
    }

    private void listenTcp(InetSocketAddress bind) {
        Channel listener = bind(loops.isIoType(EpollIoHandler.class)
                ? EpollServerSocketChannel.class
                : NioServerSocketChannel.class, bind, false,
                "admin.bind: cannot listen on " + bind.getAddress().getHostAddress() + ":"
                        + bind.getPort());
        listeners.add(listener);
        address = Optional.of((InetSocketAddress) listener.localAddress());
    }

    private Channel bind(Class<? extends ServerChannel> type, SocketAddress where, boolean all,
            String problem) {
        // Each address has its own: who holds all those of TCP keeps nobody from the unix socket.
        AtomicInteger connections = new AtomicInteger();
        ChannelFuture bound = new ServerBootstrap().group(loops).channel(type)
                .childHandler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        prepare(channel, all, connections);
                    }
                }).bind(where).awaitUninterruptibly();
        if (!bound.isSuccess()) {
            Throwable cause = bound.cause();
            String advice = where instanceof InetSocketAddress address
                    ? ". " + PortHolder.ofThisMachine().advise("admin.bind", address, cause)
                    : "";
            throw new StartException(problem + ": " + cause.getMessage() + advice, cause);
        }
        return bound.channel();
    }

    private void prepare(Channel channel, boolean all, AtomicInteger connections) {
        if (connections.incrementAndGet() > MAX_CONNECTIONS) {
            connections.decrementAndGet();
            channel.close();
            return;
        }
        channel.closeFuture().addListener(closed -> connections.decrementAndGet());
        channel.pipeline().addLast(
                new WriteTimeoutHandler(WRITE_SECONDS),
                new HttpServerCodec(new HttpDecoderConfig().setMaxInitialLineLength(MAX_LINE)
                        .setMaxHeaderSize(MAX_HEADER)),
                new AdminHandler(api, workers, all ? Optional.empty() : Optional.of(this::knows),
                        requestLimit));
    }

    /** Whether a Host header names us: a numeric address cannot be rebound, a name can. */
    private boolean knows(String host) {
        return HostHeader.numeric(host) || host.equals("localhost") || host.equals(hostname)
                || config.allowedHosts().contains(host);
    }

    @Override
    public void close() {
        for (Channel listener : listeners) {
            listener.close().awaitUninterruptibly(1, TimeUnit.SECONDS);
        }
        if (!listeners.isEmpty()) {
            removeSocket();
        }
        workers.shutdown();
        try {
            if (!workers.awaitTermination(1, TimeUnit.SECONDS)) {
                workers.shutdownNow();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void removeSocket() {
        try {
            Files.deleteIfExists(config.socket());
        } catch (IOException | UncheckedIOException left) {
            LOG.warn("admin socket not removed path={} why={}", config.socket(), left.toString());
        }
    }
}
