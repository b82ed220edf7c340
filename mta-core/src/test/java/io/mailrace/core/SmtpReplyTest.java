// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SmtpReplyTest {
    /** A peer's text ends up in bounces and logs: nothing of it may start a line or a colour. */
    @Test
    void constructor_hostileText_isCleanedAndCut() {
        SmtpReply reply = new SmtpReply(550, Optional.empty(), List.of(
                "no\rX-Inj: 1", "\u001b[31mred\u0000\u00e9\u2028", "x".repeat(5000), "a\tb"));
        assertThat(reply.lines()).containsExactly("no?X-Inj: 1", "?[31mred???",
                "x".repeat(SmtpReply.MAX_LINE), "a b");
        assertThat(Ascii.isPrintable(reply.toString())).isTrue();
    }

    @Test
    void constructor_bounds_areKept() {
        for (int code : new int[]{-1, 0, 99, 150, 199, 600, 999}) {
            assertThatThrownBy(() -> SmtpReply.of(code, "x"))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> new SmtpReply(250, Optional.empty(), List.of()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new SmtpReply(250, Optional.empty(),
                Collections.nCopies(SmtpReply.MAX_LINES + 1, "x")))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void kinds_followTheFirstDigit() {
        assertThat(SmtpReply.of(250, "ok").isPositive()).isTrue();
        assertThat(SmtpReply.of(354, "go").isPositive()).isTrue();
        assertThat(SmtpReply.of(421, "bye").isTransient()).isTrue();
        assertThat(SmtpReply.of(421, "bye").isPositive()).isFalse();
        assertThat(SmtpReply.of(550, "no").isPermanent()).isTrue();
        assertThat(SmtpReply.of(354, "go").statusOrUndefined()).hasToString("2.0.0");
        assertThat(SmtpReply.of(452, "full").statusOrUndefined()).hasToString("4.0.0");
        assertThat(SmtpReply.of(452, "4.3.1", "full").statusOrUndefined()).hasToString("4.3.1");
    }

    @Test
    void toString_severalLines_isOne() {
        assertThat(new SmtpReply(550, EnhancedStatus.parsePrefix("5.1.1"), List.of("no", "way")))
                .hasToString("550 5.1.1 no way");
        assertThat(SmtpReply.of(250, "ok")).hasToString("250 ok");
    }
}
