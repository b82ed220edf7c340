// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.SigningLoad;
import io.mailrace.core.testing.FakeTimeSource;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Clients that send as fast as they may, in simulated time, against signing of some strength. */
class FlowControlTest {
    private static final Duration MOST = Duration.ofSeconds(2);
    private static final int ROOM = 5000;
    /** What the machine could take a second without signing. */
    private static final int MOST_TAKEN = 6000;

    private final FakeTimeSource time = new FakeTimeSource();
    private final Signing signing = new Signing();
    private double accepted;
    private double waiting;
    /** What waits for receivers and stays in memory. */
    private double stuck;

    private static final class Signing implements SigningLoad {
        double passed;
        long pauses;
        boolean busy;

        @Override
        public long passed() {
            return (long) passed;
        }

        @Override
        public long pauses() {
            return pauses;
        }

        @Override
        public boolean busy() {
            return busy;
        }
    }

    private FlowControl flow(Duration most) {
        return new FlowControl(() -> (long) accepted,
                () -> (int) Math.min(100, (waiting + stuck) * 100 / ROOM), signing, time, most);
    }

    /** A connection sends each 25 ms when nothing holds it; returns messages a second taken. */
    private double run(FlowControl flow, int connections, double signedPerSecond, int seconds) {
        return run(flow, connections, signedPerSecond, seconds, 1);
    }

    /** @param batchMillis how often signing ends a batch */
    private double run(FlowControl flow, int connections, double signedPerSecond, int seconds,
            int batchMillis) {
        double before = accepted;
        for (int millis = 0; millis < seconds * 1000; millis++) {
            double apartSeconds = Math.max(0.025, flow.spacingNanos() / 1e9);
            double taken = Math.min(MOST_TAKEN, connections / apartSeconds) / 1000;
            accepted += taken;
            waiting += taken;
            if (millis % batchMillis == 0) {
                double left = Math.min(waiting, signedPerSecond * batchMillis / 1000);
                waiting -= left;
                signing.passed += left;
                boolean idle = waiting < 1;
                signing.pauses += signing.busy && idle ? 1 : 0;
                signing.busy = !idle;
            }
            if (millis % FlowControl.EVERY_MILLIS == 0) {
                flow.look();
            }
            time.advance(Duration.ofMillis(1));
        }
        return (accepted - before) / seconds;
    }

    @Test
    void signingIsTheLimit_mailIsTakenAsItIsSigned() {
        FlowControl flow = flow(MOST);
        run(flow, 100, 2000, 10);
        assertThat(waiting).as("once it has begun").isLessThan(ROOM);
        assertThat(run(flow, 100, 2000, 20)).isBetween(1900.0, 2100.0);
        assertThat(waiting).isBetween(1.0, ROOM / 3.0);
        assertThat(flow.spacing()).isBetween(Duration.ofMillis(40), Duration.ofMillis(60));
    }

    @Test
    void manyConnections_areHeldFartherApart() {
        FlowControl flow = flow(MOST);
        run(flow, 1000, 2000, 10);
        assertThat(run(flow, 1000, 2000, 20)).isBetween(1900.0, 2100.0);
    }

    @Test
    void fewConnections_areHeldLess() {
        FlowControl flow = flow(MOST);
        run(flow, 20, 500, 10);
        assertThat(run(flow, 20, 500, 20)).isBetween(470.0, 530.0);
    }

    @Test
    void signingKeepsUp_nobodyWaits() {
        FlowControl flow = flow(MOST);
        assertThat(run(flow, 40, 2000, 10)).isBetween(1599.0, 1601.0);
        assertThat(flow.spacing()).isZero();
    }

    @Test
    void signingIsNoLongerTheLimit_soonNobodyWaits() {
        FlowControl flow = flow(MOST);
        run(flow, 100, 2000, 10);
        assertThat(flow.spacing()).isPositive();
        run(flow, 100, 20_000, 5);
        assertThat(flow.spacing()).isZero();
    }

    @Test
    void slowKeysInBatches_areKeptBusy() {
        FlowControl flow = flow(MOST);
        run(flow, 100, 300, 10, 210);
        assertThat(run(flow, 100, 300, 20, 210)).isBetween(240.0, 330.0);
    }

    @Test
    void busyAtEachLookWithPausesBetween_nobodyWaits() {
        FlowControl flow = flow(MOST);
        stuck = ROOM;
        for (int look = 0; look < 100; look++) {
            accepted += 500;
            signing.passed += 100;
            signing.pauses++;
            signing.busy = true;
            flow.look();
            time.advance(Duration.ofMillis(FlowControl.EVERY_MILLIS));
            assertThat(flow.spacing()).isZero();
        }
    }

    @Test
    void busyButHardlyAnythingWaits_nobodyIsHeld() {
        FlowControl flow = flow(MOST);
        stuck = ROOM * 0.19;
        for (int look = 0; look < 100; look++) {
            accepted += 500;
            signing.passed += 100;
            signing.busy = true;
            flow.look();
            time.advance(Duration.ofMillis(FlowControl.EVERY_MILLIS));
            assertThat(flow.spacing()).isZero();
        }
        stuck = ROOM * 0.2;
        accepted += 500;
        signing.passed += 100;
        flow.look();
        assertThat(flow.spacing()).isPositive();
    }

    @Test
    void most_isTheBound() {
        FlowControl flow = flow(Duration.ofMillis(30));
        run(flow, 1000, 1, 10);
        assertThat(flow.spacing()).isEqualTo(Duration.ofMillis(30));
    }

    @Test
    void mostZero_neverHolds() {
        FlowControl flow = flow(Duration.ZERO);
        run(flow, 1000, 1, 5);
        assertThat(flow.spacing()).isZero();
    }
}
