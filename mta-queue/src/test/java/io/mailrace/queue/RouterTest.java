// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.address;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.Recipient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RouterTest {
    private static Router router(String... config) {
        return new Router(SpoolFixture.config(Path.of("unused"), config).routes());
    }

    private static List<Recipient> to(String... addresses) {
        return Arrays.stream(addresses).map(text -> new Recipient(address(text))).toList();
    }

    private static final MailAddress SENDER = SpoolFixture.address("app@news.example.com");

    @Test
    void noRoute_oneEnvelopeForEachDomain() {
        assertThat(router().split(SENDER, to("a@one.test", "b@two.test", "c@one.test"), "t"))
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
        assertThat(router.split(SENDER, to("a@x.corp.test", "b@y.corp.test", "c@corp.test"), "t"))
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
        assertThat(router.split(SENDER, to("x@one.test"), "a").getFirst().queue().lane())
                .isEqualTo(Lane.BULK);
        assertThat(router.split(MailAddress.NULL, to("x@one.test"), "a").getFirst().queue())
                .isEqualTo(new QueueKey(Lane.TRANSACTIONAL, "a", "one.test", "p"));
        assertThat(router.split(SENDER, to("x@one.test"), "b").getFirst().queue().lane())
                .isEqualTo(Lane.DEFAULT);
    }

    @Test
    void manyRecipients_areSplit() {
        String[] many = IntStream.range(0, 2500).mapToObj(i -> "u" + i + "@one.test")
                .toArray(String[]::new);
        assertThat(router().split(SENDER, to(many), "t")).extracting(p -> p.recipients().size())
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
        assertThat(retry.expires(Lane.DEFAULT, now)).isEqualTo(now + 3_600_000);
    }
}
