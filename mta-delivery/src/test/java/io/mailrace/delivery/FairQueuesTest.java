// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Lane;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class FairQueuesTest {
    private final FairQueues queues = new FairQueues();

    private record Named(QueueKey key) implements MailQueue {
        @Override
        public List<Envelope> take(int max) {
            return List.of();
        }

        @Override
        public void putBack(Envelope envelope) {}

        @Override
        public void park(long untilEpochMillis, String why) {}

        @Override
        public QueueStatus status() {
            return new QueueStatus(key, 0, 0, 0, 0, 0, 0, "");
        }
    }

    private void add(Lane lane, String tenant, String domain) {
        queues.add(new QueueVisit(new Named(new QueueKey(lane, tenant, domain, "default"))));
    }

    private Map<String, Integer> turns(int count, Function<QueueKey, String> by) {
        Map<String, Integer> turns = new HashMap<>();
        for (int i = 0; i < count; i++) {
            turns.merge(by.apply(queues.next().queue().key()), 1, Integer::sum);
        }
        return turns;
    }

    @Test
    void next_allLanes_transactionalFirstNobodyStarves() {
        add(Lane.BULK, "t", "a");
        add(Lane.DEFAULT, "t", "a");
        add(Lane.TRANSACTIONAL, "t", "a");
        Map<String, Integer> turns = turns(160, key -> key.lane().word());
        assertThat(turns.get("transactional")).isGreaterThanOrEqualTo(120);
        assertThat(turns.get("default")).isEqualTo(20);
        assertThat(turns.get("bulk")).isEqualTo(10);
    }

    @Test
    void next_tenantWithManyQueues_getsNoMoreThanOneWithOne() {
        for (int i = 0; i < 100; i++) {
            add(Lane.DEFAULT, "big", "d" + i);
        }
        add(Lane.DEFAULT, "small", "d");
        assertThat(turns(100, QueueKey::tenant)).containsEntry("small", 50);
    }

    @Test
    void next_queuesOfATenant_takeTurns() {
        add(Lane.DEFAULT, "t", "a");
        add(Lane.DEFAULT, "t", "b");
        assertThat(turns(10, QueueKey::destination)).containsEntry("a", 5).containsEntry("b", 5);
    }

    @Test
    void dropLast_lastOfItsTenant_leavesTheOthers() {
        add(Lane.DEFAULT, "t", "a");
        add(Lane.DEFAULT, "u", "b");
        String dropped = queues.next().queue().key().tenant();
        queues.dropLast();
        assertThat(queues.size()).isEqualTo(1);
        assertThat(turns(4, QueueKey::tenant)).doesNotContainKey(dropped);
        queues.next();
        queues.dropLast();
        assertThat(queues.isEmpty()).isTrue();
    }

    @Test
    void clear_givesEveryQueueOnce() {
        add(Lane.DEFAULT, "t", "a");
        add(Lane.BULK, "u", "b");
        assertThat(queues.clear()).hasSize(2);
        assertThat(queues.isEmpty()).isTrue();
    }
}
