// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mailrace.core.TimeSource;
import io.mailrace.core.testing.FakeTimeSource;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What systemd hears, on a real datagram socket. */
class SystemdTest {
    @TempDir
    private Path folder;
    private final StandInSpool spool = new StandInSpool();
    private final NotifyListener listener = new NotifyListener();
    private final List<Liveness> living = new CopyOnWriteArrayList<>();

    @BeforeEach
    void listen() {
        listener.bind(folder.resolve("notify").toString());
    }

    @AfterEach
    void close() {
        living.forEach(Liveness::close);
        listener.close();
    }

    private Systemd systemd(String watchdogMicros) {
        return Systemd.of(Map.of("NOTIFY_SOCKET", folder.resolve("notify").toString(),
                "WATCHDOG_USEC", watchdogMicros), TimeSource.system());
    }

    private Liveness liveness(List<Liveness.Asked> all, Systemd systemd) {
        Liveness started = new Liveness(all, spool, TimeSource.system(), systemd.stuckAfter())
                .start();
        living.add(started);
        return started;
    }

    @Test
    void life_isToldInOrder() {
        Systemd systemd = systemd("");
        systemd.starting("Starting: opening the spool");
        systemd.ready(liveness(List.of(), systemd), () -> "3 waiting\nlistening");
        try (Systemd.Reloading now = systemd.reloading()) {
            listener.awaitMessage("RELOADING=1");
        }
        systemd.stopping(Duration.ofMinutes(1));
        systemd.close();
        listener.awaitMessage("STATUS=Stopped");
        // a slow machine may be told in between for how long it has been stopping
        List<String> told = listener.messages.stream().filter(one -> !one.contains(", for "))
                .toList();
        assertThat(told).satisfiesExactly(
                one -> assertThat(one).isEqualTo("STATUS=Starting: opening the spool"),
                two -> assertThat(two).isEqualTo("READY=1\nSTATUS=3 waiting?listening"),
                three -> assertThat(three)
                        .matches("RELOADING=1\nMONOTONIC_USEC=\\d+\nSTATUS=Reloading"),
                four -> assertThat(four).startsWith("READY=1\n"),
                five -> assertThat(five).startsWith("STOPPING=1\n")
                        .endsWith("\nEXTEND_TIMEOUT_USEC=60000000"),
                six -> assertThat(six).isEqualTo("STATUS=Stopped"));
    }

    @Test
    void start_thatTakesLong_asksForMoreTime_andIsNotReady() {
        Systemd systemd = systemd("80000");
        systemd.starting("Starting");
        await().until(() -> listener.count("EXTEND_TIMEOUT_USEC=60000000") >= 3);
        assertThat(listener.count("READY=1")).isZero();
        assertThat(listener.count("WATCHDOG=1")).isZero();
        assertThat(listener.messages).anyMatch(one -> one.startsWith("STATUS=Starting, for 0 s"));
        systemd.close();
    }

    @Test
    void failedStart_saysWhy() {
        Systemd systemd = systemd("");
        systemd.starting("Starting");
        systemd.failed("listener relay cannot listen");
        listener.awaitMessage("STATUS=Not started: listener relay cannot listen");
        systemd.close();
        assertThat(listener.count("Stopped")).isZero();
    }

    private static void someTurns(AtomicInteger turns) {
        int before = turns.get();
        await().until(() -> turns.get() >= before + 5);
    }

    @Test
    void watchdog_isFedWhileThreadsTurn_andNotWhileOneHangs() {
        CountDownLatch hang = new CountDownLatch(1);
        try (ExecutorService loop = Executors.newSingleThreadExecutor()) {
            Systemd systemd = systemd("400000");
            AtomicInteger stuckTurns = new AtomicInteger();
            Executor counting = task -> {
                stuckTurns.incrementAndGet();
                task.run();
            };
            systemd.ready(liveness(List.of(new Liveness.Asked("event loop 1", loop, false),
                    new Liveness.Asked("turns", counting, false)), systemd), () -> "fine");
            await().until(() -> listener.count("WATCHDOG=1") >= 4);
            loop.execute(() -> {
                try {
                    hang.await();
                } catch (InterruptedException end) {
                    Thread.currentThread().interrupt();
                }
            });
            listener.awaitMessage("STATUS=Stuck: event loop 1 has not come around for 0 s");
            // a pause of the machine may have looked the same: the feeding ends a little later
            long before = -1;
            long fed = listener.count("WATCHDOG=1");
            for (int i = 0; i < 20 && fed != before; i++) {
                before = fed;
                someTurns(stuckTurns);
                fed = listener.count("WATCHDOG=1");
            }
            someTurns(stuckTurns);
            assertThat(listener.count("WATCHDOG=1")).isEqualTo(fed).isEqualTo(before);
            hang.countDown();
            long hungry = fed;
            await().until(() -> listener.count("WATCHDOG=1") > hungry);
            listener.awaitMessage("STATUS=fine");
            systemd.close();
        }
    }

    @Test
    void watchdog_spoolThreadHangs_isNotFed() {
        Systemd systemd = systemd("80000");
        spool.stuck = Optional.of("spool-commit");
        systemd.ready(liveness(List.of(), systemd), () -> "fine");
        listener.awaitMessage("STATUS=Stuck: spool-commit");
        assertThat(listener.count("WATCHDOG=1")).isZero();
        spool.stuck = Optional.empty();
        listener.awaitMessage("WATCHDOG=1");
        systemd.close();
    }

