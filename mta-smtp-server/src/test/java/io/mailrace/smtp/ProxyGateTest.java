// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Metrics;
import io.mailrace.core.SigningLoad;
import io.mailrace.core.TimeSource;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Balancers say whom they speak for; nobody else can, and nothing they send does harm. */
class ProxyGateTest {
    private static final String MAIL = "EHLO app.example\r\nMAIL FROM:<a@example.com>\r\n";
    private static final String V2 = "0d0a0d0a000d0a515549540a";
    /** 192.0.2.7:4711 to 192.0.2.1:25. */
    private static final String FROM_7 = "c0000207c000020112670019";
    private static final String LISTENERS = """
            listeners {
              proxied { bind = "127.0.0.1:0", tls = off, relay-from = ["192.0.2.0/24"],
                        proxy-from = ["127.0.0.0/8"] }
              proxied-tls { bind = "127.0.0.1:0", tls = implicit, auth = optional,
                            relay-from = ["192.0.2.0/24"], proxy-from = ["127.0.0.0/8"] }
              self { bind = "127.0.0.1:0", tls = off, relay-from = ["127.0.0.0/8"],
                     proxy-from = ["127.0.0.0/8"] }
              elsewhere { bind = "127.0.0.1:0", tls = off, relay-from = ["192.0.2.0/24"],
                          proxy-from = ["10.9.9.9"] }
              one-by-one { bind = "127.0.0.1:0", tls = off, relay-from = ["192.0.2.0/24"],
                           xclient-from = ["127.0.0.0/8"] }
            }
            submission.max-connections-per-address = 2
            """;
    private static final SmtpServerConfig CONFIG = Fixture.config(LISTENERS);
    private static TestServer server;

