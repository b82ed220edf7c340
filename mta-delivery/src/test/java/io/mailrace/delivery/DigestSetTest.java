// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DigestSetTest {
    /** Thousands are found again, and only they; what is taken off is gone. */
    @Test
    void with_manyValues_behavesAsASet() {
        Random random = new Random(7);
        Set<Long> plain = new HashSet<>();
        DigestSet set = new DigestSet(1024);
        for (int i = 0; i < 20_000; i++) {
            long one = random.nextLong();
            plain.add(one);
            set = set.with(one).with(one);
        }
        for (long one : List.copyOf(plain).subList(0, 20)) {
            plain.remove(one);
            set = set.without(one);
        }
        assertThat(set.size()).isEqualTo(plain.size());
        DigestSet last = set;
        assertThat(plain).allMatch(last::has);
        assertThat(random.longs(20_000).filter(one -> !plain.contains(one))).noneMatch(last::has);
    }
}
