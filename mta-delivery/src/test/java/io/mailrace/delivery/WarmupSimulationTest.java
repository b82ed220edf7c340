// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.delivery.WarmupSimulation.Arrivals;
import io.mailrace.delivery.WarmupSimulation.Day;
import io.mailrace.delivery.WarmupSimulation.Result;
import io.mailrace.delivery.WarmupSimulation.Setting;
import io.mailrace.delivery.WarmupSimulation.Way;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Weeks of warm-up in a moment, with the shipped plans and providers. */
class WarmupSimulationTest {
    private static final long VOLUME = 20_000;

    private static Result run(Way way, String plan, int days, Arrivals arrivals, int dipDay,
            int stops) {
        ConfigSource source = ConfigSource.ofFile(Path.of(System.getProperty("mailrace.root"),
                "config", "mailrace.conf"));
        return new WarmupSimulation(DeliveryConfig.from(source.root(), "mta.test"),
                new Setting(way, plan, days, VOLUME, arrivals, 0.2, dipDay, stops, 7)).run();
    }

    @ParameterizedTest
    @EnumSource(Arrivals.class)
    void plan_withRestartsAndCrashes_advancesExceedsNoCapAndLosesNoMail(Arrivals arrivals) {
        Result result = run(Way.HEALTH_HOLD, "standard", 12, arrivals, 0, 5);
        assertThat(result.over()).isZero();
        assertThat(result.restarts()).isGreaterThan(10);
        assertThat(result.crashes()).isGreaterThan(10);
        // what a crash sends twice is more than was submitted, what waits is to come
        assertThat(result.delivered() + result.bounced() + result.waiting())
                .isGreaterThanOrEqualTo(12 * VOLUME - 12);
        assertThat(result.laterShare()).isLessThan(0.05);
        assertThat(result.greylisted()).isPositive();
        // two sources at five receivers: most take a step a day until the cap is their part
        assertThat(actions(result, "advance")).isGreaterThan(40);
        assertThat(actions(result, "step-back")).isZero();
    }

    private static int actions(Result result, String action) {
        return result.days().stream().mapToInt(day -> day.actions().getOrDefault(action, 0))
                .sum();
    }

    @Test
    void plan_mailIsEven_carriesItsPart() {
        Result result = run(Way.HEALTH_HOLD, "standard", 14, Arrivals.EVEN, 0, 0);
        assertThat(result.fullOn()).isBetween(2, 14);
    }

    @Test
    void hourlyPlan_exceedsNoHour() {
        Result result = run(Way.HEALTH_HOLD, "hourly", 5, Arrivals.OFFICE, 0, 2);
        assertThat(result.over()).isZero();
        assertThat(actions(result, "advance")).isPositive();
    }

    @Test
    void noWarmUp_newSourcesArePutOffMuchMore() {
        Result with = run(Way.HEALTH_HOLD, "standard", 7, Arrivals.EVEN, 0, 0);
        Result without = run(Way.NO_WARM_UP, "standard", 7, Arrivals.EVEN, 0, 0);
        assertThat(without.later()).isGreaterThan(5 * Math.max(1, with.later()));
    }

    @Test
    void dip_atDayTwelve_holdsStepsBackAndRecovers() {
        Result result = run(Way.HEALTH_HOLD, "standard", 30, Arrivals.EVEN, 12, 0);
        List<Day> days = result.days();
        assertThat(days.subList(0, 11).stream().map(day -> day.actions().keySet()).toList()
                .toString()).contains("advance").doesNotContain("step-back");
        String after = days.subList(11, 25).stream().map(day -> day.actions().keySet()).toList()
                .toString();
        assertThat(after).contains("hold", "step-back");
        assertThat(result.events()).anyMatch(line -> line.contains("step-back")
                && line.contains("bad days in a row"));
        assertThat(days.getLast().later()).isLessThan(days.getLast().sent() / 20);
        assertThat(result.fullOn()).isPositive();
        assertThat(result.over()).isZero();
    }
}
