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

    /** A receiver that does not answer must not have the room while others are sent at once. */
    @Test
    void overtaken_makesRoomForNew() {
        put(1);
        put(2);
        for (long id = 10; id < 1000; id++) {
            put(id);
            time.advance(Duration.ofMillis(2));
            fresh.drop(id);
        }
        put(1000);
        put(1001);
        assertThat(fresh.get(1)).isNull();
        assertThat(fresh.get(1000)).isNotNull();
        assertThat(fresh.get(1001)).isNotNull();
        assertThat(fresh.bytes()).isEqualTo(30);
    }

    /** Nobody is overtaken where everybody waits: the oldest is sent next. */
    @Test
    void allWaitAlike_keepsTheOldest() {
        put(1);
        put(2);
        put(3);
        for (long id = 4; id < 1000; id++) {
            time.advance(Duration.ofSeconds(3));
            fresh.drop(id - 3);
            put(id);
        }
        time.advance(Duration.ofSeconds(2));
        put(1000);
        assertThat(fresh.get(997)).isNotNull();
        assertThat(fresh.get(1000)).isNull();
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
