// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import org.junit.jupiter.api.Test;

class AsciiTest {
    /** Letters that the locale-aware methods turn into ASCII ones: commands must not match them. */
    @Test
    void equalsIgnoreCase_lettersThatFoldToAscii_differ() {
        assertThat(Ascii.equalsIgnoreCase("R\u017fET", "RSET")).isFalse();
        assertThat(Ascii.equalsIgnoreCase("MA\u0131L", "MAIL")).isFalse();
        assertThat(Ascii.equalsIgnoreCase("\u212aEY", "KEY")).isFalse();
        assertThat(Ascii.equalsIgnoreCase("mAiL", "MAIL")).isTrue();
        assertThat(Ascii.equalsIgnoreCase("MAIL", "MAILX")).isFalse();
    }

    @Test
    void lowerAndUpper_turkishLocale_areTheSame() {
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.of("tr", "TR"));
            assertThat(Ascii.lower("MAIL \u0130 \u00c9")).isEqualTo("mail \u0130 \u00c9");
            assertThat(Ascii.upper("mail \u0131 \u017f \u00e9"))
                    .isEqualTo("MAIL \u0131 \u017f \u00e9");
            assertThat(Lane.ofWord(Lane.TRANSACTIONAL.word())).contains(Lane.TRANSACTIONAL);
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void lower_nothingToDo_isTheSameObject() {
        String text = "already lower 1";
        assertThat(Ascii.lower(text)).isSameAs(text);
    }

    @Test
    void lowerAndUpper_everyCharacter_changeOnlyAsciiLetters() {
        for (char c = 0; c < Character.MAX_VALUE; c++) {
            boolean letter = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
            if (!letter) {
                assertThat(Ascii.lower(c)).isEqualTo(c);
                assertThat(Ascii.upper(c)).isEqualTo(c);
            }
        }
        assertThat(Ascii.upper('z')).isEqualTo('Z');
        assertThat(Ascii.lower('A')).isEqualTo('a');
    }

    @Test
    void startsWithIgnoreCase_prefixes_areTold() {
        assertThat(Ascii.startsWithIgnoreCase("mail from", "MAIL")).isTrue();
        assertThat(Ascii.startsWithIgnoreCase("MAI", "MAIL")).isFalse();
        assertThat(Ascii.startsWithIgnoreCase("", "")).isTrue();
    }

    @Test
    void isAscii_bounds_areTold() {
        assertThat(Ascii.isAscii("\u0000\u007f")).isTrue();
        assertThat(Ascii.isAscii("\u0080")).isFalse();
        assertThat(Ascii.isPrintable(" ~")).isTrue();
        assertThat(Ascii.isPrintable("\t")).isFalse();
        assertThat(Ascii.isPrintable("\u007f")).isFalse();
    }

    @Test
    void clean_foreignText_isPrintableAndBounded() {
        assertThat(Ascii.clean("a\tb\r\nX-Inj: 1\u0000\u001b[31m\u00e9\u2028", 100))
                .isEqualTo("a b??X-Inj: 1??[31m??");
        assertThat(Ascii.clean("abcdef", 3)).isEqualTo("abc");
        assertThat(Ascii.clean("", 3)).isEmpty();
    }
}
