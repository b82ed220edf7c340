// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class FromFieldTest {
    /** Without blanks around it. */
    private static String from(String... lines) {
        FromField from = new FromField();
        for (String line : lines) {
            for (int i = 0; i < line.length(); i++) {
                from.take((byte) line.charAt(i), i == 0);
            }
            from.take((byte) '\r', line.isEmpty());
        }
        return new String(from.value(), StandardCharsets.US_ASCII).strip();
    }

    @Test
    void name_anyCaseAndBlanksBehindIt_isFound() {
        assertThat(from("From: a@b.test")).isEqualTo("a@b.test");
        assertThat(from("FROM:a@b.test", "To: c")).isEqualTo("a@b.test");
        assertThat(from("To: c", "fRoM \t: a@b.test", "")).isEqualTo("a@b.test");
    }

    @Test
    void name_ofAnotherField_isNot() {
        assertThat(
                from("Fro: x", "Fromm: x", "F rom: x", "From x: y", "X-From: x", "", "To: from:"))
                .isEmpty();
        assertThat(from("To: c", " From: x", "")).isEmpty();
    }

    @Test
    void value_folded_endsWithTheNextField() {
        assertThat(from("From: \"A\"", "\t<a@b.test>", "To: c", " d")).isEqualTo(
                "\"A\"\t<a@b.test>");
    }

    @Test
    void value_secondOne_isLeftOut() {
        assertThat(from("From: a@b.test", "From: c@d.test")).isEqualTo("a@b.test");
        assertThat(from("From:", "From: c@d.test")).isEmpty();
    }

    @Test
    void value_endless_isCut() {
        assertThat(from("From: " + "x".repeat(100_000))).hasSize(8191);
    }
}
