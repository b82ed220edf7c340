// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.testing.FakeTimeSource;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Adaptive rates against a model of a receiver, in simulated hours. */
class ShapingSimulationTest {
    private static final ReceiverModel.Replies REPLIES = new ReceiverModel.Replies(
            SmtpReply.of(451, "4.7.1", "you are sending too fast, rate limited"),
            SmtpReply.of(451, "4.7.1", "your domain is sending too fast"),
            SmtpReply.of(550, "5.1.1", "no such user"),
            SmtpReply.of(550, "5.7.1", "blocked"));
    private static final int HOURS = 6;

    private static ShapingSimulation simulation(ReceiverModel.Rules rules, boolean adaptive) {
        DeliveryConfig config = DeliveryConfig.from(ConfigSource.ofFile(
                Path.of("../config/providers.conf")).root(), "mta.test");
        return new ShapingSimulation(config, "default", adaptive, adaptive, rules);
    }

    /** From a cold start: little is put off in any hour, nearly all that is allowed is used. */
    @ParameterizedTest
    @CsvSource({"SLIDING_HOUR, 2000", "SLIDING_HOUR, 10000", "SLIDING_HOUR, 100000", "BUCKET, 2000",
            "BUCKET, 10000", "BUCKET, 100000"})
    void adaptive_findsWhatIsAllowed(ReceiverModel.Counting counting, int perHour) {
        ReceiverModel.Rules rules = new ReceiverModel.Rules(counting, perHour, 0, REPLIES);
        ShapingSimulation simulation = simulation(rules, true);
        double allowed = 0;
        double accepted = 0;
        for (int hour = 0; hour < HOURS; hour++) {
            ShapingSimulation.Result result = simulation.run(Duration.ofHours(1));
            assertThat(result.laterShare()).describedAs("hour %d", hour).isLessThan(0.02);
            assertThat(result.blocked()).isFalse();
            allowed += result.allowed();
            accepted += result.accepted();
        }
        assertThat(accepted / allowed).isGreaterThan(0.95);
        ShapingSimulation.Result blind = simulation(rules, false).run(Duration.ofHours(1));
        assertThat(blind.blocked()).isTrue();
        assertThat(blind.laterShare() + (double) blind.failed() / blind.offered())
                .isGreaterThan(0.5);
    }

    @Test
    void model_steadyCleanMail_raisesReputation_unknownUsersLowerIt() {
        FakeTimeSource time = new FakeTimeSource();
        ReceiverModel model = new ReceiverModel(new ReceiverModel.Rules(
                ReceiverModel.Counting.BUCKET, 3600, 0, REPLIES), time);
        for (int i = 0; i < 3600; i++) {
            time.advance(Duration.ofSeconds(1));
            assertThat(model.offer("a", "d", true).code()).isEqualTo(250);
        }
        double clean = model.reputation("a");
        assertThat(clean).isGreaterThan(1.04);
        for (int i = 0; i < 100; i++) {
            time.advance(Duration.ofSeconds(1));
            assertThat(model.offer("a", "d", false).code()).isEqualTo(550);
        }
        assertThat(model.reputation("a")).isLessThan(clean - 0.15);
        assertThat(model.reputation("other")).isEqualTo(1);
    }

    @Test
    void model_ignoringLater_isBlockedInTheEnd_andForgivenAfterADay() {
        FakeTimeSource time = new FakeTimeSource();
        ReceiverModel model = new ReceiverModel(new ReceiverModel.Rules(
                ReceiverModel.Counting.SLIDING_HOUR, 1000, 0, REPLIES), time);
        for (int i = 0; i < 3600 * 2 && !model.blocked("a"); i++) {
            time.advance(Duration.ofMillis(500));
            model.offer("a", "d", true);
        }
        assertThat(model.blocked("a")).isTrue();
        assertThat(model.offer("a", "d", true).text()).contains("blocked");
        time.advance(Duration.ofHours(25));
        assertThat(model.offer("a", "d", true).code()).isEqualTo(250);
    }

    /** One domain over two addresses. */
    @Test
    void model_domainLimit_holdsOverAddresses() {
        ReceiverModel model = new ReceiverModel(new ReceiverModel.Rules(
                ReceiverModel.Counting.SLIDING_HOUR, 1000, 10, REPLIES), new FakeTimeSource());
        int accepted = 0;
        for (int i = 0; i < 30; i++) {
            accepted += model.offer(i % 2 == 0 ? "a" : "b", "d", true).isPositive() ? 1 : 0;
        }
        // ten, and one for the good name ten clean ones make
        assertThat(accepted).isBetween(10, 11);
        assertThat(model.offer("a", "d", true).text()).contains("your domain");
        assertThat(model.offer("a", "other", true).code()).isEqualTo(250);
    }

    /** What the models say is what the shipped rules know. */
    @ParameterizedTest
    @CsvSource({"gmail, rate-ip, rate-dkim, unknown-user, rate-blocked",
            "outlook, busy, busy, unavailable, network-blocked",
            "yahoo, deferred, deferred, unknown-user, refused"})
    void replies_ofEachProvider_meetItsShippedRules(String name, String byAddress,
            String byDomain, String unknown, String blocked) {
        Providers providers = DeliveryConfig.from(ConfigSource.ofFile(
                Path.of("../config/providers.conf")).root(), "mta.test").providers();
        Provider provider = providers.named(name).orElseThrow();
        ReceiverModel.Replies replies = switch (name) {
            case "gmail" -> ReceiverModel.Replies.gmail();
            case "outlook" -> ReceiverModel.Replies.outlook();
            default -> ReceiverModel.Replies.yahoo();
        };
        assertThat(List.of(replies.byAddress(), replies.byDomain(), replies.unknown(),
                replies.blocked())).map(
                        reply -> providers.judge(provider, Stage.RCPT, reply)
                                .source())
                .containsExactly(name + "/" + byAddress, name + "/" + byDomain,
                        name + "/" + unknown, name + "/" + blocked);
    }
}
