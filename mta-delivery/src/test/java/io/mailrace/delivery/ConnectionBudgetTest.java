// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Lane;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ConnectionBudgetTest {
    private final ConnectionBudget budget = new ConnectionBudget(4);

    @Test
    void acquire_unproven_takesAtMostHalf() {
        assertThat(budget.acquire(false)).isTrue();
        assertThat(budget.acquire(false)).isTrue();
        assertThat(budget.acquire(false)).isFalse();
        assertThat(budget.acquire(true)).isTrue();
        budget.prove();
        assertThat(budget.acquire(false)).isTrue();
        assertThat(budget.acquire(true)).as("all in use").isFalse();
        assertThat(budget.used()).isEqualTo(4);
    }

    @Test
    void release_wakesThoseThatWaitInOrder() {
        List<String> woken = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            assertThat(budget.acquire(true)).isTrue();
        }
        budget.wish(true, Lane.DEFAULT, () -> woken.add("first"));
        budget.wish(true, Lane.DEFAULT, () -> woken.add("second"));
        budget.release(true);
        assertThat(woken).containsExactly("first");
        budget.passOn();
        assertThat(woken).containsExactly("first", "second");
    }

    @Test
    void shouldGive_onlyWhenOthersWaitAndSiteHasMoreThanItsShare() {
        budget.siteOpens();
        budget.siteOpens();
        for (int i = 0; i < 4; i++) {
            assertThat(budget.acquire(true)).isTrue();
        }
        assertThat(budget.shouldGive(3)).as("nobody waits").isFalse();
        budget.wish(false, Lane.DEFAULT, () -> {});
        assertThat(budget.shouldGive(3)).isTrue();
        assertThat(budget.shouldGive(2)).isFalse();
    }

    @Test
    void release_transactionalWaitsBehindOthers_isWokenFirst() {
        List<String> woken = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            assertThat(budget.acquire(true)).isTrue();
        }
        budget.wish(true, Lane.BULK, () -> woken.add("bulk"));
        budget.wish(true, Lane.TRANSACTIONAL, () -> woken.add("reset"));
        budget.release(true);
        assertThat(woken).containsExactly("reset");
    }

    @Test
    void promise_transactionalWaits_oneConnectionForEachWish() {
        for (int i = 0; i < 4; i++) {
            assertThat(budget.acquire(true)).isTrue();
        }
        budget.wish(true, Lane.BULK, () -> {});
        assertThat(budget.promise(4)).as("only bulk waits").isFalse();
        budget.wish(true, Lane.TRANSACTIONAL, () -> {});
        assertThat(budget.promise(1)).as("its only one").isFalse();
        assertThat(budget.promise(4)).isTrue();
        assertThat(budget.promise(4)).as("promised already").isFalse();
        budget.kept();
        budget.release(true);
        assertThat(budget.promise(4)).as("nobody waits").isFalse();
    }
}
