// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Metrics;
import io.mailrace.core.SigningLoad;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.Spool;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A server on loopback with the users of {@link Fixture}, on epoll where it is there. */
final class TestServer implements AutoCloseable {
    final MultiThreadIoEventLoopGroup loops;
    final Metrics metrics = new Metrics();
    final SmtpServer server;
    private final Spool spool;

    private TestServer(SmtpServerConfig config, Spool spool, boolean nio, SigningLoad load) {
        this.spool = spool;
        loops = new MultiThreadIoEventLoopGroup(2, Epoll.isAvailable() && !nio
                ? EpollIoHandler.newFactory()
                : NioIoHandler.newFactory());
        server = SmtpServer.start(config, spool, loops, TimeSource.system(), metrics,
                Fixture.SIGNING, load);
    }

    static TestServer start(SmtpServerConfig config, Spool spool) {
        return new TestServer(withUser(config), spool, false, SigningLoad.NONE);
    }

    static TestServer start(SmtpServerConfig config, Spool spool, SigningLoad load) {
        return new TestServer(withUser(config), spool, false, load);
    }

    static TestServer startOnNio(SmtpServerConfig config, Spool spool) {
        return new TestServer(withUser(config), spool, true, SigningLoad.NONE);
    }

    private static SmtpServerConfig withUser(SmtpServerConfig config) {
        try {
            Path file = Files.createTempDirectory("mailrace-smtp").resolve("users");
            Files.write(file, Fixture.USER_LINES);
            file.toFile().deleteOnExit();
            UsersConfig users = config.users();
            if (!users.file().equals(Path.of("/etc/mailrace/users"))) {
                return config;
            }
            return new SmtpServerConfig(config.hostname(), config.listeners(), config.tls(),
                    new UsersConfig(file, users.hashQueue(), users.verdictCache(),
                            users.maxFailures(),
                            users.maxUserFailures(), users.failureWindow()),
                    config.submission(), config.pressure(), config.pools());
        } catch (IOException disk) {
            throw new UncheckedIOException(disk);
        }
    }

    RecordingSpool recording() {
        return (RecordingSpool) spool;
    }

    InetSocketAddress address(String listener) {
        return server.addresses().get(listener);
    }

    /** A client that has not read the greeting. */
    TestClient connect(String listener) throws IOException {
        TestClient client = new TestClient(address(listener));
        if (listener.equals("submissions")) {
            client.startTls();
        }
        return client;
    }

    /** A client that has read the greeting. */
    TestClient greeted(String listener) throws IOException {
        TestClient client = connect(listener);
        client.reply();
        return client;
    }

    long metric(String name) {
        return metrics.snapshot().getOrDefault(name, 0L);
    }

    @Override
    public void close() {
        server.close(Duration.ofSeconds(1));
        loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
    }
}
