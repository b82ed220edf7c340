// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** A real daemon with nothing but a source that is warmed up, ended by {@code kill -9}. */
class WarmupCrashTest {
    private static final int DOMAINS = 10;
    private static final int KILLS = 3;
    private static final long MESSAGES = 6_000;
    /** Twice the even share of an hour: no hour may send more. */
    private static final long MOST_IN_AN_HOUR = 2_000;
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String CONFIG = """
            sources { new { warmup { plan = p, unchecked = true } } }
            warmup.plans.p { caps { default = [24000] }, timezone = UTC }
            """;

    @Test
    void killed_underLoad_sendsNoMoreThanItsCapAndLosesNothing() throws Exception {
        try (var folder = TemporaryFolder.make(false);
                var network = SinkNetwork.start(DOMAINS);
                var daemon = DaemonProcess.startRelay(folder.path(), network,
                        DaemonProcess.Setup.PLAIN.with(CONFIG))) {
            daemon.awaitReady();
            long firstHour = hour();
            List<Long> used = new ArrayList<>();
            BitSet acknowledged;
            try (var source = new LoadSource(new LoadSource.Options(daemon.address(), 10,
                    MESSAGES, 2048, 100, DOMAINS, 0, Optional.empty()))) {
                for (int i = 0; i < KILLS; i++) {
                    int before = network.sink().arrivals();
                    int taken = source.acknowledgedCount();
                    await(daemon, () -> network.sink().arrivals() > before + 50
                            || source.acknowledgedCount() > taken + MESSAGES / (2 * KILLS));
                    daemon.kill();
                    daemon.restart();
                    daemon.awaitReady();
                    used.add(used(daemon));
                    assertThat((long) network.sink().arrivals()).as("what came is counted")
                            .isLessThanOrEqualTo(used(daemon));
                }
                await(daemon, () -> source.acknowledgedCount() + source.refused() >= MESSAGES
                        - 10L * KILLS /* lines cut by kills, whose numbers are not used again */);
                await(daemon, () -> why(daemon).contains(" this hour"));
                acknowledged = source.acknowledged();
            }
            assertThat((long) network.sink().arrivals()).isLessThanOrEqualTo(used(daemon))
                    .isLessThanOrEqualTo(MOST_IN_AN_HOUR * (hour() - firstHour + 1));
            assertThat(used).as("a start forgets nothing").isSorted();
            assertThat(network.sink().missing(acknowledged).cardinality())
                    .as("the cap holds mail back").isPositive();

            daemon.command("warmup", "step", "new", "--to", "2");
            await(daemon, () -> network.sink().missing(acknowledged).isEmpty());
            assertThat(network.sink().corrupt()).isZero();
            assertThat(network.sink().reports()).isZero();
        }
    }

    private static long hour() {
        return TimeUnit.MILLISECONDS.toHours(TimeSource.system().epochMillis());
    }

    private static long used(DaemonProcess daemon) throws IOException {
        return daemon.admin().present("warmup_used_messages");
    }

    /** The queues, and why they wait. */
    private static String why(DaemonProcess daemon) {
        return daemon.admin().get("/api/v1/queues").orElse("");
    }

    private static void await(DaemonProcess daemon, BooleanSupplier done) throws Exception {
        long deadline = TimeSource.system().nanos() + LIMIT.toNanos();
        while (!done.getAsBoolean()) {
            assertThat(TimeSource.system().nanos()).as(() -> log(daemon)).isLessThan(deadline);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }

    private static String log(DaemonProcess daemon) {
        try {
            return daemon.log();
        } catch (IOException unreadable) {
            return unreadable.toString();
        }
    }
}
