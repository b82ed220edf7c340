// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The simulated provider and the simulated client against each other. */
class SimulatedProviderTest {
    private static final EventLoopGroup LOOPS = new MultiThreadIoEventLoopGroup(1,
            NioIoHandler.newFactory());
    private static final Duration TIMEOUT = Duration.ofSeconds(20);
    private static final byte[] SHORT = bytes("Subject: x\r\n\r\n.\r\n..\r\n.end\r\n");

    @SuppressWarnings("ArrayRecordComponent")
    private record Taken(String sender, List<String> recipients, byte[] content,
            boolean answered) {}

    private final BlockingQueue<Taken> taken = new LinkedBlockingQueue<>();
    @SuppressWarnings("NullAway.Init")
    private SimulatedProvider provider;
    @SuppressWarnings("NullAway.Init")
    private InetSocketAddress address;

    @AfterEach
    void close() {
        provider.close();
    }

    @AfterAll
    static void closeLoops() {
        LOOPS.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 5, 98})
    void send_withData_arrivesUnaltered(int number) throws Exception {
        byte[] content = DemoMessage.of(number).content();
        try (SimulatedClient client = connect(SimulatedBehaviour.PLAIN, false)) {
            var reply = client.send("a@b.test", List.of("c@d.test", "e@d.test"), content);
            assertThat(reply.code()).isEqualTo(250);
            Taken arrived = next();
            assertThat(arrived.sender()).isEqualTo("a@b.test");
            assertThat(arrived.recipients()).containsExactly("c@d.test", "e@d.test");
            assertThat(arrived.content()).isEqualTo(content);
            assertThat(arrived.answered()).isTrue();
        }
    }

    @Test
    void send_overTlsAndInChunks_arrivesUnaltered() throws Exception {
        byte[] content = DemoMessage.of(1).content();
        try (SimulatedClient client = connect(SimulatedBehaviour.PLAIN, true)) {
            client.startTls();
            assertThat(client.offers("STARTTLS")).isFalse();
            assertThat(client.sendChunks("", List.of("c@d.test"), content, 7777).code())
                    .isEqualTo(250);
            assertThat(client.send("", List.of("c@d.test"), content).code()).isEqualTo(250);
        }
        assertThat(next().content()).isEqualTo(content);
        assertThat(next().content()).isEqualTo(content);
        assertThat(provider.encrypted()).isEqualTo(1);
    }

    /** Whatever the segments are, dots at the start of a line are found. */
    @Test
    void content_byteByByte_arrivesUnaltered() throws Exception {
        try (SimulatedClient client = connect(new SimulatedBehaviour() {
            @Override
            public List<String> extensions() {
                return List.of();
            }
        }, false)) {
            var reply = client.send("a@b.test", List.of("c@d.test"), out -> {
                for (byte b : SHORT) {
                    out.write(b);
                }
            });
            assertThat(reply.code()).isEqualTo(250);
        }
        assertThat(next().content()).isEqualTo(SHORT);
    }

    @Test
    void recipient_refused_othersMayGoOn() throws Exception {
        try (SimulatedClient client = connect(new DemoBehaviours.Greylisting(), false)) {
            assertThat(client.send("a@b.test", List.of("c@d.test"), SHORT).code()).isEqualTo(450);
            assertThat(client.send("a@b.test", List.of("c@d.test"), SHORT).code()).isEqualTo(250);
        }
        assertThat(next().recipients()).containsExactly("c@d.test");
    }

    @Test
    void cut_beforeAndAfterTheEnd_takesOnlyTheLatter() throws Exception {
        var cutting = new DemoBehaviours.Cutting();
        listen(cutting, false);
        for (int i = 0; i < 6; i++) {
            try (SimulatedClient client = SimulatedClient.connect(address, TIMEOUT)) {
                assertThatThrownBy(() -> client.send("a@b.test", List.of("c@d.test"), SHORT))
                        .isInstanceOf(IOException.class);
            }
        }
        try (SimulatedClient client = SimulatedClient.connect(address, TIMEOUT)) {
            assertThat(client.send("a@b.test", List.of("c@d.test"), SHORT).code()).isEqualTo(250);
        }
        for (int i = 0; i < 3; i++) {
            assertThat(next().answered()).isFalse();
        }
        assertThat(next().answered()).isTrue();
        assertThat(taken).isEmpty();
    }

    @Test
    void greeting_refused_connectionEnds() throws Exception {
        listen(new DemoBehaviours.Busy(), false);
        assertThatThrownBy(() -> SimulatedClient.connect(address, TIMEOUT))
                .hasMessageContaining("421");
        try (SimulatedClient client = SimulatedClient.connect(address, TIMEOUT)) {
            assertThat(client.command("NOOP").code()).isEqualTo(250);
        }
    }

    @Test
    void delay_withPipelining_keepsTheOrder() throws Exception {
        try (SimulatedClient client = connect(new SimulatedBehaviour() {
            @Override
            public Duration delay() {
                return Duration.ofMillis(5);
            }
        }, false)) {
            assertThat(client.send("a@b.test", List.of("c@d.test", "e@f.test"), SHORT).code())
                    .isEqualTo(250);
        }
        assertThat(next().content()).isEqualTo(SHORT);
    }

    private void listen(SimulatedBehaviour behaviour, boolean tls) throws Exception {
        provider = new SimulatedProvider(LOOPS, "mx.test", behaviour, tls
                ? Optional.of(SimulatedCertificate.serverContext("mx.test"))
                : Optional.empty(), this::begin);
        address = provider.listen(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    }

    private SimulatedClient connect(SimulatedBehaviour behaviour, boolean tls) throws Exception {
        listen(behaviour, tls);
        return SimulatedClient.connect(address, TIMEOUT);
    }

    private SimulatedInbox.Incoming begin(String sender, List<String> recipients) {
        return new SimulatedInbox.Incoming() {
            private final ByteArrayOutputStream content = new ByteArrayOutputStream();

            @Override
            public void write(ByteBuf bytes) {
                content.writeBytes(ByteBufUtil.getBytes(bytes));
            }

            @Override
            public void end(boolean answered) {
                taken.add(new Taken(sender, recipients, content.toByteArray(), answered));
            }
        };
    }

    private Taken next() throws InterruptedException {
        Taken one = taken.poll(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
        assertThat(one).isNotNull();
        return one;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
