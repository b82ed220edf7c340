// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import java.time.Duration;
import org.junit.jupiter.api.Test;

final class FreshContentsTest {
    private final FakeTimeSource time = new FakeTimeSource();
    private final FreshContents fresh = new FreshContents(30, time);

    private void put(long id) {
        fresh.put(id, new byte[10]);
    }

    @Test
    void full_keepsTheOldest_forTheyAreSentNext() {
        for (long id = 1; id <= 4; id++) {
            put(id);
        }
        assertThat(fresh.get(1)).isNotNull();
        assertThat(fresh.get(3)).isNotNull();
        assertThat(fresh.get(4)).isNull();
        assertThat(fresh.bytes()).isEqualTo(30);
    }

    @Test
    void dropped_makesRoom() {
        for (long id = 1; id <= 3; id++) {
            put(id);
        }
        fresh.drop(2);
        put(4);
        assertThat(fresh.get(1)).isNotNull();
        assertThat(fresh.get(4)).isNotNull();
        assertThat(fresh.bytes()).isEqualTo(30);
        put(5);
        assertThat(fresh.get(5)).isNull();
    }

    /** Mail that is not sent at once must not keep the room for good. */
    @Test
    void old_makesRoomForNew() {
        put(1);
        time.advance(Duration.ofSeconds(6));
        put(2);
        put(3);
        time.advance(Duration.ofSeconds(6));
        put(4);
        put(5);
        assertThat(fresh.get(1)).isNull();
        assertThat(fresh.get(2)).isNotNull();
        assertThat(fresh.get(4)).isNotNull();
        assertThat(fresh.get(5)).isNull();
        assertThat(fresh.bytes()).isEqualTo(30);
    }

    private void sendQuickly(long from, long to) {
        for (long id = from; id < to; id++) {
            put(id);
            time.advance(Duration.ofMillis(2));
            fresh.drop(id);
        }
    }

    /** A receiver that does not answer must not have the room while others are sent at once. */
    @Test
    void overtaken_makesRoomForNew() {
        put(1);
        put(2);
        sendQuickly(10, 1000);
        put(1000);
        put(1001);
        assertThat(fresh.get(1)).isNull();
        assertThat(fresh.get(2)).isNull();
        assertThat(fresh.get(1000)).isNotNull();
        assertThat(fresh.get(1001)).isNotNull();
        assertThat(fresh.bytes()).isEqualTo(20);
    }

    /** Nobody is overtaken where all wait longer than before: the oldest is sent next. */
    @Test
    void allHaveToWait_keepsTheOldest() {
        sendQuickly(0, 1000);
        int found = 0;
        for (long id = 1000; id < 2000; id++) {
            put(id);
            time.advance(Duration.ofSeconds(1));
            if (id >= 1900 && fresh.get(id - 4) != null) {
                found++;
            }
            fresh.drop(id - 4);
        }
        // Five wait, there is room for three.
        assertThat(found).isBetween(50, 75);
    }

    /** Mail to many goes when the last of them has it, perhaps after days. */
    @Test
    void oneGoneAfterDays_changesLittle() {
        sendQuickly(10, 1000);
        put(1);
        time.advance(Duration.ofDays(2));
        fresh.drop(1);
        put(2);
        sendQuickly(1000, 1500);
        put(1500);
        assertThat(fresh.get(2)).isNull();
    }

    @Test
    void largerThanAll_isNotKeptAndDrivesNothingOut() {
        put(1);
        time.advance(Duration.ofMinutes(1));
        fresh.put(2, new byte[31]);
        assertThat(fresh.get(1)).isNotNull();
        assertThat(fresh.get(2)).isNull();
    }
}
