// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.daemon.SimulatedBehaviour;
import io.mailrace.daemon.SimulatedClient;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who measures must see what is wrong. */
class LoadSinkTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    private final LoadSink sink = new LoadSink(SimulatedBehaviour.PLAIN, Optional.empty());
    @SuppressWarnings("NullAway.Init")
    private InetSocketAddress address;

    @BeforeEach
    void listen() throws Exception {
        address = sink.listen(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    }

    @AfterEach
    void close() {
        sink.close();
    }

    @Test
    void source_straightIntoSink_everyNumberOnceAndUnaltered() throws Exception {
        try (var source = new LoadSource(new LoadSource.Options(address, 8, 2000, 3000, 20, 5, 0,
                Optional.empty()))) {
            assertThat(source.await(Duration.ofSeconds(60))).isTrue();
            assertThat(source.acknowledgedCount()).isEqualTo(2000);
            assertThat(source.lostLines()).isZero();
            assertThat(sink.missing(source.acknowledged())).isEqualTo(new BitSet());
        }
        assertThat(sink.distinct()).isEqualTo(2000);
        assertThat(sink.arrivals()).isEqualTo(2000);
        assertThat(sink.corrupt()).isZero();
    }

    @Test
    void message_withFieldsOnTop_isStillWhole() throws Exception {
        byte[] whole = bytes(message(7));
        byte[] top = "Received: from a\r\n by b\r\n".getBytes(StandardCharsets.US_ASCII);
        var both = new ByteArrayOutputStream();
        both.writeBytes(top);
        both.writeBytes(whole);
        send(both.toByteArray());
        assertThat(sink.corrupt()).isZero();
        assertThat(sink.distinct()).isEqualTo(1);
    }

    @Test
    void message_changed_isSeen() throws Exception {
        byte[] whole = bytes(message(7));
        for (int at : new int[]{10, whole.length / 2, whole.length - 3}) {
            byte[] changed = whole.clone();
            changed[at] ^= 1;
            send(changed);
        }
        byte[] cut = new byte[whole.length - LoadMessage.LINE];
        System.arraycopy(whole, 0, cut, 0, cut.length);
        send(cut);
        var longer = new ByteArrayOutputStream();
        longer.writeBytes(whole);
        longer.writeBytes("\r\n".getBytes(StandardCharsets.US_ASCII));
        send(longer.toByteArray());
        assertThat(sink.corrupt()).isEqualTo(5);
        assertThat(sink.distinct()).isZero();
    }

    @Test
    void message_twice_isACopyOfItsLives() throws Exception {
        send(bytes(message(3)));
        sink.nextLife();
        send(bytes(message(3)));
        assertThat(sink.copies()).singleElement().satisfies(copy -> {
            assertThat(copy.number()).isEqualTo(3);
            assertThat(copy.firstLife()).isZero();
            assertThat(copy.life()).isEqualTo(1);
        });
        BitSet wanted = new BitSet();
        wanted.set(3);
        wanted.set(4);
        assertThat(sink.missing(wanted).stream()).containsExactly(4);
    }

    private static LoadMessage message(long number) {
        return new LoadMessage(number, "a@load.test", "b@d1.test", 5000);
    }

    private static byte[] bytes(LoadMessage message) throws Exception {
        var out = new ByteArrayOutputStream();
        message.writeTo(out);
        return out.toByteArray();
    }

    private void send(byte[] content) throws Exception {
        try (SimulatedClient client = SimulatedClient.connect(address, TIMEOUT)) {
            assertThat(client.send("a@load.test", List.of("b@d1.test"), content).code())
                    .isEqualTo(250);
        }
    }
}
