// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which limit is named, and the arithmetic behind it. */
class BenchLimitTest {
    private static final BenchTimes TIMES = new BenchTimes(1000, 2_000_000, 3_000_000, 4_000_000,
            5_000_000);
    private static final BenchOptions PLAIN = BenchOptions.plain(Path.of("/tmp"), 100);
    private static final BenchProbe.Disk DISK = new BenchProbe.Disk("ext4", TIMES, 200e6);

    /** Ten seconds on two cores: 20 s of CPU, 30,000 messages. */
    private static BenchPhase phase(double busy, double flushShare, long writtenBytes,
            long waiting) {
        return new BenchPhase(10, 30_000, 30_000, 0, 12_000_000_000L, 6_000_000_000L, busy, 0, 5000,
                (long) (flushShare * 1e10), writtenBytes, waiting, TIMES, TIMES);
    }

    private static BenchLimit of(BenchOptions options, BenchPhase phase, double perSecond) {
        return BenchLimit.of(new BenchLimit.Facts(options, phase, DISK, 5000, 2, perSecond, 5000,
                200));
    }

    @Test
    void of_coresBusy_isTheCpuWithItsParts() {
        BenchLimit limit = of(PLAIN.withDkim(true), phase(0.97, 0.9, 300_000_000, 4900), 0);
        assertThat(limit.kind()).isEqualTo(BenchLimit.Kind.CPU);
        assertThat(limit.reasons().getFirst()).contains("all 2 cores", "97 %", "took 400 us",
                "about 200 for the RSA signature", "took 200 us");
        // 2 cores x 1,000,000 / 400 us; 200 MB/s / 10 KB would be more
        assertThat(limit.alonePerSecond()).isCloseTo(5000, within(1.0));
    }

    @Test
    void of_diskNarrowerThanCpu_theDiskBoundsWhatItGivesAlone() {
        BenchLimit limit = of(PLAIN, phase(0.95, 0.1, 3_000_000_000L, 0), 0);
        // 200 MB/s / 100 KB
        assertThat(limit.alonePerSecond()).isCloseTo(2000, within(1.0));
    }

    @Test
    void of_writingAsFastAsTheDisk_isItsBandwidth() {
        assertThat(of(PLAIN, phase(0.5, 0.9, 1_900_000_000L, 0), 0).kind())
                .isEqualTo(BenchLimit.Kind.DISK_BANDWIDTH);
    }

    @Test
    void of_spoolAlwaysWriting_isItsSyncsAndAsksForMoreSessions() {
        BenchLimit limit = of(PLAIN, phase(0.5, 0.85, 1_000_000, 0), 0);
        assertThat(limit.kind()).isEqualTo(BenchLimit.Kind.DISK_SYNC);
        assertThat(limit.reasons().getFirst()).contains("85 %", "6.0 new messages each",
                "--sessions 400");
    }

    /** 256 operations or 4 MB are a batch; each message is at least two of them. */
    @Test
    void batch_ofMessages_isByOperationsAndByOctets() {
        assertThat(BenchLimit.batch(PLAIN)).isCloseTo(128, within(1e-9));
        assertThat(BenchLimit.batch(new BenchOptions(Path.of("/tmp"), 1, 10_240, 3, false, false,
                false, false, Duration.ZERO, Duration.ZERO, false, false, "",
                BenchOptions.Clients.KEPT))).isCloseTo(64, within(1e-9));
        assertThat(BenchLimit.batch(PLAIN.withSize(1 << 20))).isCloseTo(4, within(1e-9));
    }

    @Test
    void of_batchesHalfFull_asksForAFasterDisk() {
        var full = new BenchPhase(10, 30_000, 30_000, 0, 12_000_000_000L, 6_000_000_000L, 0.5, 0,
                400, 8_500_000_000L, 1_000_000, 0, TIMES, TIMES);
        assertThat(of(PLAIN, full, 0).reasons().getFirst()).contains("75.0 new messages each",
                "A disk that syncs faster");
    }

