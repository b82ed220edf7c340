// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.daemon.SimulatedBehaviour;
import io.mailrace.daemon.SimulatedCertificate;
import io.mailrace.daemon.SimulatedInbox;
import io.mailrace.daemon.SimulatedProvider;
import io.mailrace.dkim.DkimKeyGenerator;
import io.mailrace.dkim.DkimRecord;
import io.mailrace.smtp.UserFile;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Mailrace between programs of other people: their clients submit, their servers receive, their DNS
 * server is asked, their verifiers judge the signatures. {@code mvn -Ppeers verify}; {@code
 * benchmarks/peers-setup} installs what is needed.
 */
@Tag("peers")
class PeersTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String USER = "alice";
    private static final String PASSWORD = "correct-horse";
    private static final String COLLECTOR = "127.0.79.1";
    private static final String SINK = "127.0.79.11";
    private static final String POSTFIX = "127.0.79.20";
    private static final String SMTPLIB = """
            import smtplib, ssl, sys
            port, user, password, path = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as smtp:
                smtp.starttls(context=context)
                smtp.login(user, password)
                smtp.sendmail("alice@load.test", ["bob@collect.test"], open(path, "rb").read(),
                    mail_options=["BODY=8BITMIME"])
            """;
    private static final String PYTHON_DKIM = """
            import sys, dkim
            record = open(sys.argv[1], "rb").read().strip().split(b" ", 1)
            def txt(name, timeout=5):
                return record[1] if name.rstrip(b".") == record[0] else None
            print("verified", dkim.verify(open(sys.argv[2], "rb").read(), dnsfunc=txt))
            """;

    private static final EventLoopGroup LOOPS = new MultiThreadIoEventLoopGroup(1,
            NioIoHandler.newFactory());
    private static final BlockingQueue<byte[]> COLLECTED = new LinkedBlockingQueue<>();
    private static final List<AutoCloseable> OPEN = new ArrayList<>();
    @SuppressWarnings("NullAway.Init")
    private static Path folder;
    private static int receivePort;
    private static int submissionPort;
    private static int relayPort;
    @SuppressWarnings("NullAway.Init")
    private static DaemonProcess daemon;

    @BeforeAll
    static void start() throws Exception {
        TemporaryFolder temporary = opened(TemporaryFolder.make(false));
        folder = temporary.path();
        receivePort = FreePort.find();
        DkimRecord key = DkimKeyGenerator.generate(DkimKeyGenerator.Kind.RSA_2048, "load.test",
                "peers", folder.resolve("dkim.pem"));
        Files.writeString(folder.resolve("dkim.txt"), key.name() + " " + key.value() + "\n");
        var dns = opened(PeerUnbound.start(folder, List.of(
                "collect.test. 300 IN MX 10 mx.collect.test.",
                "mx.collect.test. 300 IN A " + COLLECTOR,
                "sink.test. 300 IN MX 10 mx.sink.test.", "mx.sink.test. 300 IN A " + SINK,
                "d1.test. 300 IN MX 10 mx.postfix.test.", "mx.postfix.test. 300 IN A " + POSTFIX,
                "load.test. 300 IN MX 10 mx.collect.test.")));
        var collector = opened(new SimulatedProvider(LOOPS, "mx.collect.test",
                SimulatedBehaviour.PLAIN,
                Optional.of(SimulatedCertificate.serverContext("mx.collect.test")),
                PeersTest::collect));
        collector.listen(new InetSocketAddress(COLLECTOR, receivePort));
        UserFile.open(folder.resolve("users")).add(USER, PASSWORD.toCharArray());
        submissionPort = FreePort.find();
        relayPort = FreePort.find();
        daemon = opened(DaemonProcess.start(folder, configuration(dns.port()),
                new InetSocketAddress(InetAddress.getLoopbackAddress(), submissionPort),
                List.of()));
        daemon.awaitReady();
    }

    private static String configuration(int dnsPort) {
        return """
                hostname = mta1.mailrace.test
                listeners {
                  submission { bind = "127.0.0.1:%2$d", tls = starttls, auth = required }
                  relay { bind = "127.0.0.1:%3$d", tls = off, relay-from = ["127.0.0.0/8"] }
                }
                users { file = "%1$s/users" }
                spool { path = "%1$s/spool", min-free = 64m }
                retry { default { intervals = [1s, 2s, 5s], max-age = 1h } }
                dkim { "load.test" = [ { selector = peers, key = "%1$s/dkim.pem" } ] }
                dns { servers = ["127.0.0.1:%4$d"] }
                delivery { port = %5$d, allow-destinations = ["127.0.0.0/8"], park-first = 1s
                           park-max = 5s }
                admin { socket = "%1$s/admin.sock", bind = "" }
                log { events = off }
                """.formatted(folder, submissionPort, relayPort, dnsPort, receivePort);
    }

    private static <T extends AutoCloseable> T opened(T part) {
        OPEN.add(part);
        return part;
    }

    @AfterAll
    static void stop() throws Exception {
        for (AutoCloseable part : OPEN.reversed()) {
            part.close();
        }
        LOOPS.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }

    @Test
    void swaks_overTlsWithLogin_arrivesUnalteredAndSigned() throws Exception {
        PeerProgram swaks = PeerProgram.of("swaks", "swaks libnet-ssleay-perl");
        // it ends the last line itself
        arrives("swaks", file -> swaks.run(LIMIT, "--server", "127.0.0.1", "--port",
                String.valueOf(submissionPort), "--tls", "--auth", "PLAIN", "--auth-user", USER,
                "--auth-password", PASSWORD, "--from", "alice@load.test", "--to",
                "bob@collect.test", "--data", "@" + withoutLastLineEnd(file)));
    }

    @Test
    void smtplib_overTlsWithLogin_arrivesUnalteredAndSigned() throws Exception {
        PeerProgram python = PeerProgram.of("python3", "python3");
        arrives("smtplib", file -> python.run(LIMIT, "-c", SMTPLIB,
                String.valueOf(submissionPort), USER, PASSWORD, file.toString()));
    }

    @Test
    void curl_overTlsWithLogin_arrivesUnalteredAndSigned() throws Exception {
        PeerProgram curl = PeerProgram.of("curl", "curl");
        arrives("curl", file -> curl.run(LIMIT, "--silent", "--show-error", "--ssl-reqd",
                "--insecure", "--url", "smtp://127.0.0.1:" + submissionPort, "--user",
                USER + ":" + PASSWORD, "--mail-from", "alice@load.test", "--mail-rcpt",
                "bob@collect.test", "--upload-file", file.toString()));
    }

    /** With what goes wrong where somebody is careless. */
    private static String message(String name) {
        return """
                From: Alice <alice@load.test>
                To: bob@collect.test
                Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
                Date: Sat, 21 Nov 2026 09:00:00 +0000
                Message-ID: <%s@load.test>
                MIME-Version: 1.0
                Content-Type: text/plain; charset=utf-8
                Content-Transfer-Encoding: 8bit

                A line, and a dot alone:
                .
                ..
                .dot first
                Grüße, 日本, trailing blanks:  \t
                %s

                From the start of a line

                """.formatted(name, "x".repeat(990));
    }

    private static Path withoutLastLineEnd(Path file) throws IOException {
        byte[] all = Files.readAllBytes(file);
        return Files.write(file, Arrays.copyOf(all, all.length - 2));
    }

    private interface Client {
        void send(Path file) throws Exception;
    }

    private static void arrives(String name, Client client) throws Exception {
        byte[] message = message(name).replace("\n", "\r\n").getBytes(UTF_8);
        COLLECTED.clear();
        client.send(Files.write(folder.resolve(name + ".eml"), message));
        byte[] received = COLLECTED.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
        assertThat(received).isNotNull();
        // as a whole: the MTA only puts fields on top
        assertThat(new String(received, ISO_8859_1)).endsWith(new String(message, ISO_8859_1));
        assertSigned(received);
    }

    private static void assertSigned(byte[] message) throws Exception {
        Path file = Files.write(folder.resolve("received.eml"), message);
        PeerProgram opendkim = PeerProgram.of("opendkim", "opendkim");
        Path config = Files.writeString(folder.resolve("opendkim.conf"),
                "Mode v\nTestPublicKeys " + folder.resolve("dkim.txt") + "\n");
        assertThat(opendkim.run(LIMIT, "-x", config.toString(), "-t", file.toString()))
                .contains("verification (s=peers, d=load.test").contains("succeeded");
        PeerProgram python = PeerProgram.of("python3", "python3 python3-dkim");
        assertThat(python.run(LIMIT, "-c", PYTHON_DKIM, folder.resolve("dkim.txt").toString(),
                file.toString())).contains("verified True");
    }

    @Test
    void smtpSource_fiftyThousandMessages_eachArrivesOnceInSmtpSink() throws Exception {
        int messages = 50_000;
        PeerProgram source = PeerProgram.of("smtp-source", "postfix");
        PeerProgram sink = PeerProgram.of("smtp-sink", "postfix");
        Path dump = folder.resolve("dump.");
        List<String> arguments = new ArrayList<>(List.of("-D", dump.toString(),
                SINK + ":" + receivePort, "1000"));
        if ("root".equals(System.getProperty("user.name"))) {
            arguments.addAll(0, List.of("-u", "root"));
        }
        Process receiving = sink.start(folder.resolve("sink.log"),
                arguments.toArray(String[]::new));
        try {
            source.run(Duration.ofMinutes(10), "-s", "100", "-l", "10240", "-m",
                    String.valueOf(messages), "-N", "-f", "load@load.test", "-t", "u@sink.test",
                    "127.0.0.1:" + relayPort);
            await(Duration.ofMinutes(5), PeersTest::emptied);
        } finally {
            receiving.destroy();
            receiving.waitFor();
        }
        SinkDump seen = SinkDump.read(dump, messages);
        assertThat(seen.missing()).isZero();
        assertThat(seen.copies()).isZero();
        assertThat(seen.otherBodies()).isZero();
        assertThat(seen.bodyLength()).isGreaterThan(10_000);
        assertSigned(seen.sample());
        Files.delete(dump);
    }

    /** Whether the daemon says that nothing waits. */
    private static boolean emptied() {
        try {
            return daemon.command("queue", "--json").startsWith("{\"queues\":0,");
        } catch (IOException | InterruptedException notAnswered) {
            return false;
        }
    }

    @Test
    void postfix_receivesOverTls_everyMessageOnceUnalteredAndSigned() throws Exception {
        int messages = 500;
        Path own = Files.createDirectories(folder.resolve("postfix"));
        Files.setPosixFilePermissions(folder, PosixFilePermissions
                .fromString("rwxr-xr-x"));
        try (PeerPostfix postfix = PeerPostfix.start(own, POSTFIX, receivePort, "d1.test");
                LoadSink checked = new LoadSink(SimulatedBehaviour.PLAIN, Optional.empty());
                LoadSource source = new LoadSource(new LoadSource.Options(
                        new InetSocketAddress("127.0.0.1", relayPort), 10, messages, 5000, 50, 1,
                        0, Optional.empty()))) {
            assertThat(source.await(LIMIT)).isTrue();
            assertThat(source.acknowledgedCount()).isEqualTo(messages);
            await(Duration.ofMinutes(2), () -> count(postfix) >= messages);
            for (String stored : postfix.mail()) {
                assertThat(stored).contains("(using TLSv1.3");
                SimulatedInbox.Incoming incoming = checked.begin("load@load.test", List.of());
                incoming.write(Unpooled.wrappedBuffer(stored.replace("\n", "\r\n")
                        .getBytes(ISO_8859_1)));
                incoming.end(true);
            }
            assertThat(checked.distinct()).isEqualTo(messages);
            assertThat(checked.arrivals()).isEqualTo(messages);
            assertThat(checked.corrupt()).isZero();
            assertSigned(postfix.mail().getFirst().replace("\n", "\r\n").getBytes(ISO_8859_1));
        }
    }

    private static int count(PeerPostfix postfix) {
        try {
            return postfix.mail().size();
        } catch (IOException notYet) {
            return 0;
        }
    }

    private static void await(Duration limit, BooleanSupplier condition) {
        long deadline = System.nanoTime() + limit.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).describedAs("in time").isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
        }
    }

    private static SimulatedInbox.Incoming collect(String sender, List<String> recipients) {
        return new SimulatedInbox.Incoming() {
            private final ByteArrayOutputStream content = new ByteArrayOutputStream();

            @Override
            public void write(ByteBuf bytes) {
                content.writeBytes(ByteBufUtil.getBytes(bytes));
            }

            @Override
            public void end(boolean answered) {
                COLLECTED.add(content.toByteArray());
            }
        };
    }
}
