// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.MailOptions;
import io.mailrace.core.MailOptions.DeliverBy;
import io.mailrace.core.MailOptions.DeliverBy.Mode;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** What parameters come to; which are refused is in the dialogue files. */
class MailCommandTest {
    private static final long NOW = Instant.parse("2026-11-28T20:00:00Z").toEpochMilli();

    private static MailOptions options(String parameters) {
        MailCommand parsed = MailCommand.parse("FROM:<a@example.com> " + parameters,
                new MailCommand.Offer(true, true, Duration.ofDays(7), NOW));
        assertThat(parsed).as(parameters).isInstanceOf(MailCommand.Begin.class);
        return ((MailCommand.Begin) parsed).options();
    }

    @Test
    void release_isAMoment() {
        assertThat(options("HOLDFOR=3600").releaseEpochMillis()).isEqualTo(NOW + 3_600_000);
        long eight = Instant.parse("2026-11-29T08:00:00Z").toEpochMilli();
        assertThat(options("HOLDUNTIL=2026-11-29T08:00:00Z").releaseEpochMillis())
                .isEqualTo(eight);
        assertThat(options("HOLDUNTIL=2026-11-29t10:00:00.250+02:00").releaseEpochMillis())
                .isEqualTo(eight + 250);
        assertThat(options("HOLDUNTIL=2026-11-28T19:59:59Z").releaseEpochMillis()).isZero();
        assertThat(options("SIZE=1").releaseEpochMillis()).isZero();
    }

    @Test
    void by_isAMomentAndAMode() {
        assertThat(options("BY=60;R").deliverBy())
                .isEqualTo(new DeliverBy(Mode.RETURN, NOW + 60_000, false));
        assertThat(options("BY=-60;nt").deliverBy())
                .isEqualTo(new DeliverBy(Mode.NOTIFY, NOW - 60_000, true));
        assertThat(options("SIZE=1").deliverBy()).isEqualTo(DeliverBy.NONE);
    }

    @Test
    void priority_isANumber() {
        for (int priority = -9; priority <= 9; priority++) {
            assertThat(options("MT-PRIORITY=" + priority).priority()).isEqualTo(priority);
        }
    }
}
