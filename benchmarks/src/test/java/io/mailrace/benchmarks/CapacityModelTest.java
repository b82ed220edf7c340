// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.mailrace.benchmarks.CapacityModel.Assumptions;
import io.mailrace.benchmarks.CapacityModel.Bound;
import io.mailrace.benchmarks.CapacityModel.Capacity;
import io.mailrace.benchmarks.CapacityModel.Costs;
import io.mailrace.benchmarks.CapacityModel.Machine;
import io.mailrace.benchmarks.CapacityModel.Rsa;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The arithmetic of capacity, and that the page for users says what it gives. */
class CapacityModelTest {
    private static final Path FOLDER = Path.of(System.getProperty("mailrace.root", ".."),
            "benchmarks");
    private static final Costs COSTS = new Costs("here", 100, 20, 200, 300, 400, 10_000, 12_500,
            256);
    private static final CapacityModel MODEL = new CapacityModel(COSTS,
            new Assumptions(0.8, 1.25, 300), List.of());

    private static Machine machine(Rsa rsa, double sync, double disk, double network) {
        return new Machine("m", 4, 2, rsa, 0.5, sync, disk, network, 0.2);
    }

    @Test
    void of_fastDisk_isCpu() {
        // 2 cores x 1.25 x 0.5 = 1.25 of the reference; x 0.8 x 1e6 / 520
        Capacity capacity = MODEL.of(machine(Rsa.PLAIN, 0.1, 1000, 10_000), true);
        assertThat(capacity.cpu()).isCloseTo(1.25 * 0.8e6 / 520, within(1e-6));
        assertThat(capacity.bound()).isEqualTo(Bound.CPU);
        assertThat(capacity.perHour()).isCloseTo(capacity.cpu() * 3600, within(1e-6));
        assertThat(capacity.steady(0.2).perSecond()).isCloseTo(capacity.cpu() / 5, within(1e-6));
        assertThat(MODEL.of(machine(Rsa.IFMA, 0.1, 1000, 10_000), true).cpu())
                .isCloseTo(1.25 * 0.8e6 / 320, within(1e-6));
        assertThat(MODEL.of(machine(Rsa.FMA, 0.1, 1000, 10_000), true).cpu())
                .isCloseTo(1.25 * 0.8e6 / 420, within(1e-6));
        assertThat(MODEL.of(machine(Rsa.IFMA, 0.1, 1000, 10_000), false).cpu())
                .isCloseTo(10_000, within(1e-6));
    }

    @Test
    void of_eachBoundInTurn_isTheLeast() {
        // 10 MB/s / 12,500
        assertThat(MODEL.of(machine(Rsa.IFMA, 0.1, 10, 10_000), false))
                .matches(c -> c.bound() == Bound.DISK && Math.abs(c.perSecond() - 800) < 1e-6);
        // 88 Mbit/s / 8 / 11,000
        assertThat(MODEL.of(machine(Rsa.IFMA, 0.1, 1000, 88), false))
                .matches(c -> c.bound() == Bound.NETWORK && Math.abs(c.perSecond() - 1000) < 1e-6);
        // 300 clients x 1000 / (2 x 100 ms), less than 256 x 1000 / 100
        assertThat(MODEL.of(machine(Rsa.IFMA, 100, 1000, 10_000), false))
                .matches(c -> c.bound() == Bound.SYNC && Math.abs(c.perSecond() - 1500) < 1e-6);
    }

    @Test
    void syncBound_manyClients_isTheFullBatch() {
        assertThat(MODEL.syncBound(10, 100_000)).isCloseTo(25_600, within(1e-6));
        assertThat(MODEL.syncBound(10, 1)).isCloseTo(1000 / 20.0, within(1e-6));
    }

    @Test
    void cost_ofTwoSizes_isTheLineThroughThem() {
        CapacityCost cost = CapacityCost.of(2000, 110, 20_000, 200);
        assertThat(cost.micros(10_000)).isCloseTo(150, within(1e-9));
        assertThat(cost.micros(40_000)).isCloseTo(300, within(1e-9));
        assertThatThrownBy(() -> CapacityCost.of(1, 2, 1, 3)).hasMessageContaining("two sizes");
    }

    @Test
    void row_ofACheck_holdsWithinItsTolerance() {
        assertThat(new CapacityCheck.Row("r", 1000, 1290).holds(0.3)).isTrue();
        assertThat(new CapacityCheck.Row("r", 1000, 710).holds(0.3)).isTrue();
        assertThat(new CapacityCheck.Row("r", 1000, 690).holds(0.3)).isFalse();
        assertThat(new CapacityCheck.Row("r", 1000, 1310).holds(0.3)).isFalse();
        assertThat(new CapacityCheck.Row("r", 0, 0).holds(0.3)).isFalse();
    }

    @Test
    void cores_asTasksetTellsThem_areAll() {
        assertThat(CapacityCheck.cores("pid 7's current affinity list: 0,2-4\n"))
                .containsExactly(0, 2, 3, 4);
    }

    @Test
    void shown_ofAMachine_isTheArithmetic() {
        assertThat(MODEL.shown(machine(Rsa.PLAIN, 0.1, 1000, 10_000), true))
                .contains("4 vCPU / 2 x 1.25 x speed 0.50 = 1.25", "/ 520 us = 1,923/s",
                        "CPU: 1,923/s = 6,923,077 messages per hour");
    }

    @Test
    void read_notANumber_isRefused(@TempDir Path folder) throws IOException {
        String good = Files.readString(FOLDER.resolve("capacity.conf"));
        Path file = folder.resolve("c.conf");
        Files.writeString(file, good.replaceFirst("use = [0-9.]+", "use = 0"));
        assertThatThrownBy(() -> CapacityModel.read(file)).hasMessageContaining("use");
    }

    /** Whoever changes an input prints the page anew: benchmarks/capacity. */
    @Test
    void page_forUsers_hasTheTableOfTheModel() throws IOException {
        CapacityModel model = CapacityModel.read(FOLDER.resolve("capacity.conf"));
        assertThat(model.machines()).extracting(Machine::name)
                .containsExactlyInAnyOrder("t3.medium", "t3.large", "c5.xlarge", "c5.2xlarge",
                        "c6i.2xlarge");
        String page = Files.readString(FOLDER.resolve("CAPACITY.md"));
        assertThat(page).contains(model.table());
        Machine last = model.machines().getLast();
        assertThat(page).contains(model.shown(last, true));
    }
}
