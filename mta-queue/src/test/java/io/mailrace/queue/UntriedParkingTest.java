// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.message;
import static io.mailrace.queue.SpoolFixture.submission;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Event;
import io.mailrace.core.Recipient;
import io.mailrace.core.RecipientOutcome;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Mail no server has seen waits, other mail of its queue goes on. */
class UntriedParkingTest {
    private static final String WHY = "the source warms up";

    @TempDir
    Path directory;

    private static void accept(SpoolFixture fixture, int count) {
        List<SpoolFixture.Outcome> outcomes = new ArrayList<>();
        byte[] content = message("x");
        for (int i = 0; i < count; i++) {
            IncomingContent incoming = fixture.spool.newContent(Runnable::run, () -> {});
            incoming.append(content, 0, content.length);
            SpoolFixture.Outcome outcome = new SpoolFixture.Outcome();
            incoming.accept(submission(content, "app@example.com",
                    new Recipient(SpoolFixture.address("a@one.test"))), outcome);
            outcomes.add(outcome);
        }
        outcomes.forEach(SpoolFixture.Outcome::get);
    }

    private static void park(SpoolFixture fixture) {
        fixture.queue("one.test").parkUntried(fixture.time.epochMillis()
                + TimeUnit.HOURS.toMillis(1), WHY);
    }

    @Test
    void tried_isTakenAndToldThoughMuchThatIsUntriedStandsBeforeIt() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            AtomicInteger told = new AtomicInteger();
            fixture.spool.queues().listen(queue -> told.incrementAndGet());
            accept(fixture, 1);
            Envelope first = fixture.take("one.test");
            int waiting = 2 * QueueState.WINDOW + 500;
            accept(fixture, waiting);
            fixture.settle(first, deferred());
            park(fixture);
            MailQueue queue = fixture.queue("one.test");
            assertThat(queue.take(1)).isEmpty();
            assertThat(queue.status().parkedWhy()).isEqualTo(WHY);
            int before = told.get();
            fixture.time.advance(Duration.ofMinutes(3));
            await(() -> told.get() > before);
            Envelope again = fixture.take("one.test");
            assertThat(again.id()).isEqualTo(first.id());
            assertThat(again.tried()).isTrue();
            assertThat(queue.take(10)).isEmpty();
            assertThat(queue.status().waiting()).isEqualTo(waiting + 1);

            int parked = told.get();
            fixture.time.advance(Duration.ofHours(1));
            await(() -> told.get() > parked);
            List<Envelope> all = new ArrayList<>();
            await(() -> {
                all.addAll(queue.take(1000));
                return all.size() == waiting;
            });
            assertThat(all).noneMatch(Envelope::tried).doesNotHaveDuplicates();
            assertThat(queue.status().parkedWhy()).isEmpty();
        }
    }

    @Test
    void parkedNoMore_everythingIsToldAndInOrder() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            AtomicInteger told = new AtomicInteger();
            fixture.spool.queues().listen(queue -> told.incrementAndGet());
            accept(fixture, 20);
            park(fixture);
            MailQueue queue = fixture.queue("one.test");
            assertThat(queue.take(5)).isEmpty();
            int before = told.get();
            queue.park(0, "");
            assertThat(told).hasValue(before + 1);
            List<Envelope> all = queue.take(30);
            assertThat(all).hasSize(20).isSortedAccordingTo((a, b) -> Place.of(a).compareTo(
                    Place.of(b)));
            assertThat(queue.status().parkedWhy()).isEmpty();
        }
    }

    @Test
    void moreThanIsSetAside_isKeptOnDiskAndComesInTheEnd() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            int all = QueueState.ASIDE + 3 * QueueState.WINDOW;
            accept(fixture, all);
            park(fixture);
            MailQueue queue = fixture.queue("one.test");
            assertThat(queue.take(1)).isEmpty();
            queue.park(fixture.time.epochMillis() + 1000, "as a whole");
            assertThat(queue.status().parkedWhy()).isEqualTo("as a whole");
            fixture.time.advance(Duration.ofHours(2));
            List<Envelope> taken = new ArrayList<>();
            await(() -> {
                taken.addAll(queue.take(1000));
                return taken.size() == all;
            });
            assertThat(taken).doesNotHaveDuplicates();
        }
    }

    @Test
    void setAside_expires() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            accept(fixture, 3);
            MailQueue queue = fixture.queue("one.test");
            queue.parkUntried(fixture.time.epochMillis() + Duration.ofDays(9).toMillis(), WHY);
            assertThat(queue.take(1)).isEmpty();
            fixture.time.advance(Duration.ofDays(6));
            await(() -> queue.status().waiting() == 0);
        }
    }

    @Test
    void attempt_withoutAnyServer_leavesItUntried() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            accept(fixture, 1);
            Envelope envelope = fixture.take("one.test");
            SpoolFixture.Outcome outcome = new SpoolFixture.Outcome();
            fixture.spool.settle(new Settlement(envelope, Event.Route.NONE, 1,
                    List.of(new RecipientOutcome(envelope.recipients().getFirst().address(),
                            deferred())),
                    false), Runnable::run, outcome);
            outcome.get();
            fixture.time.advance(Duration.ofMinutes(3));
            Envelope again = fixture.take("one.test");
            assertThat(again.attempts()).isEqualTo(1);
            assertThat(again.tried()).isFalse();
        }
    }
}