    @Test
    void liveness_executorThatEndedOrRefuses_isStuck() {
        FakeTimeSource time = new FakeTimeSource();
        Executor ended = task -> {
            throw new RejectedExecutionException();
        };
        AtomicReference<Runnable> asked = new AtomicReference<>(() -> {});
        Liveness liveness = new Liveness(List.of(new Liveness.Asked("a", Runnable::run, false),
                new Liveness.Asked("b", ended, false)), spool, time, Duration.ofSeconds(60));
        Liveness slow = new Liveness(List.of(new Liveness.Asked("slow", asked::set, false)), spool,
                time,
                Duration.ofSeconds(60));
        slow.look();
        time.advance(Duration.ofSeconds(59));
        assertThat(liveness.look()).isEmpty();
        assertThat(slow.look()).isEmpty();
        time.advance(Duration.ofSeconds(2));
        assertThat(liveness.look()).contains("b");
        assertThat(slow.look()).contains("slow");
        Objects.requireNonNull(asked.get()).run();
        assertThat(slow.look()).isEmpty();
    }

    /** A restart would wait for the same disk: what waits for it has ten minutes. */
    @Test
    void liveness_diskThatDoesNotAnswer_hasALongerLimit() {
        FakeTimeSource time = new FakeTimeSource();
        Liveness liveness = new Liveness(
                List.of(new Liveness.Asked("spool-read", task -> {}, true)),
                spool, time, Duration.ofSeconds(60));
        liveness.look();
        time.advance(Duration.ofSeconds(61));
        spool.silent = Duration.ofSeconds(61);
        spool.stalled = Duration.ofSeconds(60);
        assertThat(liveness.look()).isEmpty();
        assertThat(liveness.stuck()).isEmpty();
        // the same silence for another reason
        spool.stalled = Duration.ZERO;
        assertThat(liveness.look()).contains("spool-commit");
        assertThat(liveness.stuck()).contains("spool-commit");
        spool.silent = Duration.ZERO;
        assertThat(liveness.look()).contains("spool-read");
        time.advance(Duration.ofMinutes(10));
        spool.silent = Duration.ofMinutes(11);
        spool.stalled = spool.silent;
        assertThat(liveness.look()).contains("spool-commit");
    }

    /** What never touches the disk is not excused by it. */
    @Test
    void liveness_loopHangsWhileTheDiskDoes_isStuck() {
        FakeTimeSource time = new FakeTimeSource();
        Liveness liveness = new Liveness(List.of(new Liveness.Asked("event loop 1", task -> {},
                false)), spool, time, Duration.ofSeconds(60));
        liveness.look();
        time.advance(Duration.ofSeconds(61));
        spool.stalled = Duration.ofSeconds(61);
        assertThat(liveness.look()).contains("event loop 1");
    }

    @Test
    void liveness_nobodyLooks_isStuckItself() {
        FakeTimeSource time = new FakeTimeSource();
        Liveness liveness = new Liveness(List.of(), spool, time, Duration.ofSeconds(60));
        liveness.look();
        assertThat(liveness.stuck()).isEmpty();
        time.advance(Duration.ofSeconds(62));
        assertThat(liveness.stuck()).contains("liveness");
    }

    @Test
    void listenerThatIsGone_harmsNobody() {
        Systemd systemd = systemd("80000");
        listener.close();
        systemd.starting("Starting");
        systemd.ready(liveness(List.of(), systemd), () -> "fine");
        systemd.stopping(Duration.ofSeconds(1));
        systemd.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"relative", "@", "/", "vsock:2:1234", "", "unix:/run/x", "../x",
            "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                    + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    void socketThatIsNone_isLeftAlone(String address) {
        Systemd systemd = Systemd.of(Map.of("NOTIFY_SOCKET", address, "WATCHDOG_USEC", "80000"),
                TimeSource.system());
        systemd.starting("Starting");
        systemd.ready(liveness(List.of(), systemd), () -> "fine");
        systemd.close();
        assertThat(listener.messages).isEmpty();
    }

    @Test
    void abstractSocket_isReached() {
        String name = "mailrace-test-" + ProcessHandle.current().pid();
        try (NotifyListener other = new NotifyListener()) {
            other.bind("\0" + name);
            Systemd systemd = Systemd.of(Map.of("NOTIFY_SOCKET", "@" + name), TimeSource.system());
            systemd.starting("Starting");
            other.awaitMessage("STATUS=Starting");
            systemd.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0", "-1", "x", "1e6", "99999999999999999999", " 1", "١"})
    void watchdogThatIsNoTime_isNone(String micros) {
        assertThat(Systemd.watchdog(Map.of("WATCHDOG_USEC", micros))).isEmpty();
    }

    @Test
    void watchdog_ofAnotherProcess_isNotOurs() {
        String self = Long.toString(ProcessHandle.current().pid());
        assertThat(Systemd.watchdog(Map.of("WATCHDOG_USEC", "120000000", "WATCHDOG_PID", self)))
                .contains(Duration.ofMinutes(2));
        assertThat(Systemd.watchdog(Map.of("WATCHDOG_USEC", "120000000", "WATCHDOG_PID", "1")))
                .isEmpty();
        assertThat(Systemd.watchdog(Map.of("WATCHDOG_USEC", "1"))).contains(Duration.ofNanos(1000));
    }
}
