// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.mailrace.core.TimeSource;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.ssl.SslProvider;
import io.netty.util.ReferenceCountUtil;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Asks with {@code openssl s_client} for every suite and version openssl knows, at security level
 * 0, else openssl itself would refuse the weak ones: only what RFC 9325 recommends connects.
 */
class TlsSuitesTest {
    private static final String STRONG = "ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)"
            + "|CHACHA20-POLY1305)";
    @TempDir
    private Path directory;

    @BeforeAll
    static void findOpenssl() throws Exception {
        boolean there;
        try {
            there = run(List.of("openssl", "version"), "").contains("OpenSSL");
        } catch (IOException missing) {
            there = false;
        }
        assumeTrue(there, "skipped: install openssl");
    }

    private static String run(List<String> command, String input) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try (var to = process.outputWriter(StandardCharsets.US_ASCII)) {
            to.write(input);
        } catch (IOException alreadyOver) {
            // It says why on its output.
        }
        String output = new String(process.getInputStream().readAllBytes(),
                StandardCharsets.ISO_8859_1);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return output;
    }

    /** A server that says it is there and closes on the first byte. */
    private static final class Listening implements AutoCloseable {
        private final MultiThreadIoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(2,
                NioIoHandler.newFactory());
        private final ServerTls tls;
        private final Channel channel;

        Listening(ServerTls tls) {
            this(tls, ListenerConfig.ClientCertificates.OFF);
        }

        Listening(ServerTls tls, ListenerConfig.ClientCertificates clients) {
            this.tls = tls;
            channel = new ServerBootstrap().group(loops).channel(NioServerSocketChannel.class)
                    .childHandler(new ChannelInitializer<SocketChannel>() {
                        @Override
                        protected void initChannel(SocketChannel accepted) {
                            accepted.pipeline().addLast(tls.newHandler(accepted.alloc(),
                                    Duration.ofSeconds(10), clients), new Greeting());
                        }
                    }).bind("127.0.0.1", 0).syncUninterruptibly().channel();
        }

        String address() {
            return "127.0.0.1:" + ((InetSocketAddress) channel.localAddress()).getPort();
        }

        @Override
        public void close() {
            channel.close().syncUninterruptibly();
            loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
            tls.close();
        }
    }

    private static final class Greeting extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            ReferenceCountUtil.release(message);
            ctx.writeAndFlush(ByteBufUtil.writeAscii(ctx.alloc(), "221 here\r\n"))
                    .addListener(sent -> ctx.close());
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    private Listening listen(SslProvider provider, CertificateBuilder.Algorithm algorithm)
            throws Exception {
        Path certificate = directory.resolve("c.pem");
        Path key = directory.resolve("k.pem");
        TestCertificates.write("mta.test", algorithm, certificate, key);
        return new Listening(ServerTls.open(new TlsConfig(certificate.toString(), key.toString(),
                ""), "mta.test", TimeSource.system().epochMillis(), provider));
    }

    private static String connect(String address, String... options) throws Exception {
        List<String> command = new ArrayList<>(List.of("openssl", "s_client", "-connect", address,
                "-brief"));
        command.addAll(List.of(options));
        return run(command, "x\n");
    }

    private static List<String> suites() throws Exception {
        String all = run(List.of("openssl", "ciphers", "-v", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"),
                "");
        return all.lines().filter(line -> !line.contains("TLSv1.3"))
                .map(line -> line.split("\\s+")[0]).distinct().toList();
    }

    @ParameterizedTest
    @CsvSource({"OPENSSL_REFCNT,rsa2048", "OPENSSL_REFCNT,ecp256", "JDK,rsa2048", "JDK,ecp256"})
    void everySuite_onlyStrongOnesConnect(SslProvider provider,
            CertificateBuilder.Algorithm algorithm) throws Exception {
        try (Listening server = listen(provider, algorithm);
                ExecutorService pool = Executors.newFixedThreadPool(4)) {
            List<String> all = suites();
            List<String> strong = all.stream().filter(suite -> suite.matches(STRONG)).toList();
            List<String> weak = all.stream().filter(suite -> !suite.matches(STRONG)).toList();
            assertThat(strong).hasSize(6);
            assertThat(weak).hasSizeGreaterThan(50).contains("AES128-GCM-SHA256",
                    "ECDHE-RSA-AES128-SHA", "NULL-SHA256", "DHE-RSA-AES128-GCM-SHA256");
            Map<String, Future<String>> answers = new TreeMap<>();
            for (String suite : strong) {
                answers.put(suite, pool.submit(() -> connect(server.address(), "-tls1_2",
                        "-cipher", suite + ":@SECLEVEL=0")));
            }
            // Offered all at once: had the server one of them, it would take it.
            answers.put("weak", pool.submit(() -> connect(server.address(), "-tls1_2", "-cipher",
                    String.join(":", weak) + ":@SECLEVEL=0")));
            for (String version : List.of("-tls1", "-tls1_1")) {
                answers.put(version, pool.submit(() -> connect(server.address(), version,
                        "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")));
            }
            Collection<String> connected = new TreeSet<>();
            for (Map.Entry<String, Future<String>> answer : answers.entrySet()) {
                if (answer.getValue().get().contains("CONNECTION ESTABLISHED")) {
                    connected.add(answer.getKey());
                }
            }
            assertThat(connected).allMatch(suite -> suite.matches(STRONG))
                    .hasSize(3).allMatch(suite -> suite.contains(
                            algorithm == CertificateBuilder.Algorithm.rsa2048 ? "-RSA-"
                                    : "-ECDSA-"));
            assertThat(connect(server.address(), "-tls1_3")).contains("CONNECTION ESTABLISHED",
                    "Protocol version: TLSv1.3");
        }
    }

    @ParameterizedTest
    @CsvSource({"OPENSSL_REFCNT", "JDK"})
    void renegotiation_isRefused(SslProvider provider) throws Exception {
        try (Listening server = listen(provider,
                CertificateBuilder.Algorithm.ecp256)) {
            List<String> command = List.of("openssl", "s_client", "-connect", server.address(),
                    "-tls1_2");
            String output = run(command, "R\n");
            assertThat(output).contains("RENEGOTIATING").doesNotContain("221 here");
            assertThat(output).containsPattern("(?i)no renegotiation|alert|error|closed");
        }
    }

    /** First with a server that resumes, to see that this test would see it. */
    @ParameterizedTest
    @CsvSource({"OPENSSL_REFCNT", "JDK"})
    void sessions_ofClientsWithCertificates_areNotResumed(SslProvider provider) throws Exception {
        X509Bundle authority = TestCertificates.authority("ours");
        X509Bundle app = TestCertificates.client(authority, "app.test");
        Path authorities = Files.writeString(directory.resolve("a.pem"),
                authority.getCertificatePathPEM());
        Path shown = Files.writeString(directory.resolve("app.pem"),
                app.getCertificatePathPEM());
        Path key = Files.writeString(directory.resolve("app.key"), app.getPrivateKeyPEM());
        if (provider == SslProvider.JDK) {
            try (Listening plain = listen(provider, CertificateBuilder.Algorithm.ecp256)) {
                assertThat(secondTime(plain.address(), "-tls1_2", shown, key))
                        .contains("Reused, TLSv1.2");
            }
        }
        TestCertificates.write("mta.test", directory.resolve("c.pem"), directory.resolve("k.pem"));
        TlsConfig config = new TlsConfig(directory.resolve("c.pem").toString(),
                directory.resolve("k.pem").toString(), authorities.toString());
        try (Listening asking = new Listening(ServerTls.open(config, "mta.test",
                TimeSource.system().epochMillis(), provider),
                ListenerConfig.ClientCertificates.REQUIRED)) {
            for (String version : List.of("-tls1_2", "-tls1_3")) {
                assertThat(secondTime(asking.address(), version, shown, key)).as(version)
                        .contains("New, TLSv1").doesNotContain("Reused");
            }
        }
    }

    /** What openssl says when it comes again with the session it was given, if it was given one. */
    private String secondTime(String address, String version, Path certificate, Path key)
            throws Exception {
        Path session = directory.resolve("session" + version);
        Files.deleteIfExists(session);
        List<String> command = List.of("openssl", "s_client", "-connect", address, version,
                "-cert", certificate.toString(), "-key", key.toString(), "-ign_eof");
        List<String> first = new ArrayList<>(command);
        first.addAll(List.of("-sess_out", session.toString()));
        assertThat(run(first, "x\n")).contains("New, TLSv1", "221 here");
        List<String> second = new ArrayList<>(command);
        if (Files.exists(session)) {
            second.addAll(List.of("-sess_in", session.toString()));
        }
        String output = run(second, "x\n");
        assertThat(output).contains("221 here");
        return output;
    }
}
