// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.NextTry;
import io.mailrace.core.SpoolId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mail that nobody tries any more is given up all the same, and no other. */
class ExpirySweepTest {
    private static final String ONE_HOUR = "retry.default { intervals = [10m], max-age = 1h }";

    @TempDir
    Path directory;

    @Test
    void parkedQueue_expiresWhatIsTooOldAndKeepsTheRest() {
        try (SpoolFixture fixture = new SpoolFixture(directory, ONE_HOUR)) {
            List<SpoolId> old = new ArrayList<>();
            for (int i = 0; i < 600; i++) {
                old.add(fixture.accept(message("old" + i), "u@one.test"));
            }
            fixture.time.advance(Duration.ofMinutes(50));
            fixture.accept(message("young"), "u@one.test");
            MailQueue queue = fixture.queue("one.test");
            queue.park(fixture.time.epochMillis() + Duration.ofDays(2).toMillis(), "held");
            fixture.time.advance(Duration.ofMinutes(11));
            await(() -> queue.status().waiting() == 1);
            MailQueue notices = fixture.queue("example.com");
            await(() -> notices.status().waiting() == 600);
            assertThat(fixture.events(old.get(17)))
                    .hasAtLeastOneElementOfType(Event.Expired.class)
                    .hasAtLeastOneElementOfType(Event.DsnSent.class);
            assertThat(queue.status().oldestEpochMillis())
                    .isGreaterThan(fixture.time.epochMillis() - Duration.ofMinutes(13).toMillis());
        }
    }

    @Test
    void neverTaken_expiresOnlyAfterItsLastChance() {
        try (SpoolFixture fixture = new SpoolFixture(directory, ONE_HOUR)) {
            fixture.accept(message("x"), "u@one.test");
            fixture.time.advance(Duration.ofMinutes(61));
            await(() -> fixture.time.nanos() > 0);
            // Due, though late: it is still tried.
            Envelope envelope = fixture.take("one.test");
            fixture.queue("one.test").putBack(envelope);
            fixture.time.advance(ExpirySweep.GRACE);
            await(() -> fixture.waiting("one.test") == 0);
            // what is left is the DSN, which arrives in the queue of the sender's domain
            await(() -> fixture.spool.queues().waiting() == 1);
        }
    }

    /** What is set aside for longer than it may live comes once more when its time is over. */
    @Test
    void postponedBeyondItsAge_isDueWhenThatIsOver_andGivenUpThen() {
        try (SpoolFixture fixture = new SpoolFixture(directory, ONE_HOUR)) {
            Disposition held = new Disposition.Deferred(SpoolFixture.LATER, false,
                    NextTry.uncounted(Duration.ofHours(4)), Cause.UNKNOWN);
            SpoolId id = fixture.accept(message("x"), "u@one.test");
            long accepted = fixture.time.epochMillis();
            fixture.settle(fixture.take("one.test"), held);
            assertThat(fixture.events(id)).filteredOn(Event.Postponed.class::isInstance)
                    .singleElement().satisfies(one -> assertThat(((Event.Postponed) one)
                            .untilEpochMillis())
                            .isEqualTo(accepted + Duration.ofHours(1).toMillis()));
            fixture.time.advance(Duration.ofMinutes(61));
            fixture.settle(fixture.take("one.test"), held);
            assertThat(fixture.waiting("one.test")).isZero();
            assertThat(fixture.events(id)).hasAtLeastOneElementOfType(Event.Expired.class)
                    .hasAtLeastOneElementOfType(Event.DsnSent.class)
                    .noneMatch(Event.Attempted.class::isInstance);
        }
    }

    @Test
    void clockLeap_ageOnlyByElapsedTime() {
        try (SpoolFixture fixture = new SpoolFixture(directory, ONE_HOUR)) {
            fixture.accept(message("x"), "u@one.test");
            fixture.settle(fixture.take("one.test"), deferred());
            fixture.time.stepWallClock(Duration.ofDays(300));
            // The leap makes it due; failing again does not expire it.
            Envelope again = fixture.take("one.test");
            fixture.settle(again, deferred());
            assertThat(fixture.waiting("one.test")).isEqualTo(1);
            fixture.time.advance(Duration.ofMinutes(12));
            Envelope third = fixture.take("one.test");
            assertThat(third.attempts()).isEqualTo(2);
            fixture.time.advance(Duration.ofMinutes(50));
            fixture.settle(third, deferred());
            assertThat(fixture.waiting("one.test")).isZero();
        }
    }

    @Test
    void restartAfterLongStop_triesBeforeItGivesUp() {
        SpoolFixture before = new SpoolFixture(directory, ONE_HOUR);
        before.accept(message("x"), "u@one.test");
        before.close();
        before.time.advance(Duration.ofDays(3));
        try (SpoolFixture after = new SpoolFixture(directory, before.time, sink -> sink,
                ONE_HOUR)) {
            after.time.advance(Duration.ofMinutes(5));
            Envelope envelope = after.take("one.test");
            after.settle(envelope, deferred());
            assertThat(after.waiting("one.test")).isZero();
            assertThat(after.spool.queues().waiting()).isEqualTo(1);
        }
    }
}
