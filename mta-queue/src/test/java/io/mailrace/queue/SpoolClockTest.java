// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class SpoolClockTest {
    private static final long DAY = Duration.ofDays(1).toMillis();
    private static final int MOVES = 100_000;

    private final FakeTimeSource time = new FakeTimeSource();
    private final SpoolClock clock = new SpoolClock(time, Progress.NONE, 4 * DAY);

    @Test
    void now_wallClockStepsBack_runsOn() {
        long before = clock.now();
        time.stepWallClock(Duration.ofHours(-1));
        time.advance(Duration.ofSeconds(5));
        assertThat(clock.now()).isEqualTo(before + 5000);
        assertThat(clock.toWall(clock.now())).isEqualTo(time.epochMillis());
        assertThat(clock.fromWall(time.epochMillis() + 7)).isEqualTo(clock.now() + 7);
    }

    @Test
    void now_stepBackAndRestart_doesNotRunBackwards() {
        long before = clock.now();
        time.stepWallClock(Duration.ofHours(-1));
        Progress stored = new Progress(1, 1, before, 1, 0, 0, 1, 0, 0,
                Progress.LogMark.NONE);
        assertThat(new SpoolClock(time, stored, DAY).now()).isEqualTo(before);
    }

    /** Tests move both clocks while threads of the spool look at them. */
    @Test
    void now_besideTimeThatMoves_seesNoStep() throws Exception {
        AtomicBoolean moving = new AtomicBoolean(true);
        Thread looking = Thread.ofPlatform().start(() -> {
            while (moving.get()) {
                clock.now();
            }
        });
        long before = clock.now();
        for (int i = 0; i < MOVES; i++) {
            time.advance(Duration.ofMinutes(2));
        }
        moving.set(false);
        looking.join();
        assertThat(clock.stepMillis()).isZero();
        assertThat(clock.now() - before).isEqualTo(MOVES * Duration.ofMinutes(2).toMillis());
    }

    @Test
    void expired_leapForward_countsForNewMailOnlyUntilForgotten() {
        long accepted = clock.now();
        time.stepWallClock(Duration.ofDays(10));
        assertThat(clock.now()).isEqualTo(accepted + 10 * DAY);
        assertThat(clock.expired(accepted, accepted + DAY)).isFalse();
        long fresh = clock.now();
        time.advance(Duration.ofDays(1));
        assertThat(clock.expired(accepted, accepted + DAY)).isTrue();
        assertThat(clock.expired(fresh, fresh + DAY)).isTrue();
        assertThat(clock.expired(accepted, accepted + 2 * DAY)).isFalse();
        time.advance(Duration.ofDays(4));
        assertThat(clock.expired(accepted, accepted + 9 * DAY)).isTrue();
    }
}
