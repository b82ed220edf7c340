// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.delivery.ReceiverModel.Replies;
import java.net.InetAddress;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class DemoReceiverTest {
    private static final InetAddress CLIENT = InetAddress.getLoopbackAddress();
    private final FakeTimeSource time = new FakeTimeSource();

    /** However slowly it comes, not all that is expected goes without a pause. */
    @Test
    void recipient_slowSender_isPushedBackOnce_andServedLater() {
        DemoReceiver receiver = new DemoReceiver(Replies.gmail(), false, 100, time);
        int taken = 0;
        while (receiver.recipient(CLIENT, "news@shop.test", "user@gmail.test").isEmpty()) {
            taken++;
            time.advance(Duration.ofSeconds(1));
        }
        assertThat(taken).isEqualTo(65);
        time.advance(Duration.ofSeconds(2));
        for (int i = 0; i < 2 * (int) receiver.perSecond(); i++) {
            assertThat(receiver.recipient(CLIENT, "news@shop.test", "user@gmail.test")).isEmpty();
        }
    }

    @Test
    void recipient_tooMuch_isToldInTheProvidersLines() {
        DemoReceiver receiver = new DemoReceiver(Replies.gmail(), false, 2, time);
        assertThat(receiver.recipient(CLIENT, "news@shop.test", "user1@gmail.test")).isEmpty();
        String reply = receiver.recipient(CLIENT, "news@shop.test", "user2@gmail.test")
                .orElseThrow();
        assertThat(reply.lines()).hasSize(3).allMatch(line -> line.startsWith("421"));
        assertThat(reply).startsWith("421-4.7.28 Gmail has detected").contains("\r\n421 4.7.28 ")
                .doesNotEndWith("\n");
    }

    @Test
    void recipient_unknownUser_costsReputation() {
        DemoReceiver receiver = new DemoReceiver(Replies.yahoo(), false, 100, time);
        assertThat(receiver.reputation()).isEqualTo(1);
        assertThat(receiver.recipient(CLIENT, "news@shop.test", "nobody1@yahoo.test").orElseThrow())
                .startsWith("554 delivery error: dd");
        assertThat(receiver.reputation()).isLessThan(1);
    }

    /** One author's domain, whatever the address. */
    @Test
    void recipient_limitByDomain_holdsOverAddresses() throws Exception {
        DemoReceiver receiver = new DemoReceiver(Replies.outlook(), true, 20, time);
        InetAddress other = InetAddress.getByAddress(new byte[]{127, 0, 0, 9});
        int taken = 0;
        for (int i = 0; i < 20; i++) {
            taken += receiver.recipient(i % 2 == 0 ? CLIENT : other, "news@shop.test",
                    "user@outlook.test").isEmpty() ? 1 : 0;
        }
        assertThat(taken).isEqualTo(13);
        assertThat(receiver.recipient(other, "news@other.test", "user@outlook.test")).isEmpty();
    }
}
