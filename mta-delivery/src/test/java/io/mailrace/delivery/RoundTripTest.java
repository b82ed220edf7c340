// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FarPeer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Round trips, counted and not timed: the peer answers only when nothing more comes, all it has to
 * say at once. Each such answer is what a long line would make a round trip of.
 */
class RoundTripTest {
    private static final int QUIET_MILLIS = 25;

    @TempDir
    Path directory;

    private int roundTrips(String offers, int messages, String more) throws Exception {
        List<String> offered = offers.isEmpty() ? List.of() : List.of(offers.split(" "));
        try (TestDns dns = new TestDns(); FarPeer peer = new FarPeer(offered, QUIET_MILLIS)) {
            dns.mx("d.test", 10, "mx.d.test").a("mx.d.test", "127.0.0.1");
            try (DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                    new DeliveryFixture.NoSigner(), "delivery { port = " + peer.port()
                            + ", connections-per-site = 1, messages-per-connection = 1000\n"
                            + "timeouts { greeting = 20s, ehlo = 20s, mail = 20s, rcpt = 20s\n"
                            + "data = 20s, content = 20s, end-of-data = 20s } }\n"
                            + "provider-defaults.messages-per-connection = 1000\n" + more)) {
                for (int i = 0; i < messages; i++) {
                    fixture.submit("number " + i, "r@d.test");
                }
                fixture.awaitEmpty();
                assertThat(peer.taken()).isEqualTo(messages);
                assertThat(peer.connections()).isEqualTo(1);
                return peer.roundTrips();
            }
        }
    }

    /** Greeting, EHLO and the first message's group come on top, once for a connection. */
    @ParameterizedTest
    @CsvSource({"PIPELINING", "PIPELINING CHUNKING"})
    void pipelining_oneRoundTripForEachMessage(String offers) throws Exception {
        int messages = 100;
        assertThat(roundTrips(offers, messages, "")).isLessThanOrEqualTo(
                (int) (1.1 * messages) + 4);
    }

    /** A source that may have one connection only keeps it, however much waits for a second. */
    @Test
    void oneConnectionAllowed_isKept() throws Exception {
        assertThat(roundTrips("PIPELINING", 60, "delivery.connections-per-site = 20\n"
                + "providers.default.connections = 1")).isLessThanOrEqualTo(70);
    }

    /** So that the count above means something. */
    @Test
    void withoutPipelining_fourForEachMessage() throws Exception {
        assertThat(roundTrips("", 20, "")).isBetween(80, 90);
    }
}
