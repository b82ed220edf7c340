// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Metrics;
import io.mailrace.core.Rate;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.delivery.SourceGate.Wait;
import io.mailrace.queue.QueueConfig;
import io.mailrace.queue.RocksSpool;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is in force against domains and tenants. */
class MeasuresTest {
    static final SmtpReply REPLY = SmtpReply.of(421, "4.7.28", "too fast");

    @TempDir
    Path directory;
    private final FakeTimeSource time = new FakeTimeSource();

    private RocksSpool open() {
        ConfigSource source = ConfigSource.ofText("spool { path = \"" + directory
                + "\", write-buffer = 4m, min-free = 0 }");
        return RocksSpool.open(QueueConfig.from(source.root(), "mta.test"), time, new Metrics());
    }

    private Measures measures(RocksSpool spool) {
        return new Measures(time, spool.memos(), new DeliveryMeters(new Metrics()));
    }

    private static ReplyRule rule(RuleAction action, Duration lasts, String rate) {
        return rule(RuleScope.SIGNING_DOMAIN, action, lasts, rate);
    }

    static ReplyRule rule(RuleScope scope, RuleAction action, Duration lasts, String rate) {
        return new ReplyRule("test", new ReplyRule.When(List.of("421"), List.of(), List.of(),
                List.of()), ReplyClass.THROTTLED, List.of(scope),
                List.of(action), MailFate.RETRY, Duration.ZERO, lasts,
                Rate.parse(rate), ReplyRule.Trigger.AT_ONCE, List.of(), List.of());
    }

    private static void fire(Measures measures, ReplyRule rule) {
        measures.fire("x/test", rule, REPLY, new Measures.Place("x", "site", "source",
                Optional.empty(), "shop.test", 1, 1, 1));
    }

    /** Mail beyond the end of the measure goes when it ends, not when its turn would have come. */
    @Test
    void slowDomain_nobodyWaitsLongerThanItHolds() {
        try (RocksSpool spool = open()) {
            Measures measures = measures(spool);
            fire(measures, rule(RuleAction.SLOW, Duration.ofHours(1), "1/min"));
            int waiting = 0;
            for (int i = 0; i < 1_000; i++) {
                Wait wait = measures.mailWait("x", "site", "shop.test");
                if (wait != null) {
                    waiting++;
                    assertThat(Duration.ofNanos(wait.nanos())).isLessThanOrEqualTo(
                            Duration.ofHours(1));
                }
            }
            assertThat(waiting).isGreaterThan(900);
            time.advance(Duration.ofHours(1));
            assertThat(measures.mailWait("x", "site", "shop.test")).isNull();
        }
    }

    /** As that of a null sender whose From names nobody. */
    @Test
    void mailWithoutADomain_isNobodysWhateverIsInForce() {
        try (RocksSpool spool = open()) {
            Measures measures = measures(spool);
            fire(measures, rule(RuleAction.HOLD_DOMAIN, Duration.ofHours(1), ""));
            assertThat(measures.aboutMail()).isTrue();
            assertThat(measures.mailWait("x", "site", "shop.test")).isNotNull();
            assertThat(measures.mailWait("x", "site", "")).isNull();
            assertThat(measures.domainStop("x", "site", "")).isNull();
        }
    }
}
