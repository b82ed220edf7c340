// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class IntakeBudgetTest {
    private static final int KB = 1 << 10;

    @Test
    void covers_growsInSteps_untilTheBudgetIsOver() {
        IntakeBudget budget = new IntakeBudget(128 * KB);
        try (IntakeBudget.Grant grant = budget.open("a")) {
            assertThat(grant.covers(1)).isTrue();
            assertThat(grant.held()).isEqualTo(4 * KB);
            assertThat(grant.covers(4 * KB)).isTrue();
            assertThat(grant.held()).isEqualTo(4 * KB);
            assertThat(grant.covers(65 * KB)).isTrue();
            assertThat(grant.held()).isEqualTo(96 * KB);
            assertThat(grant.covers(129 * KB)).isFalse();
            assertThat(grant.held()).as("unchanged").isEqualTo(96 * KB);
            assertThat(budget.used()).isEqualTo(96 * KB);
        }
        assertThat(budget.used()).isZero();
        assertThat(budget.owners()).isZero();
    }

    @Test
    void covers_oneOwnerWithHalf_isNotGivenTheLastQuarter() {
        IntakeBudget budget = new IntakeBudget(1024 * KB);
        List<IntakeBudget.Grant> greedy = new ArrayList<>();
        IntakeBudget.Grant grant = budget.open("greedy");
        while (grant.covers(32 * KB)) {
            greedy.add(grant);
            grant = budget.open("greedy");
        }
        assertThat(budget.used()).isEqualTo(768 * KB);
        IntakeBudget.Grant other = budget.open("modest");
        assertThat(other.covers(128 * KB)).isTrue();
        greedy.forEach(IntakeBudget.Grant::close);
        assertThat(budget.used()).isEqualTo(128 * KB);
        assertThat(budget.owners()).isEqualTo(1);
        other.close();
        other.close();
        assertThat(budget.used()).isZero();
    }

    /** What does not fit into the part is not taken from the whole either. */
    @Test
    void openWithin_aPart_needsRoomInBoth() {
        IntakeBudget all = new IntakeBudget(1024 * KB);
        IntakeBudget part = new IntakeBudget(64 * KB);
        IntakeBudget.Grant first = all.openWithin(part, "a");
        assertThat(first.covers(48 * KB)).isTrue();
        IntakeBudget.Grant second = all.openWithin(part, "b");
        assertThat(second.covers(20 * KB)).isFalse();
        assertThat(second.held()).isZero();
        assertThat(all.used()).isEqualTo(part.used()).isEqualTo(48 * KB);
        try (IntakeBudget.Grant elsewhere = all.open("c")) {
            assertThat(elsewhere.covers(200 * KB)).isTrue();
        }
        first.close();
        assertThat(part.used()).isZero();
        assertThat(part.owners()).isZero();
        IntakeBudget.Grant third = all.openWithin(part, "b");
        for (String owner : List.of("d", "e", "f", "g")) {
            assertThat(all.open(owner).covers(256 * KB)).isTrue();
        }
        assertThat(third.covers(20 * KB)).as("the whole is full").isFalse();
        assertThat(part.used()).isZero();
    }

    @Test
    void covers_manyThreads_neverExceedsAndReturnsAll() throws Exception {
        IntakeBudget budget = new IntakeBudget(320 * KB);
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 64; i++) {
                String owner = "o" + i % 3;
                threads.submit(() -> {
                    for (int round = 0; round < 500; round++) {
                        try (IntakeBudget.Grant grant = budget.open(owner)) {
                            grant.covers(32 * KB);
                            grant.covers(64 * KB);
                        }
                    }
                });
            }
        }
        assertThat(budget.used()).isZero();
        assertThat(budget.owners()).isZero();
    }
}
