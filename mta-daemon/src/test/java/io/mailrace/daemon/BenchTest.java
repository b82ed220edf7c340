// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.TimeSource;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code mailrace bench} itself, as short as it can be: a real daemon as a process of its own. */
class BenchTest {
    @TempDir
    Path folder;

    private BenchOptions options(boolean signedAndEncrypted, int recipients) {
        return new BenchOptions(folder, 4, 2000, recipients, signedAndEncrypted,
                signedAndEncrypted, signedAndEncrypted, false, Duration.ZERO, Duration.ZERO,
                false, false, "", BenchOptions.Clients.KEPT);
    }

    @Test
    void run_short_measuresAndLeavesNothingBehind() throws IOException, InterruptedException {
        var text = new ByteArrayOutputStream();
        BenchResult result = Bench.run(Bench.Plan.of(options(false, 1), 1, 0), quiet());
        BenchReport.print(new PrintStream(text, true, StandardCharsets.UTF_8), result);
        String report = text.toString(StandardCharsets.UTF_8);
        assertThat(result.account().good()).describedAs(report).isTrue();
        assertThat(result.account().acknowledged()).describedAs(report).isPositive();
        assertThat(report).contains("messages per hour", "250 to delivered", "What it was held by",
                "OK: ");
        Map<String, ?> json = JsonTree.object(new String(BenchReport.json(result),
                StandardCharsets.UTF_8));
        assertThat(json).containsKeys("limit", "messages_per_hour", "full", "half");
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void rig_signedOverTlsToThree_everyDeliveryArrives() throws IOException, InterruptedException {
        try (BenchRig rig = BenchRig.start(options(true, 3))) {
            rig.begin();
            rig.awaitDelivered(60);
            BenchRig.Account account = rig.finish();
            assertThat(account.good()).describedAs("%s %s", account, rig.log()).isTrue();
            assertThat(account.acknowledged()).isGreaterThanOrEqualTo(20);
            assertThat(account.delivered()).isGreaterThanOrEqualTo(3 * account.acknowledged());
        }
    }

    /** Content goes by DATA unless the receivers offer more, and events flow where one wants. */
    @Test
    void rig_withChunkingAndEvents_everyDeliveryArrives()
            throws IOException, InterruptedException {
        try (BenchRig rig = BenchRig.start(options(false, 1).with(true, true))) {
            rig.begin();
            rig.awaitDelivered(2000);
            BenchRig.Account account = rig.finish();
            assertThat(account.good()).describedAs("%s %s", account, rig.log()).isTrue();
        }
    }

    @Test
    void rig_clientsThatLeaveAndComeAgain_everyDeliveryArrives()
            throws IOException, InterruptedException {
        var often = new BenchOptions.Clients(3, false);
        try (BenchRig rig = BenchRig.start(options(false, 2).with(often))) {
            rig.begin();
            rig.awaitDelivered(200);
            BenchRig.Account account = rig.finish();
            assertThat(account.good()).describedAs("%s %s", account, rig.log()).isTrue();
            assertThat(account.lostLines()).isZero();
            String page = BenchSnapshot.metrics(new AdminClient(onlyFolder().resolve(
                    "admin.sock")));
            assertThat(BenchSnapshot.metric(page, "smtp_connections_total"))
                    .isGreaterThanOrEqualTo(account.acknowledged() / 3);
        }
    }

    @Test
    void rig_mailForADomainThatDoesNotAnswer_waitsWhileTheRestArrives()
            throws IOException, InterruptedException {
        var someDead = new BenchOptions.Clients(0, true, 4);
        try (BenchRig rig = BenchRig.start(options(false, 2).with(someDead))) {
            rig.begin();
            rig.awaitDelivered(150);
            BenchRig.Account account = rig.finish();
            assertThat(account.good()).describedAs("%s %s", account, rig.log()).isTrue();
            assertThat(account.lastTrouble()).isEmpty();
            String page = BenchSnapshot.metrics(new AdminClient(onlyFolder().resolve(
                    "admin.sock")));
            assertThat(BenchSnapshot.metric(page, "queue_envelopes_waiting"))
                    .isEqualTo(account.submitted() - account.acknowledged())
                    .isBetween(account.submitted() / 4, account.submitted() / 4 + 4);
        }
    }

    private Path onlyFolder() throws IOException {
        try (Stream<Path> inside = Files.list(folder)) {
            return inside.toList().getFirst();
        }
    }

    /** One command at a time, one message on each connection. */
    @Test
    void source_withoutPipelining_waitsForEachReply() throws IOException {
        var loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        try (var server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
                var source = new BenchSource(new BenchSource.Options(
                        (InetSocketAddress) server.getLocalSocketAddress(), 1, Optional.empty(), 1,
                        0, 10, new BenchOptions.Clients(1, false)), new BenchMessage(64),
                        new BenchLedger(1), TimeSource.system(), loops)) {
            for (int i = 0; i < 2; i++) {
                try (Socket one = server.accept()) {
                    one.setSoTimeout(10_000);
                    assertThat(answer(one, "220 a")).startsWith("EHLO ");
                    assertThat(answer(one, "250 a")).startsWith("MAIL ");
                    assertThat(answer(one, "250 a")).startsWith("RCPT ");
                    assertThat(answer(one, "250 a")).isEqualTo("DATA\r\n");
                    assertThat(answer(one, "354 a")).contains("\r\n\r\n");
                    assertThat(answer(one, "250 a")).isEqualTo("QUIT\r\n");
                }
            }
        } finally {
            loops.shutdownGracefully();
        }
    }

    /** What comes after a reply, to the end of a line at which nothing more is on its way. */
    private static String answer(Socket client, String reply) throws IOException {
        client.getOutputStream().write((reply + "\r\n").getBytes(StandardCharsets.US_ASCII));
        var all = new StringBuilder();
        byte[] bytes = new byte[4096];
        do {
            int read = client.getInputStream().read(bytes);
            assertThat(read).isPositive();
            all.append(new String(bytes, 0, read, StandardCharsets.US_ASCII));
        } while (reply.startsWith("354")
                ? all.indexOf("\r\n.\r\n") < 0
                : !all.toString().endsWith("\r\n"));
        return all.toString();
    }

    @Test
    void receivers_unlessAsked_offerNoChunking() throws IOException, InterruptedException {
        for (boolean chunking : new boolean[]{false, true}) {
            var loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
            try (var receivers = BenchReceivers.start(options(false, 1).with(chunking, false),
                    new BenchSink(new BenchLedger(1), TimeSource.system()), loops);
                    var client = SimulatedClient.connect(new InetSocketAddress(
                            InetAddress.getByName("127.0.79.1"), receivers.port()),
                            Duration.ofSeconds(10))) {
                assertThat(client.offers("CHUNKING")).isEqualTo(chunking);
                assertThat(client.offers("PIPELINING")).isTrue();
            } finally {
                loops.shutdownGracefully();
            }
        }
    }

    /** What a relay that hangs never answers has its time too, and what was due after it. */
    @Test
    void measure_relayNeverAnswers_timesTellIt() throws IOException, InterruptedException {
        try (BenchRig rig = BenchRig.start(options(false, 1),
                BenchRig.Launch.of(MuteRelay.class))) {
            rig.begin(200);
            BenchPhase phase = rig.measure(Duration.ofSeconds(2));
            assertThat(phase.accepted()).isZero();
            assertThat(phase.toReply().count()).isGreaterThan(300);
            assertThat(Duration.ofNanos(phase.toReply().max())).isGreaterThan(
                    Duration.ofMillis(1800));
            assertThat(Duration.ofNanos(phase.toReply().p50())).isGreaterThan(
                    Duration.ofMillis(700));
        }
    }

    /** A run that was stopped hard left a key of a fixed name. */
    @Test
    void measure_signatures_mindsNoFileThatIsThere() throws IOException, InterruptedException {
        Files.writeString(folder.resolve("probe.pem"), "left");
        assertThat(BenchProbe.signaturesPerSecond(folder, Duration.ofMillis(20),
                TimeSource.system())).isPositive();
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(folder.resolve("probe.pem"));
        }
    }

