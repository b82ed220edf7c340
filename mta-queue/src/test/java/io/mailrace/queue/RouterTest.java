// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.address;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Lane;
import io.mailrace.core.LintMode;
import io.mailrace.core.LintRule;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.RoutingHints;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RouterTest {
    private static Router router(String... config) {
        return new Router(SpoolFixture.config(Path.of("unused"), config).routes());
    }

    private static List<Recipient> to(String... addresses) {
        return Arrays.stream(addresses).map(text -> new Recipient(address(text))).toList();
    }

    private static final MailAddress SENDER = SpoolFixture.address("app@news.example.com");

    private static Router.Mail mail(MailAddress sender, String tenant) {
        return new Router.Mail(sender, tenant, "", RoutingHints.NONE);
    }

    private static Router.Mail mail(String tag, Optional<Lane> lane, Map<String, String> fields) {
        return new Router.Mail(SENDER, "t", tag, new RoutingHints(lane, fields));
    }

    private static QueueKey queue(Router router, Router.Mail mail) {
        return router.split(mail, to("a@one.test")).getFirst().queue();
    }

    @Test
    void lane_isTheOneAskedForUnlessTheRouteSaysOtherwise() {
        Router router = router("routes = [ { when { tag = \"news-*\" }, lane = bulk }"
                + ", { when { lane = transactional }, pool = fast } ]");
        assertThat(queue(router, mail("", Optional.of(Lane.TRANSACTIONAL), Map.of())))
                .isEqualTo(new QueueKey(Lane.TRANSACTIONAL, "t", "one.test", "fast"));
        assertThat(queue(router, mail("news-may", Optional.of(Lane.TRANSACTIONAL), Map.of())))
                .isEqualTo(new QueueKey(Lane.BULK, "t", "one.test", "default"));
        assertThat(queue(router, mail("news", Optional.empty(), Map.of())).lane())
                .isEqualTo(Lane.DEFAULT);
    }

    @Test
    void pool_isTheOneAskedForUnlessTheRouteSaysOtherwise() {
        Router router = router("routes = [ { when { recipient-domain = \"one.test\" }, pool = "
                + "default }, { when { recipient-domain = \"two.test\" }, lane = bulk } ]");
        Router.Mail mail = new Router.Mail(SENDER, "t", "", new RoutingHints(Optional.empty(),
                Optional.of("mine"), Map.of()));
        assertThat(router.split(mail, to("a@one.test", "a@two.test", "a@three.test")))
                .extracting(part -> part.queue().pool())
                .containsExactly("default", "mine", "mine");
    }

    private static final String TERMS = """
            lint { mode = warn, ignore = [long-line] }
            routes = [
              { when { recipient-domain = "off.test" }, lint { mode = off } }
              { when { recipient-domain = "strict.test" }, lint { mode = reject }, lane = bulk }
              { when { recipient-domain = "fix.test" }
                lint { mode = fix, ignore = [from-unsigned, long-line] } }
              { when { recipient-domain = "add.test" }, headers { add { X-A = a } } }
              { when { recipient-domain = "same.test" }
                headers { add { X-A = a }, remove = [X-B] } }
              { when { recipient-domain = "cut.test" }, headers { remove = [X-C] } } ]""";

    private static RouteTerms terms(String... recipients) {
        QueueConfig config = SpoolFixture.config(Path.of("unused"), TERMS);
        return new Router(config.routes(), config.lint()).terms(mail(SENDER, "t"),
                to(recipients));
    }

    @Test
    void terms_ofSeveralRoutes_strictestDecides() {
        assertThat(terms("a@other.test").lint()).isEqualTo(new LintPolicy(LintMode.WARN,
                Set.of(LintRule.LONG_LINE)));
        assertThat(terms("a@off.test").lint().mode()).isEqualTo(LintMode.OFF);
        assertThat(terms("a@off.test", "b@fix.test").lint().mode()).isEqualTo(LintMode.FIX);
        assertThat(terms("a@other.test", "b@fix.test", "c@off.test").lint()).isEqualTo(
                new LintPolicy(LintMode.FIX, Set.of(LintRule.LONG_LINE)));
        assertThat(terms("a@fix.test", "b@strict.test").lint().mode())
                .isEqualTo(LintMode.REJECT);
        assertThat(terms("a@fix.test").bulk()).isFalse();
        assertThat(terms("a@fix.test", "b@strict.test").bulk()).isTrue();
    }

    @Test
    void terms_edits_removalsAreUnitedAndAdditionsMustBeTheSame() {
        assertThat(terms("a@add.test", "b@same.test")).extracting(RouteTerms::edits,
                RouteTerms::editsDiffer).containsExactly(
                        new HeaderEdits(Map.of("X-A", "a"), Set.of("x-b")), false);
        assertThat(terms("a@other.test", "b@cut.test")).extracting(RouteTerms::edits,
                RouteTerms::editsDiffer).containsExactly(
                        new HeaderEdits(Map.of(), Set.of("x-c")), false);
        assertThat(terms("a@add.test", "b@other.test").editsDiffer()).isTrue();
        assertThat(terms("a@other.test", "b@cut.test", "c@same.test").editsDiffer()).isTrue();
    }

    @Test
    void header_allPatternsMustMatch() {
        Router router = router("routes = [ { when { header { X-Campaign = \"Wel*me\", "
                + "X-Stream = \"*\" } }, pool = p } ]");
        assertThat(router.fields()).containsExactlyInAnyOrder("x-campaign", "x-stream");
        assertThat(queue(router, mail("", Optional.empty(), Map.of("x-campaign", "WELCOME",
                "x-stream", ""))).pool()).isEqualTo("p");
        assertThat(queue(router, mail("", Optional.empty(), Map.of("x-campaign", "welcome")))
                .pool()).isEqualTo("default");
        assertThat(queue(router, mail("", Optional.empty(), Map.of("x-campaign", "welm",
                "x-stream", "a"))).pool()).isEqualTo("default");
    }

    @Test
    void redirect_oneCopyGoesToTheSandbox() {
        Router router = router("routes = [ { when { tenant = t }, redirect = "
                + "\"all@sandbox.test\" } ]");
        List<Router.Part> parts = router.split(mail(SENDER, "t"), to("a+b@one.test",
                "c@two.test"));
        assertThat(parts).hasSize(1);
        assertThat(parts.getFirst().queue().destination()).isEqualTo("sandbox.test");
        assertThat(parts.getFirst().recipients()).containsExactly(new Recipient(
                SpoolFixture.address("all@sandbox.test"), 0, "rfc822;a+2Bb@one.test"));
    }

    @Test
    void nextHops_ofEveryKindAreRead() {
        for (String via : List.of("smtps://relay.test:465", "lmtp://10.0.0.9:24",
                "blackhole://")) {
            assertThat(queue(router("routes = [ { via = \"" + via + "\" } ]"),
                    mail(SENDER, "t")).destination()).isEqualTo(via);
        }
        assertThat(queue(router("routes = [ { via = \"LMTP://Mail.test\" } ]"),
                mail(SENDER, "t")).destination()).isEqualTo("lmtp://mail.test:24");
    }

    @ParameterizedTest
    @CsvSource({"a*,abc,true", "*c,abc,true", "a*c,ac,true", "a*b*c,a-b-c,true", "abc,ABC,true",
            "a*a,a,false", "*b*,aca,false", "a*b*b,ab,false", "*,'',true", "a,b,false"})
    void patterns_starsStandForAnyText(String pattern, String value, boolean holds) {
        assertThat(Router.matches(pattern, value)).isEqualTo(holds);
    }

    @Test
    void noRoute_oneEnvelopeForEachDomain() {
        assertThat(router().split(mail(SENDER, "t"), to("a@one.test", "b@two.test", "c@one.test")))
                .containsExactly(
                        new Router.Part(new QueueKey(Lane.DEFAULT, "t", "one.test", "default"),
                                to("a@one.test", "c@one.test")),
                        new Router.Part(new QueueKey(Lane.DEFAULT, "t", "two.test", "default"),
                                to("b@two.test")));
    }

    @Test
    void via_takesAllItsRecipientsInOneEnvelope() {
        Router router = router("routes = [ { when { recipient-domain = \"*.corp.test\" }"
                + ", via = \"smtp://10.0.0.9:2525\" } ]");
        assertThat(router.split(mail(SENDER, "t"),
                to("a@x.corp.test", "b@y.corp.test", "c@corp.test")))
                .containsExactly(
                        new Router.Part(
                                new QueueKey(Lane.DEFAULT, "t", "smtp://10.0.0.9:2525", "default"),
                                to("a@x.corp.test", "b@y.corp.test")),
                        new Router.Part(new QueueKey(Lane.DEFAULT, "t", "corp.test", "default"),
                                to("c@corp.test")));
    }

    @Test
    void firstMatch_decides() {
        Router router = router("routes = [ { when { tenant = a, sender-domain = "
                + "\"news.example.com\" }, lane = bulk }"
                + ", { when { tenant = a }, lane = transactional, pool = p } ]");
        assertThat(router.split(mail(SENDER, "a"), to("x@one.test")).getFirst().queue().lane())
                .isEqualTo(Lane.BULK);
        assertThat(router.split(mail(MailAddress.NULL, "a"), to("x@one.test")).getFirst().queue())
                .isEqualTo(new QueueKey(Lane.TRANSACTIONAL, "a", "one.test", "p"));
        assertThat(router.split(mail(SENDER, "b"), to("x@one.test")).getFirst().queue().lane())
                .isEqualTo(Lane.DEFAULT);
    }

    @Test
    void manyRecipients_areSplit() {
        String[] many = IntStream.range(0, 2500).mapToObj(i -> "u" + i + "@one.test")
                .toArray(String[]::new);
        assertThat(router().split(mail(SENDER, "t"), to(many)))
                .extracting(p -> p.recipients().size())
                .containsExactly(1000, 1000, 500);
    }

    @Test
    void nextDue_followsIntervalsAndEndsAtExpiry() {
        RetrySchedule retry = new RetrySchedule(SpoolFixture.config(Path.of("unused"),
                "retry.default { intervals = [10s, 100s], max-age = 1h }").retry());
        long now = 1_000_000;
        long late = now + Duration.ofHours(9).toMillis();
        for (int i = 0; i < 200; i++) {
            assertThat(retry.nextDue(Lane.DEFAULT, 1, now, late, 0) - now).isBetween(9000L,
                    11_000L);
            assertThat(retry.nextDue(Lane.DEFAULT, 9, now, late, 0) - now)
                    .isBetween(90_000L, 110_000L);
        }
        assertThat(retry.nextDue(Lane.DEFAULT, 2, now, now + 5, 0)).isEqualTo(now + 5);
        assertThat(retry.expires(Lane.DEFAULT, now, MailOptions.DeliverBy.NONE))
                .isEqualTo(now + 3_600_000);
    }
}
