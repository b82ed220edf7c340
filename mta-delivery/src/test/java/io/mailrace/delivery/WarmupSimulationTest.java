// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.delivery.WarmupSimulation.Day;
import io.mailrace.delivery.WarmupSimulation.Result;
import io.mailrace.delivery.WarmupSimulation.Setting;
import io.mailrace.delivery.WarmupSimulation.Way;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Weeks of warm-up in a moment, with the shipped plans and providers. */
class WarmupSimulationTest {
    private static final long VOLUME = 40_000;

    private static Result run(Way way, int days, int dipDay, int stops) {
        ConfigSource source = ConfigSource.ofFile(Path.of(System.getProperty("mailrace.root"),
                "config", "mailrace.conf"));
        return new WarmupSimulation(DeliveryConfig.from(source.root(), "mta.test"),
                new Setting(way, "standard", days, VOLUME, dipDay, stops, 7)).run();
    }

    @Test
    void plan_withRestartsAndCrashes_neverExceedsACapAndLosesNoMail() {
        Result result = run(Way.HEALTH_HOLD, 30, 0, 4);
        assertThat(result.over()).isZero();
        assertThat(result.restarts()).isGreaterThan(20);
        assertThat(result.crashes()).isGreaterThan(20);
        // what a crash sends twice is more than was submitted, what waits is to come
        assertThat(result.delivered() + result.bounced() + result.waiting())
                .isGreaterThanOrEqualTo(30 * VOLUME - 30);
        assertThat(result.fullOn()).isBetween(2, 30);
        assertThat(result.laterShare()).isLessThan(0.05);
    }

    @Test
    void noWarmUp_newSourcesArePutOffMuchMore() {
        Result with = run(Way.HEALTH_HOLD, 14, 0, 0);
        Result without = run(Way.NO_WARM_UP, 14, 0, 0);
        assertThat(without.later()).isGreaterThan(5 * Math.max(1, with.later()));
    }

    @Test
    void dip_atDayTwelve_holdsStepsBackAndRecovers() {
        Result result = run(Way.HEALTH_HOLD, 40, 12, 0);
        List<Day> days = result.days();
        assertThat(days.subList(0, 11).stream().map(day -> day.actions().keySet()).toList()
                .toString()).contains("advance").doesNotContain("step-back");
        String after = days.subList(11, 30).stream().map(day -> day.actions().keySet()).toList()
                .toString();
        assertThat(after).contains("hold", "step-back");
        assertThat(result.events()).anyMatch(line -> line.contains("step-back")
                && line.contains("bad days in a row"));
        assertThat(days.getLast().later()).isLessThan(days.getLast().sent() / 20);
        assertThat(result.fullOn()).isPositive();
        assertThat(result.over()).isZero();
    }
}
