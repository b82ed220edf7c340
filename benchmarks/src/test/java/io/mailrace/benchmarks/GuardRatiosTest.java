// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.mailrace.benchmarks.GuardRatios.Round;
import io.mailrace.daemon.BenchOptions;
import io.mailrace.daemon.BenchRig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The arithmetic of the guard, and that its yardstick relays. */
class GuardRatiosTest {
    private static final GuardRatios COMMITTED = new GuardRatios(2.0, 1.2, Map.of("date", "then"));

    private static Round round(double slowness, double plain, double signed) {
        return new Round(50 * slowness, 200 * slowness, plain * slowness, signed * slowness);
    }

    @Test
    void of_aSlowMachine_hasTheRatiosOfAFastOne() {
        GuardRatios ratios = GuardRatios.of(List.of(round(1, 100, 300), round(3, 100, 300),
                round(0.5, 100, 300)), Map.of());
        assertThat(ratios.plain()).isCloseTo(2, within(1e-9));
        assertThat(ratios.signed()).isCloseTo(300.0 / 250, within(1e-9));
        assertThat(ratios.worseThan(COMMITTED)).isEmpty();
    }

    @Test
    void of_oneRoundDisturbed_goesByTheMedian() {
        GuardRatios ratios = GuardRatios.of(List.of(round(1, 100, 300), round(1, 400, 900),
                round(1, 104, 300)), Map.of());
        assertThat(ratios.plain()).isCloseTo(2.08, within(1e-9));
    }

    @Test
    void of_evenCount_takesTheMiddleOfTwo() {
        GuardRatios ratios = GuardRatios.of(List.of(round(1, 100, 300), round(1, 110, 300),
                round(1, 120, 300), round(1, 500, 300)), Map.of());
        assertThat(ratios.plain()).isCloseTo(2.3, within(1e-9));
    }

    @Test
    void worseThan_justWithinTolerance_passesAndJustBeyondFails() {
        assertThat(new GuardRatios(2.3, 1.38, Map.of()).worseThan(COMMITTED)).isEmpty();
        assertThat(new GuardRatios(2.31, 1.2, Map.of()).worseThan(COMMITTED)).singleElement()
                .asString().contains("without a signature", "2.310", "was 2.000", "+15.5 %");
        assertThat(new GuardRatios(9, 9, Map.of()).worseThan(COMMITTED)).hasSize(2);
        assertThat(new GuardRatios(1, 1, Map.of()).worseThan(COMMITTED)).isEmpty();
    }

    @Test
    void of_tooFewRoundsOrNoCost_isRefused() {
        assertThatThrownBy(() -> GuardRatios.of(List.of(round(1, 1, 1), round(1, 1, 1)), Map.of()))
                .hasMessageContaining("at least 3");
        assertThatThrownBy(() -> new Round(0, 1, 1, 1)).hasMessageContaining("without cost");
        assertThatThrownBy(() -> new Round(Double.NaN, 1, 1, 1))
                .hasMessageContaining("without cost");
    }

    @Test
    void json_readAgain_isTheSame() {
        GuardRatios read = GuardRatios.read(COMMITTED.json());
        assertThat(read).isEqualTo(COMMITTED);
        for (String broken : List.of("", "[]", "{", "{\"plain\":0,\"signed\":1}", "{}", "null")) {
            assertThatThrownBy(() -> GuardRatios.read(broken.getBytes(StandardCharsets.UTF_8)))
                    .describedAs(broken).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void echoRelay_underLoad_passesEveryMessageOn(@TempDir Path folder)
            throws IOException, InterruptedException {
        try (var rig = BenchRig.start(BenchOptions.plain(folder, 3),
                BenchRig.Launch.of(EchoRelay.class))) {
            rig.begin();
            rig.awaitDelivered(50);
            BenchRig.Account account = rig.finish();
            assertThat(account.good()).describedAs("%s %s", account, rig.log()).isTrue();
            assertThat(account.acknowledged()).isGreaterThanOrEqualTo(50);
        }
    }
}
