// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Lane;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class FairQueuesTest {
    private static final int SMALL = 10_000;
    private static final int MAX_COST = 17;

    private final FairQueues queues = new FairQueues();

    private record Named(QueueKey key) implements MailQueue {
        @Override
        public long now() {
            return 0;
        }

        @Override
        public List<Envelope> take(int max) {
            return List.of();
        }

        @Override
        public void putBack(Envelope envelope) {}

        @Override
        public void park(long untilEpochMillis, String why) {}

        @Override
        public void parkUntried(long untilEpochMillis, String why) {}

        @Override
        public QueueStatus status() {
            return new QueueStatus(key, 0, 0, 0, 0, 0, 0, "");
        }
    }

    private void add(String tenant, String domain) {
        add(queues, Lane.DEFAULT, tenant, domain);
    }

    private static void add(FairQueues to, Lane lane, String tenant, String domain) {
        to.add(new QueueVisit(new Named(new QueueKey(lane, tenant, domain, "default"))));
    }

    /** One message each time, as when a single connection is free again and again. */
    private Map<String, Integer> messages(int count, long bytes, Function<QueueKey, String> by) {
        Map<String, Integer> sent = new HashMap<>();
        for (int i = 0; i < count; i++) {
            sent.merge(by.apply(queues.next(Lane.DEFAULT).queue().key()), 1, Integer::sum);
            queues.pay(bytes);
        }
        return sent;
    }

    @Test
    void next_tenantWithAThousandQueues_getsNoMoreThanOneWithOne() {
        for (int i = 0; i < 1000; i++) {
            add("many", "d" + i);
        }
        add("one", "d");
        assertThat(messages(800, SMALL, QueueKey::tenant)).containsEntry("one", 400);
    }

    @Test
    void next_thousandQueuesOfOneMessage_shareEquallyWithOneLongQueue() {
        for (int i = 0; i < 1000; i++) {
            add("many", "d" + i);
        }
        add("one", "d");
        Map<String, Integer> sent = new HashMap<>();
        for (int i = 0; i < 1600; i++) {
            String tenant = queues.next(Lane.DEFAULT).queue().key().tenant();
            sent.merge(tenant, 1, Integer::sum);
            queues.pay(SMALL);
            if (tenant.equals("many")) {
                queues.dropLast();
            }
        }
        assertThat(sent.get("many")).isBetween(796, 804);
    }

    @Test
    void next_queuesOfATenant_takeTurns() {
        add("t", "a");
        add("t", "b");
        assertThat(messages(10, SMALL, QueueKey::destination)).containsEntry("a", 5)
                .containsEntry("b", 5);
    }

    @Test
    void next_otherLane_isNotTouched() {
        add(queues, Lane.BULK, "t", "a");
        add("t", "b");
        assertThat(queues.has(Lane.TRANSACTIONAL)).isFalse();
        assertThat(queues.next(Lane.BULK).queue().key().destination()).isEqualTo("a");
        queues.dropLast();
        assertThat(queues.has(Lane.BULK)).isFalse();
        assertThat(queues.next(Lane.DEFAULT).queue().key().destination()).isEqualTo("b");
    }

    @Test
    void pay_largeMail_countsBySize() {
        add("large", "a");
        add("small", "b");
        long large = 0;
        long small = 0;
        for (int i = 0; i < 2000; i++) {
            if (queues.next(Lane.DEFAULT).queue().key().tenant().equals("large")) {
                large++;
                queues.pay(64 * 1024 * 99L);
            } else {
                small++;
                queues.pay(SMALL);
            }
        }
        assertThat(small).isBetween(95 * large, 110 * large);
    }

    /** Who sends one large message at a time does not get round its debt by having no mail. */
    @Test
    void dropLast_tenantInDebt_paysWhenItComesBack() {
        add("patient", "a");
        add("large", "b");
        int large = 0;
        for (int i = 0; i < 1000; i++) {
            if (queues.next(Lane.DEFAULT).queue().key().tenant().equals("large")) {
                large++;
                queues.pay(64 * 1024 * 99L);
                queues.dropLast();
                add("large", "b");
            } else {
                queues.pay(SMALL);
            }
        }
        assertThat(large).isLessThanOrEqualTo(15);
    }

    @Test
    void dropLast_lastOfItsTenant_leavesTheOthers() {
        add("t", "a");
        add("u", "b");
        String dropped = queues.next(Lane.DEFAULT).queue().key().tenant();
        queues.dropLast();
        assertThat(queues.size()).isEqualTo(1);
        assertThat(messages(4, SMALL, QueueKey::tenant)).doesNotContainKey(dropped);
        queues.next(Lane.DEFAULT);
        queues.dropLast();
        assertThat(queues.isEmpty()).isTrue();
    }

    @Test
    void clear_givesEveryQueueOnce() {
        add("t", "a");
        add(queues, Lane.BULK, "u", "b");
        assertThat(queues.clear()).hasSize(2);
        assertThat(queues.isEmpty()).isTrue();
    }

    /** A tenant of the model: what it has queued in how many queues, and what it was served. */
    private static final class Model {
        final Map<String, Integer> left = new HashMap<>();
        long served;
        /** Served when it last began to have mail. */
        long servedBefore;
        long turnsWaiting;

        int waiting() {
            return left.values().stream().mapToInt(Integer::intValue).sum();
        }
    }

    /**
     * Tenants come and go with any number of queues and sizes of mail. Between two that had mail
     * all the time the costs served stay within the bound that is stated; nobody waits for more
     * than a turn and a debt of each other.
     */
    @Test
    void next_anyPatternOfArrivals_sharesWithinTheBound() {
        for (int seed = 0; seed < 100; seed++) {
            Random dice = new Random(seed);
            FairQueues fair = new FairQueues();
            List<Model> tenants = new ArrayList<>();
            int count = 2 + dice.nextInt(6);
            for (int i = 0; i < count; i++) {
                tenants.add(new Model());
            }
            for (int step = 0; step < 3000; step++) {
                if (dice.nextInt(4) == 0) {
                    int at = dice.nextInt(count);
                    int queues = 1 + (at % 2) * dice.nextInt(20);
                    arrive(fair, tenants, at, queues, 1 + dice.nextInt(30));
                }
                if (fair.has(Lane.DEFAULT)) {
                    serve(fair, tenants, dice);
                }
                check(tenants, seed);
            }
        }
    }

    private static void arrive(FairQueues fair, List<Model> tenants, int at, int queues,
            int each) {
        Model tenant = tenants.get(at);
        if (tenant.left.isEmpty()) {
            // From here on everybody is compared with everybody anew.
            tenants.forEach(one -> one.servedBefore = one.served);
        }
        for (int i = 0; i < queues; i++) {
            if (tenant.left.merge("d" + i, each, Integer::sum) == each) {
                add(fair, Lane.DEFAULT, "t" + at, "d" + i);
            }
        }
    }

    private static void serve(FairQueues fair, List<Model> tenants, Random dice) {
        QueueKey key = fair.next(Lane.DEFAULT).queue().key();
        Model tenant = tenants.get(Integer.parseInt(key.tenant().substring(1)));
        int want = Math.min(1 + dice.nextInt(8), fair.credit());
        boolean turn = true;
        while (want-- > 0 && turn && tenant.left.containsKey(key.destination())) {
            long bytes = dice.nextInt(5) == 0 ? dice.nextInt(64 * 1024 * (MAX_COST - 1)) : SMALL;
            turn = fair.pay(bytes);
            tenant.served += FairQueues.cost(bytes);
            tenant.left.computeIfPresent(key.destination(), (d, n) -> n == 1 ? null : n - 1);
        }
        if (!tenant.left.containsKey(key.destination())) {
            fair.dropLast();
        }
        for (Model one : tenants) {
            one.turnsWaiting = one == tenant || one.left.isEmpty() ? 0 : one.turnsWaiting + 1;
        }
    }

    private static void check(List<Model> tenants, int seed) {
        long least = Long.MAX_VALUE;
        long most = 0;
        for (Model one : tenants) {
            if (one.waiting() > 0) {
                least = Math.min(least, one.served - one.servedBefore);
                most = Math.max(most, one.served - one.servedBefore);
                // Each decision serves at least a unit: a turn and a debt of each other at most.
                assertThat(one.turnsWaiting).as("seed %d", seed).isLessThanOrEqualTo(
                        (long) tenants.size() * 2 * (FairQueues.QUANTUM + MAX_COST));
            }
        }
        if (least != Long.MAX_VALUE) {
            assertThat(most - least).as("seed %d", seed).isLessThanOrEqualTo(
                    2L * (FairQueues.QUANTUM + MAX_COST));
        }
    }
}
