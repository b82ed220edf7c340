// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.address;
import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.message;
import static io.mailrace.queue.SpoolFixture.submission;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.MailOptions;
import io.mailrace.core.MailOptions.DeliverBy;
import io.mailrace.core.MailOptions.DeliverBy.Mode;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mail with a time of its own: released later (RFC 4865), to be delivered by (RFC 2852). */
class FutureReleaseTest {
    private static final String DAY = "retry.default { intervals = [10m], max-age = 1d,"
            + " delay-notice = 4h }";
    private static final byte[] MESSAGE = message("x");

    @TempDir
    Path directory;

    private static Submission with(MailOptions options) {
        Submission plain = submission(MESSAGE, "app@example.com",
                new Recipient(address("u@one.test")));
        return new Submission(plain.sender(), plain.recipients(), options, plain.facts(),
                plain.tenant(), plain.from());
    }

    private static MailOptions releasedAfter(SpoolFixture fixture, Duration hold) {
        return MailOptions.NONE.withRelease(fixture.time.epochMillis() + hold.toMillis());
    }

    private static MailOptions by(SpoolFixture fixture, Mode mode, Duration left) {
        return MailOptions.NONE.with(new DeliverBy(mode,
                fixture.time.epochMillis() + left.toMillis(), false));
    }

    private static boolean nothingDue(SpoolFixture fixture) {
        return fixture.queue("one.test").take(1).isEmpty() && fixture.queue("one.test").status()
                .nextDueEpochMillis() > fixture.time.epochMillis();
    }

    private static long waiting(SpoolFixture fixture) {
        return fixture.waiting("one.test");
    }

    private static boolean told(SpoolFixture fixture, SpoolId id, String action) {
        return fixture.events(id).stream().anyMatch(event -> event instanceof Event.DsnSent sent
                && sent.action().equals(action));
    }

    @Test
    void release_later_isDueThenAndAgesFromThen() {
        try (SpoolFixture fixture = new SpoolFixture(directory, DAY)) {
            SpoolId id = fixture.accept(MESSAGE, with(releasedAfter(fixture,
                    Duration.ofDays(7))));
            fixture.time.advance(Duration.ofDays(7).minusSeconds(1));
            assertThat(nothingDue(fixture)).isTrue();
            assertThat(fixture.queue("one.test").status().oldestEpochMillis()).isZero();
            fixture.time.advance(Duration.ofSeconds(1));
            Envelope first = fixture.take("one.test");
            assertThat(first.expiresEpochMillis() - first.dueEpochMillis())
                    .isEqualTo(Duration.ofDays(1).toMillis());
            fixture.settle(first, deferred());
            assertThat(told(fixture, id, "delayed")).isFalse();
            assertThat(waiting(fixture)).isEqualTo(1);
            fixture.time.advance(Duration.ofHours(5));
            fixture.settle(fixture.take("one.test"), deferred());
            assertThat(told(fixture, id, "delayed")).isTrue();
            // too old, but not so long that a sweep would give it up untried
            fixture.time.advance(Duration.ofHours(19).plusMinutes(5));
            fixture.settle(fixture.take("one.test"), deferred());
            assertThat(waiting(fixture)).isZero();
        }
    }

    @Test
    void release_afterRestartAndStepsBack_isKept() {
        SpoolFixture before = new SpoolFixture(directory, DAY);
        before.accept(MESSAGE, with(releasedAfter(before, Duration.ofDays(3))));
        before.close();
        before.time.stepWallClock(Duration.ofDays(-100));
        try (SpoolFixture after = new SpoolFixture(directory, before.time, sink -> sink, DAY)) {
            after.time.advance(Duration.ofDays(2));
            assertThat(nothingDue(after)).isTrue();
            after.time.advance(Duration.ofHours(25));
            assertThat(after.take("one.test").attempts()).isZero();
        }
    }

    /** The queue's oldest mail says nothing about when the first is given up. */
    @Test
    void sweep_heldAndOverdueMixed_takesTheOverdueOnly() {
        try (SpoolFixture fixture = new SpoolFixture(directory, DAY)) {
            fixture.accept(MESSAGE, with(releasedAfter(fixture, Duration.ofDays(5))));
            SpoolId plain = fixture.accept(MESSAGE, "u@one.test");
            fixture.queue("one.test").park(fixture.time.epochMillis()
                    + Duration.ofDays(20).toMillis(), "held");
            fixture.time.advance(Duration.ofDays(2));
            await(() -> waiting(fixture) == 1);
            assertThat(fixture.events(plain))
                    .hasAtLeastOneElementOfType(Event.Expired.class);
            fixture.time.advance(Duration.ofDays(3));
            fixture.time.advance(Duration.ofHours(23));
            assertThat(waiting(fixture)).isEqualTo(1);
            fixture.time.advance(Duration.ofHours(2));
            await(() -> waiting(fixture) == 0);
        }
    }

