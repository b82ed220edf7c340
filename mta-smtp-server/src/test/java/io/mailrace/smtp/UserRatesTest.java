// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.testing.FakeTimeSource;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class UserRatesTest {
    private final FakeTimeSource time = new FakeTimeSource();
    private final UserRates rates = new UserRates(time);

    private boolean takes(String user, String fields, Outside.Stage stage) {
        return rates.take(new Outside.Ask(stage, Optional.of(new Identity(user,
                UserFields.parse(fields, "t").rights())), 0, 0)).isEmpty();
    }

    private int taken(String fields, int tries) {
        int taken = 0;
        for (int i = 0; i < tries; i++) {
            taken += takes("a", fields, Outside.Stage.MAIL) ? 1 : 0;
        }
        return taken;
    }

    @Test
    void allowance_isUsedAtOnceAndComesBackEvenly() {
        assertThat(taken("rate=6/min", 20)).isEqualTo(6);
        time.advance(Duration.ofSeconds(9));
        assertThat(taken("rate=6/min", 5)).isZero();
        time.advance(Duration.ofSeconds(1));
        assertThat(taken("rate=6/min", 5)).isEqualTo(1);
        time.advance(Duration.ofHours(5));
        assertThat(taken("rate=6/min", 20)).isEqualTo(6);
    }

    @Test
    void day_isRememberedForADay() {
        assertThat(taken("rate=2/day", 5)).isEqualTo(2);
        time.advance(Duration.ofHours(11));
        assertThat(taken("rate=2/day", 5)).isZero();
        time.advance(Duration.ofHours(2));
        assertThat(taken("rate=2/day", 5)).isEqualTo(1);
    }

    @Test
    void usersAndStages_haveTheirOwn() {
        assertThat(takes("a", "rate=1/h rcpt-rate=1/h", Outside.Stage.MAIL)).isTrue();
        assertThat(takes("a", "rate=1/h rcpt-rate=1/h", Outside.Stage.MAIL)).isFalse();
        assertThat(takes("a", "rate=1/h rcpt-rate=1/h", Outside.Stage.RCPT)).isTrue();
        assertThat(takes("a", "rate=1/h rcpt-rate=1/h", Outside.Stage.RCPT)).isFalse();
        assertThat(takes("b", "rate=1/h rcpt-rate=1/h", Outside.Stage.MAIL)).isTrue();
    }

    @Test
    void noRate_noLimit() {
        assertThat(taken("", 10_000)).isEqualTo(10_000);
        assertThat(rates.take(new Outside.Ask(Outside.Stage.MAIL, Optional.empty(), 0, 0)))
                .isEmpty();
    }

    @Test
    void changedRate_holdsAtOnce() {
        assertThat(taken("rate=1/h", 3)).isEqualTo(1);
        assertThat(taken("rate=3600/h", 10)).as("an hour is owed").isZero();
        time.advance(Duration.ofSeconds(1));
        assertThat(taken("rate=3600/h", 10)).isEqualTo(1);
    }
}
