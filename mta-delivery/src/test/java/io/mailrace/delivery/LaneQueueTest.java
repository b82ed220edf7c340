// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Lane;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LaneQueueTest {
    private final LaneQueue<String> queue = new LaneQueue<>();

    private void fill(Lane lane, int count) {
        for (int i = 0; i < count; i++) {
            queue.addLast(lane, lane.word() + i);
        }
    }

    @Test
    void poll_transactionalBehindBulk_isNext() {
        fill(Lane.BULK, 1000);
        queue.poll();
        queue.addLast(Lane.TRANSACTIONAL, "reset");
        assertThat(queue.highest()).isEqualTo(Lane.TRANSACTIONAL);
        assertThat(queue.poll()).isEqualTo("reset");
        assertThat(queue.poll()).isEqualTo("bulk1");
    }

    @Test
    void poll_sameLane_isInOrderAndGivenBackFirst() {
        fill(Lane.DEFAULT, 3);
        String first = queue.poll();
        assertThat(first).isEqualTo("default0");
        queue.addFirst(Lane.DEFAULT, "default0");
        assertThat(queue.clear()).containsExactly("default0", "default1", "default2");
        assertThat(queue.isEmpty()).isTrue();
        assertThat(queue.poll()).isNull();
        assertThat(queue.highest()).isNull();
    }

    @Test
    void poll_allLanesAlwaysThere_sharesAreAsStated() {
        for (Lane lane : Lane.values()) {
            fill(lane, 1600);
        }
        Map<Lane, Integer> left = new EnumMap<>(Lane.class);
        for (int i = 0; i < 1600; i++) {
            String one = String.valueOf(queue.poll());
            Lane lane = Lane.ofWord(one.replaceAll("[0-9]", "")).orElseThrow();
            left.merge(lane, 1, Integer::sum);
        }
        assertThat(left.get(Lane.TRANSACTIONAL)).isBetween(1280, 1320);
        assertThat(left.get(Lane.DEFAULT)).isBetween(180, 200);
        assertThat(left.get(Lane.BULK)).isBetween(90, 100);
    }

    /** Whatever comes and goes: no lane is passed over more often than stated. */
    @Test
    void poll_anyPattern_noLaneWaitsLongerThanStated() {
        for (int seed = 0; seed < 200; seed++) {
            LaneQueue<Lane> random = new LaneQueue<>();
            Random dice = new Random(seed);
            Map<Lane, Integer> passed = new EnumMap<>(Lane.class);
            for (int step = 0; step < 500; step++) {
                Lane comes = List.of(Lane.values()).get(dice.nextInt(3));
                for (int i = dice.nextInt(4); i > 0; i--) {
                    random.addLast(comes, comes);
                }
                Lane left = random.poll();
                for (Lane lane : Lane.values()) {
                    passed.merge(lane, 1, Integer::sum);
                    if (lane == left || random.size(lane) == 0) {
                        passed.put(lane, 0);
                    }
                }
                assertThat(passed.get(Lane.TRANSACTIONAL)).as("seed %d", seed)
                        .isLessThanOrEqualTo(2);
                assertThat(passed.get(Lane.DEFAULT)).as("seed %d", seed).isLessThanOrEqualTo(8);
                assertThat(passed.get(Lane.BULK)).as("seed %d", seed).isLessThanOrEqualTo(15);
            }
        }
    }
}