    @Test
    void retryNow_leavesHeldMailUnlessItIsNamed() {
        try (SpoolFixture fixture = new SpoolFixture(directory, DAY)) {
            SpoolId id = fixture.accept(MESSAGE, with(releasedAfter(fixture,
                    Duration.ofDays(5))));
            run(fixture, Selection.ALL, new SetAction.RetryNow());
            assertThat(nothingDue(fixture)).isTrue();
            run(fixture, Selection.ALL, new SetAction.Hold("look"));
            run(fixture, Selection.ALL, new SetAction.Release());
            assertThat(nothingDue(fixture)).isTrue();
            run(fixture, new Selection(Optional.empty(), "", "", "", "", "", Optional.of(id),
                    Duration.ZERO, Duration.ZERO, key -> true, ""), new SetAction.RetryNow());
            assertThat(fixture.take("one.test").id()).isEqualTo(id);
        }
    }

    private static void run(SpoolFixture fixture, Selection selection, SetAction action) {
        long number = fixture.spool.operations().start(selection, action, "test");
        await(() -> fixture.spool.operations().statuses().stream().anyMatch(
                one -> one.number() == number && one.state() == SetOperations.State.DONE));
    }

    @Test
    void byReturn_isGivenUpThen() {
        try (SpoolFixture fixture = new SpoolFixture(directory, DAY)) {
            SpoolId id = fixture.accept(MESSAGE, with(by(fixture, Mode.RETURN,
                    Duration.ofMinutes(15))));
            fixture.settle(fixture.take("one.test"), deferred());
            fixture.time.advance(Duration.ofMinutes(12));
            fixture.settle(fixture.take("one.test"), deferred());
            assertThat(waiting(fixture)).isEqualTo(1);
            // the last chance, then the end
            fixture.time.advance(Duration.ofSeconds(170));
            fixture.settle(fixture.take("one.test"), deferred());
            assertThat(waiting(fixture)).isEqualTo(1);
            fixture.time.advance(Duration.ofSeconds(10));
            fixture.settle(fixture.take("one.test"), deferred());
            assertThat(waiting(fixture)).isZero();
            assertThat(told(fixture, id, "failed")).isTrue();
        }
    }

    @Test
    void byReturn_parked_isSwept() {
        try (SpoolFixture fixture = new SpoolFixture(directory, DAY)) {
            fixture.accept(MESSAGE, "u@one.test");
            fixture.queue("one.test").park(fixture.time.epochMillis()
                    + Duration.ofDays(20).toMillis(), "held");
            fixture.accept(MESSAGE, with(by(fixture, Mode.RETURN, Duration.ofMinutes(30))));
            fixture.time.advance(Duration.ofMinutes(29));
            assertThat(waiting(fixture)).isEqualTo(2);
            fixture.time.advance(Duration.ofMinutes(5));
            await(() -> waiting(fixture) == 1);
        }
    }

    @Test
    void byNotify_isToldThenAndGoesOn() {
        try (SpoolFixture fixture = new SpoolFixture(directory, DAY)) {
            SpoolId id = fixture.accept(MESSAGE, with(by(fixture, Mode.NOTIFY,
                    Duration.ofMinutes(5))));
            fixture.settle(fixture.take("one.test"), deferred());
            assertThat(told(fixture, id, "delayed")).isFalse();
            fixture.time.advance(Duration.ofMinutes(5));
            fixture.settle(fixture.take("one.test"), deferred());
            assertThat(told(fixture, id, "delayed")).isTrue();
            assertThat(waiting(fixture)).isEqualTo(1);
        }
    }

    @Test
    void byNotify_passedAlready_isToldAtTheFirstFailure() {
        try (SpoolFixture fixture = new SpoolFixture(directory, DAY)) {
            SpoolId id = fixture.accept(MESSAGE, with(by(fixture, Mode.NOTIFY,
                    Duration.ofMinutes(-5))));
            fixture.settle(fixture.take("one.test"), deferred());
            assertThat(told(fixture, id, "delayed")).isTrue();
            assertThat(waiting(fixture)).isEqualTo(1);
        }
    }

    @Test
    void priority_choosesTheLane() {
        try (SpoolFixture fixture = new SpoolFixture(directory, DAY)) {
            for (int priority = -9; priority <= 9; priority++) {
                fixture.accept(MESSAGE, with(MailOptions.NONE.withPriority(priority)));
            }
            assertThat(count(fixture, Lane.TRANSACTIONAL)).isEqualTo(6);
            assertThat(count(fixture, Lane.DEFAULT)).isEqualTo(7);
            assertThat(count(fixture, Lane.BULK)).isEqualTo(6);
        }
    }

    private static long count(SpoolFixture fixture, Lane lane) {
        return fixture.spool.queues().find(new QueueKey(lane, "default", "one.test", "default"))
                .orElseThrow().status().waiting();
    }
}
