// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EnhancedStatusTest {
    @ParameterizedTest
    @CsvSource({"2.0.0,2.0.0", "5.1.1 no such user,5.1.1", "4.7.28 ,4.7.28", "5.999.999,5.999.999"})
    void parsePrefix_status_isRead(String text, String status) {
        assertThat(EnhancedStatus.parsePrefix(text)).map(EnhancedStatus::toString)
                .contains(status);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "5", "5.", "5.1", "5.1.", "5..1", ".1.1", " 5.1.1", "1.0.0",
            "3.0.0", "6.0.0", "0.0.0", "55.1.1", "5.1000.1", "5.1.1000", "5.1.1.1", "5.1.1x",
            "5.1.1\t", "5.1.1-", "-5.1.1", "5.-1.1", "\u0665.1.1", "5.1.\u0661", "a.b.c",
            "99999999999.1.1"})
    void parsePrefix_anythingElse_isEmpty(String text) {
        assertThat(EnhancedStatus.parsePrefix(text)).isEmpty();
    }

    @Test
    void constructor_outOfRange_isRefused() {
        assertThat(EnhancedStatus.undefined(4)).hasToString("4.0.0");
        assertThatThrownBy(() -> EnhancedStatus.undefined(3))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new EnhancedStatus(5, 1000, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new EnhancedStatus(5, 0, -1))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