    /** A relay that dies is told as lost mail, not waited for without end. */
    @Test
    void finish_relayKilled_tellsWhatIsMissing() throws IOException, InterruptedException {
        var slow = new BenchOptions(folder, 4, 2000, 1, false, false, false, false, Duration.ZERO,
                Duration.ofSeconds(10), false, false, "", BenchOptions.Clients.KEPT);
        try (BenchRig rig = BenchRig.start(slow)) {
            rig.begin();
            rig.awaitDelivered(1);
            ProcessHandle relay = ProcessHandle.of(rig.pid()).orElseThrow();
            relay.destroyForcibly();
            relay.onExit().join();
            BenchRig.Account account = rig.finish();
            assertThat(account.lost() + account.lostLines()).isPositive();
        }
    }

    @Test
    void measure_disk_tellsTimesAndBandwidth() throws IOException {
        BenchProbe.Disk disk = BenchProbe.disk(folder, Duration.ofMillis(50),
                TimeSource.system());
        assertThat(disk.sync().count()).isPositive();
        assertThat(disk.bytesPerSecond()).isPositive();
        assertThat(disk.kind()).isNotEmpty();
    }

    /** A reply comes a round trip after what it answers, and a whole group costs one. */
    @Test
    void roundTrip_ofReceiver_delaysEachGroupOnce() throws IOException, InterruptedException {
        TimeSource time = TimeSource.system();
        Duration away = Duration.ofMillis(60);
        var loops = new MultiThreadIoEventLoopGroup(1,
                NioIoHandler.newFactory());
        var ledger = new BenchLedger(1);
        var provider = new SimulatedProvider(loops, "far.test", new SimulatedBehaviour() {
            @Override
            public Duration roundTrip() {
                return away;
            }
        }, Optional.empty(), new BenchSink(ledger, time));
        try {
            int port = provider.listenOnCommonPort("127.0.79.", 2, 5);
            long begin = time.nanos();
            try (SimulatedClient client = SimulatedClient.connect(new InetSocketAddress(
                    InetAddress.getByName("127.0.79.2"), port), Duration.ofSeconds(10))) {
                client.octets("NOOP\r\nNOOP\r\nNOOP\r\n".getBytes(StandardCharsets.US_ASCII));
                for (int i = 0; i < 3; i++) {
                    assertThat(client.reply().code()).isEqualTo(250);
                }
            }
            // greeting, EHLO, the group
            assertThat(Duration.ofNanos(time.nanos() - begin)).isGreaterThan(
                    away.multipliedBy(3).minusMillis(5));
        } finally {
            provider.close();
            loops.shutdownGracefully();
        }
    }

    @Test
    void options_outOfBounds_areRefused() {
        assertThatThrownBy(() -> BenchOptions.plain(folder, 0)).hasMessageContaining("sessions");
        assertThatThrownBy(() -> new BenchOptions.Clients(-1, true))
                .hasMessageContaining("messages per connection");
        assertThatThrownBy(() -> Bench.Plan.of(options(false, 1), 0, 0))
                .hasMessageContaining("seconds");
        assertThatThrownBy(() -> Bench.Plan.of(options(false, 1), 1, Double.NaN))
                .hasMessageContaining("rate");
        assertThatThrownBy(() -> BenchCommand.bytes("10 kb")).hasMessageContaining("10 kb");
    }

    private static PrintStream quiet() {
        return new PrintStream(OutputStream.nullOutputStream(), false,
                StandardCharsets.UTF_8);
    }
}
