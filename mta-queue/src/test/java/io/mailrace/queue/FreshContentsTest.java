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

    @Test
    void largerThanAll_isNotKeptAndDrivesNothingOut() {
        put(1);
        time.advance(Duration.ofMinutes(1));
        fresh.put(2, new byte[31]);
        assertThat(fresh.get(1)).isNotNull();
        assertThat(fresh.get(2)).isNull();
    }
}
