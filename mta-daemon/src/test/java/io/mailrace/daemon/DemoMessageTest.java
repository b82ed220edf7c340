// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DemoMessageTest {
    @Test
    void of_sameNumber_sameMessage() {
        assertThat(DemoMessage.of(42).content()).isEqualTo(DemoMessage.of(42).content());
        assertThat(DemoMessage.of(42).recipients()).isEqualTo(DemoMessage.of(42).recipients());
        assertThat(DemoMessage.of(42).content()).isNotEqualTo(DemoMessage.of(43).content());
    }

    @Test
    void of_firstNumbers_visitEachPlace() {
        Set<DemoPlace> places = EnumSet.noneOf(DemoPlace.class);
        for (int i = 0; i < DemoPlace.values().length; i++) {
            places.addAll(DemoMessage.of(i).recipients().values());
        }
        assertThat(places).containsExactlyInAnyOrder(DemoPlace.values());
    }

    /** What we demand of submitted mail: CRLF only, no line above 998 octets. */
    @Test
    void content_each_isWellFormed() {
        for (int number = 0; number < 300; number++) {
            String text = new String(DemoMessage.of(number).content(),
                    StandardCharsets.ISO_8859_1);
            assertThat(text).endsWith("\r\n");
            assertThat(text.replace("\r\n", "")).doesNotContain("\r", "\n");
            assertThat(text.split("\r\n")).allMatch(line -> line.length() <= 998);
            assertThat(DemoMessage.numberIn(text)).contains(number);
        }
    }
}
