// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.TimeSource;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.delivery.Finding;
import io.mailrace.delivery.Finding.Severity;
import io.mailrace.queue.SpoolConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MachineCheckTest {
    @TempDir
    Path folder;

    private SpoolConfig spool(String minFree) {
        return DaemonConfig.ofText("hostname = mta1.example.test\nspool { path = \"" + folder
                + "/to/come\", min-free = " + minFree + " }").queue().spool();
    }

    @ParameterizedTest
    @CsvSource({"1000, WARN, 0.00 ms", "180000, OK, 0.18 ms", "4200000, OK, 4.20 ms",
            "80000000, WARN, 80.00 ms"})
    void judge_medianSync_isFineBetweenTooFastAndTooSlow(long nanos, Severity severity,
            String text) {
        Finding sync = MachineCheck.judge(nanos);
        assertThat(sync.severity()).isEqualTo(severity);
        assertThat(sync.text()).contains(text, "median of 50");
    }

    @Test
    void disk_isMeasured_andLeftAsItWas() throws IOException {
        List<Finding> findings = MachineCheck.disk(spool("0"), TimeSource.system());
        assertThat(findings).extracting(Finding::check).containsExactly("free", "sync");
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).isEmpty();
        }
        assertThat(MachineCheck.disk(spool("1000000g"), TimeSource.system()).getFirst().text())
                .contains("less than spool.min-free: new mail is refused");
    }

    @Test
    void clock_thatCannotBe_orWasSetBack_isSaid() throws IOException {
        Instant now = Instant.parse("2026-05-01T12:00:00Z");
        assertThat(clock(Instant.EPOCH).severity()).isEqualTo(Severity.FAIL);
        assertThat(clock(now).severity()).isEqualTo(Severity.OK);
        Path file = Files.createFile(folder.resolve("LOG"));
        Files.setLastModifiedTime(file, FileTime.from(now.plusSeconds(100)));
        assertThat(clock(now).text()).isEqualTo("The clock says 2026-05-01T12:00:00Z; the spool"
                + " agrees.");
        Files.setLastModifiedTime(file, FileTime.from(now.plusSeconds(3600)));
        assertThat(clock(now).text()).contains("it was set back");
    }

    private Finding clock(Instant now) {
        FakeTimeSource time = new FakeTimeSource();
        time.stepWallClock(Duration.ofMillis(now.toEpochMilli() - time.epochMillis()));
        return MachineCheck.clock(time, folder).getFirst();
    }
}