    @Test
    void of_deliveriesWait_isTheNetworkWhenReceiversAreFar() {
        var far = new BenchOptions(Path.of("/tmp"), 100, 10_240, 1, false, false, false, false,
                Duration.ofMillis(50), Duration.ZERO, false, false, "", BenchOptions.Clients.KEPT);
        BenchLimit limit = of(far, phase(0.3, 0.2, 1000, 4900), 0);
        assertThat(limit.kind()).isEqualTo(BenchLimit.Kind.NETWORK);
        assertThat(limit.reasons().getFirst()).contains("200 connections", "not more than 4,000/s");
        assertThat(of(PLAIN, phase(0.3, 0.2, 1000, 4900), 0).kind())
                .isEqualTo(BenchLimit.Kind.CONNECTIONS);
    }

    @Test
    void of_nothingExhausted_isTheClients() {
        assertThat(of(PLAIN, phase(0.3, 0.2, 1000, 10), 0).kind())
                .isEqualTo(BenchLimit.Kind.SESSIONS);
    }

    @Test
    void of_askedRateKept_isTheRate() {
        assertThat(of(PLAIN, phase(0.95, 0.2, 1000, 10), 3000).kind())
                .isEqualTo(BenchLimit.Kind.RATE);
        assertThat(of(PLAIN, phase(0.95, 0.2, 1000, 10), 4000).kind())
                .isEqualTo(BenchLimit.Kind.CPU);
    }

    @Test
    void of_otherProgramsOrHostTakeCores_saysSo() {
        BenchPhase calm = phase(0.95, 0.2, 1000, 10);
        var stolen = new BenchPhase(10, 1, 1, 0, 1, 1, 0.3, 0.4, 1, 1, 1, 0, TIMES, TIMES);
        assertThat(String.join("\n", of(PLAIN, calm, 0).reasons())).doesNotContain("Measure again");
        assertThat(String.join("\n", of(PLAIN, stolen, 0).reasons())).contains("40 %",
                "Measure again");
    }

    @Test
    void of_nothingDelivered_hasNoFigureAlone() {
        var dead = new BenchPhase(10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, TIMES, TIMES);
        assertThat(of(PLAIN, dead, 0).alonePerSecond()).isZero();
    }

    @Test
    void ticks_ofTheFirstLine_countIdleAndStolenApart() {
        assertThat(BenchSnapshot.Ticks.of("cpu  100 0 50 800 20 0 10 20 0 0\ncpu0 1 2 3"))
                .isEqualTo(new BenchSnapshot.Ticks(160, 20, 1000));
        assertThat(BenchSnapshot.Ticks.of("")).isEqualTo(new BenchSnapshot.Ticks(0, 0, 0));
    }

    @Test
    void metric_onAPage_isFoundByItsWholeName() {
        String page = "spool_commits_total_more 9\n# HELP x\nspool_commits_total 1.25e3\n";
        assertThat(BenchSnapshot.metric(page, "spool_commits_total")).isEqualTo(1250);
        assertThat(BenchSnapshot.metric(page, "absent")).isZero();
    }

    @Test
    void daemonOptions_ofALauncher_leaveOutWhatIsForShortCommands() {
        assertThat(BenchProcess.daemonOptions(List.of("-Xmx256m", "-XX:TieredStopAtLevel=1",
                "-XX:+UseG1GC", "-Xshare:auto", "-Xlog:disable", "-javaagent:x.jar",
                "--sun-misc-unsafe-memory-access=deny",
                "-Dcom.amazon.corretto.crypto.provider.useExternalLib=true",
                "-XX:SharedArchiveFile=a", "-Dmailrace.root=x")))
                .containsExactly("-Xmx256m", "-XX:+UseG1GC",
                        "--sun-misc-unsafe-memory-access=deny",
                        "-Dcom.amazon.corretto.crypto.provider.useExternalLib=true");
    }

    @Test
    void bytes_ofSizes_haveUnits() {
        assertThat(List.of(BenchCommand.bytes("10k"), BenchCommand.bytes("2M"),
                BenchCommand.bytes("7"))).containsExactly(10_240, 2 << 20, 7);
    }
}
