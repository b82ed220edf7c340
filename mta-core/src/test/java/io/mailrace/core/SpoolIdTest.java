// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;

class SpoolIdTest {
    @Test
    void text_sortsAsTheNumber_andReadsBack() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int round = 0; round < 10_000; round++) {
            SpoolId a = new SpoolId(random.nextLong() >>> (1 + random.nextInt(62)));
            SpoolId b = new SpoolId(random.nextLong() >>> (1 + random.nextInt(62)));
            assertThat(Integer.signum(a.toString().compareTo(b.toString()))).as("seed %d", seed)
                    .isEqualTo(Integer.signum(a.compareTo(b)));
            assertThat(SpoolId.parse(a.toString())).contains(a);
            assertThat(SpoolId.parse(Ascii.lower(a.toString()))).contains(a);
        }
    }

    @Test
    void bounds_haveThirteenCharacters() {
        assertThat(new SpoolId(0)).hasToString("0000000000000");
        assertThat(new SpoolId(Long.MAX_VALUE)).hasToString("7ZZZZZZZZZZZZ");
        assertThat(SpoolId.parse("7ZZZZZZZZZZZZ")).contains(new SpoolId(Long.MAX_VALUE));
        assertThatThrownBy(() -> new SpoolId(-1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void firstOf_millisecond_comesBeforeAllOfIt() {
        long now = 1_795_000_000_000L;
        SpoolId first = SpoolId.firstOf(now);
        assertThat(first.epochMillis()).isEqualTo(now);
        assertThat(new SpoolId(first.value() - 1).epochMillis()).isEqualTo(now - 1);
        assertThat(first).isLessThan(SpoolId.firstOf(now + 1));
        assertThat(SpoolId.firstOf((1L << 43) - 1).epochMillis()).isEqualTo((1L << 43) - 1);
    }

    @Test
    void parse_anythingElse_isEmpty() {
        for (String text : new String[]{"", "0", "00000000000000", "8000000000000",
                "000000000000I", "000000000000L", "000000000000O", "000000000000U",
                "000000000000\u0660", "000000000000 ", "-000000000000", "../../../../.",
                "\u017f000000000000"}) {
            assertThat(SpoolId.parse(text)).as(text).isEmpty();
        }
    }
}