    @BeforeAll
    static void start() {
        server = TestServer.start(CONFIG, new RecordingSpool());
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static byte[] v2(String rest) {
        return HexFormat.of().parseHex(V2 + rest);
    }

    private static byte[] v1(String line) {
        return Fixture.latin1("PROXY " + line + "\r\n");
    }

    static Stream<Arguments> goodHeaders() {
        return Stream.of(Arguments.of("version 1", v1("TCP4 192.0.2.7 192.0.2.1 4711 25")),
                Arguments.of("version 2", v2("2111000c" + FROM_7)),
                Arguments.of("version 2 with TLVs", v2("21110017" + FROM_7 + "0200086d782e74657374"
                        + "04")),
                Arguments.of("IPv4 in IPv6", v1("TCP6 ::ffff:192.0.2.7 ::1 4711 25")));
    }

    /** The header ends where it says, wherever the segments end. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("goodHeaders")
    void header_splitAtEachByte_namesTheClient(String name, byte[] header) {
        byte[] all = join(header, Fixture.latin1(MAIL));
        for (int split = 1; split < all.length; split++) {
            try (Wire wire = new Wire("proxied")) {
                wire.send(all, 0, split);
                wire.send(all, split, all.length);
                assertThat(wire.said()).as("split at " + split)
                        .startsWith("220 mta.test ESMTP Mailrace\r\n")
                        .endsWith("250 2.1.0 Sender OK\r\n");
            }
        }
        try (Wire wire = new Wire("proxied")) {
            for (int i = 0; i < all.length; i++) {
                wire.send(all, i, i + 1);
            }
            assertThat(wire.said()).endsWith("250 2.1.0 Sender OK\r\n");
        }
    }

    static Stream<Arguments> badHeaders() {
        return Stream.of(Arguments.of("no header", Fixture.latin1(MAIL)),
                Arguments.of("names", v1("TCP4 localhost localhost 1 2")),
                Arguments.of("family and address differ", v1("TCP4 ::1 ::1 1 2")),
                Arguments.of("a port too large", v1("TCP4 192.0.2.7 192.0.2.1 70000 25")),
                Arguments.of("an address missing", v1("TCP4 192.0.2.7 4711 25")),
                Arguments.of("two blanks", v1("TCP4  192.0.2.7 192.0.2.1 4711 25")),
                Arguments.of("unknown family", v1("UDP4 192.0.2.7 192.0.2.1 4711 25")),
                Arguments.of("endless line", Fixture.latin1("PROXY TCP4 " + "1".repeat(5000))),
                Arguments.of("version 3", v2("3111000c" + FROM_7)),
                Arguments.of("unknown command", v2("2f11000c" + FROM_7)),
                Arguments.of("UDP", v2("2112000c" + FROM_7)),
                Arguments.of("too short for its family", v2("21110004c0000207")),
                Arguments.of("huge length", join(v2("2111ffff"), new byte[10_000])),
                Arguments.of("a TLV longer than the header", v2("21110010" + FROM_7 + "02ffff00")),
                Arguments.of("noise", HexFormat.of().parseHex("00ff80".repeat(100))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badHeaders")
    void header_bad_endsTheConnectionUnheard(String name, byte[] bytes) {
        byte[] all = join(bytes, Fixture.latin1("\r\n" + MAIL));
        try (Wire whole = new Wire("proxied"); Wire single = new Wire("proxied")) {
            whole.send(all, 0, all.length);
            assertThat(whole.said()).isEmpty();
            assertThat(whole.channel.isOpen()).isFalse();
            for (int i = 0; i < all.length && single.channel.isOpen(); i++) {
                single.send(all, i, i + 1);
            }
            assertThat(single.said()).isEmpty();
            assertThat(single.channel.isOpen()).isFalse();
            assertThat(whole.shared.limits().open()).isZero();
        }
    }

    @Test
    void inputEnds_insideTheHeader_isTheEnd() {
        byte[] all = v1("TCP4 192.0.2.7 192.0.2.1 4711 25");
        try (Wire wire = new Wire("proxied")) {
            wire.send(all, 0, all.length - 1);
            wire.channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
            assertThat(wire.channel.isOpen()).isFalse();
            assertThat(wire.shared.limits().open()).isZero();
        }
    }

    /** Its length is believed as far as we are ready to hold it. */
    @Test
    void header_hugeLength_isNotWaitedFor() {
        try (Wire wire = new Wire("proxied")) {
            byte[] start = v2("2111ffff");
            wire.send(start, 0, start.length);
            byte[] more = new byte[1024];
            int sent = 0;
            while (wire.channel.isOpen()) {
                wire.send(more, 0, more.length);
                sent += more.length;
                assertThat(sent).isLessThan(8192);
            }
        }
    }

    @Test
    void session_throughBalancer_isTheClients() throws Exception {
        server.recording().stored.clear();
        try (TestClient client = server.connect("proxied")) {
            client.send(join(v1("TCP4 192.0.2.7 192.0.2.1 4711 25"), Fixture.latin1(MAIL)));
            assertThat(client.line()).startsWith("220 ");
            assertThat(client.reply()).startsWith("250 ");
            assertThat(client.reply()).startsWith("250 2.1.0");
            assertThat(client.ask("RCPT TO:<b@example.net>")).startsWith("250");
            assertThat(client.ask("DATA")).startsWith("354");
            assertThat(client.ask("Subject: x", "", "y", ".")).startsWith("250 2.0.0");
        }
        RecordingSpool.Stored stored = server.recording().stored.getFirst();
        assertThat(stored.text()).contains("([192.0.2.7])");
        assertThat(stored.submission().from().client()).isEqualTo("192.0.2.7");
    }

    @Test
    void session_ofAStrangerThroughBalancer_mayNotRelay() throws Exception {
        try (TestClient client = server.connect("proxied")) {
            client.send(v1("TCP6 2001:db8::7 2001:db8::1 4711 25"));
            assertThat(client.line()).startsWith("220 ");
            client.ask("EHLO app.example");
            assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("550 5.7.1");
        }
    }

    @Test
    void health_check_isGreetedAndMayNothing() throws Exception {
        for (byte[] header : new byte[][]{v2("20000000"), v2("2000000c" + FROM_7),
                v1("UNKNOWN"), v1("UNKNOWN 192.0.2.7 192.0.2.1 4711 25"), v2("21000000")}) {
            for (String listener : new String[]{"proxied", "self"}) {
                try (TestClient client = server.connect(listener)) {
                    client.send(header);
                    assertThat(client.line()).startsWith("220 ");
                    client.ask("EHLO balancer.example");
                    assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("550 5.7.1");
                }
            }
        }
    }

    @Test
    void tls_headerThenHandshake_works() throws Exception {
        try (TestClient client = server.connect("proxied-tls")) {
            client.send(v2("2111000c" + FROM_7));
            client.startTls();
            assertThat(client.line()).startsWith("220 ");
            client.ask("EHLO app.example");
            assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("250");
        }
    }

    @Test
    void tls_headerAndHelloInOneSegment_isAnswered() throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, null, null);
        SSLEngine engine = context.createSSLEngine("mta.test", 465);
        engine.setUseClientMode(true);
        ByteBuffer hello = ByteBuffer.allocate(engine.getSession().getPacketBufferSize());
        engine.wrap(ByteBuffer.allocate(0), hello);
        hello.flip();
        byte[] bytes = new byte[hello.remaining()];
        hello.get(bytes);
        try (TestClient client = server.connect("proxied-tls")) {
            client.send(join(v2("2111000c" + FROM_7), bytes));
            // a handshake record, not an alert
            assertThat(client.socket().getInputStream().read()).isEqualTo(22);
        }
    }

    @Test
    void silentBalancer_isLeftInTime() throws Exception {
        SmtpServerConfig hasty = Fixture.config(LISTENERS
                + "submission.handshake-timeout = 300ms\n");
        try (TestServer impatient = TestServer.start(hasty, new RecordingSpool());
                TestClient silent = impatient.connect("proxied");
                TestClient half = impatient.connect("proxied-tls")) {
            half.send(Fixture.latin1("PROXY TCP4 192."));
            assertThat(silent.atEnd()).isTrue();
            assertThat(half.atEnd()).isTrue();
        }
    }

    @Test
    void stranger_withHeader_isAClientThatTalksNonsense() throws Exception {
        try (TestClient client = server.greeted("elsewhere")) {
            assertThat(client.ask("PROXY TCP4 192.0.2.7 192.0.2.1 4711 25")).startsWith("500");
            client.ask("EHLO client.example");
            assertThat(client.ask("MAIL FROM:<a@example.com>")).startsWith("550 5.7.1");
        }
        try (TestClient client = server.greeted("elsewhere")) {
            client.send(join(v2("2111000c" + FROM_7), Fixture.latin1("\r\n" + MAIL + "QUIT\r\n")));
            assertThat(TestClient.text(client.readAll())).doesNotContain("Sender OK");
        }
    }

    /** Everybody behind a balancer has his own allowance, and it is given back. */
    @Test
    void limits_followTheClient() throws Exception {
        byte[] one = v1("TCP4 198.51.100.7 192.0.2.1 4711 25");
        byte[] two = v1("TCP4 198.51.100.8 192.0.2.1 4711 25");
        try (TestClient first = server.connect("proxied");
                TestClient second = server.connect("proxied");
                TestClient third = server.connect("proxied");
                TestClient other = server.connect("proxied")) {
            first.send(one);
            assertThat(first.line()).startsWith("220");
            second.send(one);
            assertThat(second.line()).startsWith("220");
            third.send(one);
            assertThat(third.line()).startsWith("421 4.7.0");
            other.send(two);
            assertThat(other.line()).startsWith("220");
        }
        Awaitility.await().until(() -> server.metric("smtp_connections_current") == 0);
    }

    @Test
    void limits_followXclient() throws Exception {
        try (TestClient first = server.greeted("one-by-one");
                TestClient second = server.greeted("one-by-one")) {
            assertThat(first.ask("XCLIENT ADDR=198.51.100.9")).startsWith("220");
            assertThat(second.ask("XCLIENT ADDR=198.51.100.9")).startsWith("220");
            // the balancer's own allowance is free again
            try (TestClient third = server.greeted("one-by-one")) {
                assertThat(third.ask("XCLIENT ADDR=198.51.100.9")).startsWith("421 4.7.0");
                assertThat(third.atEnd()).isTrue();
            }
            // who was named names nobody else
            assertThat(second.ask("XCLIENT ADDR=192.0.2.7")).startsWith("550 5.7.1");
        }
        Awaitility.await().until(() -> server.metric("smtp_connections_current") == 0);
    }

    private static byte[] join(byte[] first, byte[] second) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(first);
        all.writeBytes(second);
        return all.toByteArray();
    }

    /** The pipeline of one connection from a balancer, without a socket. */
    private static final class Wire implements AutoCloseable {
        final SmtpServer.Shared shared = new SmtpServer.Shared(CONFIG, new RecordingSpool(),
                TimeSource.system(), new Metrics(), Fixture.SIGNING, SigningLoad.NONE);
        final EmbeddedChannel channel;

        Wire(String listener) {
            SessionTerms terms = Fixture.terms(CONFIG, listener);
            channel = new EmbeddedChannel(new ChannelInitializer<Channel>() {
                @Override
                protected void initChannel(Channel fresh) throws IOException {
                    ProxyGate.addTo(fresh, shared, terms, InetAddress.getLoopbackAddress(),
                            true);
                }
            });
        }

        void send(byte[] bytes, int from, int to) {
            if (channel.isOpen()) {
                channel.writeInbound(Unpooled.copiedBuffer(bytes, from, to - from));
            }
        }

        String said() {
            return SimulatedClient.heard(channel);
        }

        @Override
        public void close() {
            channel.finishAndReleaseAll();
        }
    }
}
