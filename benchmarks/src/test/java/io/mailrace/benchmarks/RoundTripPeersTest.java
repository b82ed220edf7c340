// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FarPeer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * One connection to a receiver 50 ms away, in turns with Postfix: messages a second and round trips
 * for each message. {@code mvn -Ppeers verify}; needs root and Postfix.
 */
@Tag("peers")
class RoundTripPeersTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final int ROUND_TRIP_MILLIS = 50;
    private static final int MESSAGES = 150;
    private static final int ROUNDS = 3;

    /** What one relay did in one round. */
    private record Run(double perSecond, double roundTrips) {}

    /** Something that passes mail on from a port to a far receiver. */
    private interface Relay {
        AutoCloseable start(Path folder, int port, int next) throws Exception;
    }

    @Test
    void oneConnectionToAFarReceiver_isAtLeast1_8TimesPostfix() throws Exception {
        List<Run> ours = new ArrayList<>();
        List<Run> theirs = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            theirs.add(run((folder, port, next) -> PeerPostfix.relay(folder, "127.0.0.1", port,
                    next)));
            ours.add(run(RoundTripPeersTest::mailrace));
        }
        Run postfix = median(theirs);
        Run mailrace = median(ours);
        System.out.printf(Locale.ROOT, "one connection, %d ms, %d messages, medians of %d: "
                + "Mailrace %.1f/s, %.2f round trips; Postfix %.1f/s, %.2f round trips; "
                + "ratio %.2f%n", ROUND_TRIP_MILLIS, MESSAGES, ROUNDS, mailrace.perSecond(),
                mailrace.roundTrips(), postfix.perSecond(), postfix.roundTrips(),
                mailrace.perSecond() / postfix.perSecond());
        assertThat(mailrace.perSecond()).isGreaterThanOrEqualTo(1.8 * postfix.perSecond());
        assertThat(mailrace.roundTrips()).isLessThanOrEqualTo(1.1);
    }

    private static Run median(List<Run> runs) {
        return runs.stream().sorted(java.util.Comparator.comparingDouble(Run::perSecond)).toList()
                .get(runs.size() / 2);
    }

    private static AutoCloseable mailrace(Path folder, int port, int next) throws Exception {
        DaemonProcess daemon = DaemonProcess.start(folder, """
                hostname = mta1.mailrace.test
                listeners { relay { bind = "127.0.0.1:%2$d", tls = off
                                    relay-from = ["127.0.0.0/8"] } }
                users { file = "%1$s/users" }
                spool { path = "%1$s/spool", min-free = 64m }
                routes = [ { via = "smtp://127.0.0.1:%3$d" } ]
                providers.default { connections = 1, messages-per-connection = 1000 }
                admin { socket = "%1$s/admin.sock", bind = "" }
                log { events = off }
                """.formatted(folder, port, next), new InetSocketAddress(
                InetAddress.getLoopbackAddress(), port), List.of());
        daemon.awaitReady();
        return daemon;
    }

    private static Run run(Relay relay) throws Exception {
        try (TemporaryFolder temporary = TemporaryFolder.make(false);
                FarPeer far = new FarPeer(List.of("PIPELINING", "8BITMIME"),
                        ROUND_TRIP_MILLIS)) {
            Path folder = temporary.path();
            Files.setPosixFilePermissions(folder, PosixFilePermissions
                    .fromString("rwxr-xr-x"));
            int port = FreePort.find();
            try (AutoCloseable running = relay.start(folder, port, far.port());
                    LoadSource source = new LoadSource(new LoadSource.Options(
                            new InetSocketAddress("127.0.0.1", port), 4, MESSAGES, 2000, 100, 1, 0,
                            Optional.empty()))) {
                assertThat(running).isNotNull();
                assertThat(source.await(LIMIT)).isTrue();
                long deadline = System.nanoTime() + LIMIT.toNanos();
                while (far.taken() < MESSAGES && System.nanoTime() < deadline) {
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
                }
                assertThat(far.taken()).isEqualTo(MESSAGES);
                // greeting and EHLO of each connection are not about a message
                return new Run(far.perSecond(), (far.roundTrips() - 2.0 * far.connections())
                        / MESSAGES);
            }
        }
    }
}
