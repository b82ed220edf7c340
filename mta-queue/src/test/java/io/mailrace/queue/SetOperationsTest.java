// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.address;
import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.SetOperations.State;
import io.mailrace.queue.SetOperations.Status;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What operators do to sets of mail. */
class SetOperationsTest {
    private static final String VIA = "smtp://192.0.2.9:25";

    @TempDir
    Path directory;

    private static Selection domain(String name) {
        return new Selection(Optional.empty(), "", name, "", "", "", Optional.empty(),
                Duration.ZERO,
                Duration.ZERO, key -> true, "");
    }

    private static Status run(SpoolFixture fixture, Selection selection, SetAction action) {
        long number = fixture.spool.operations().start(selection, action, "tester");
        await(() -> status(fixture, number).endedEpochMillis() != 0);
        Status status = status(fixture, number);
        assertThat(status.state()).describedAs(status.why()).isEqualTo(State.DONE);
        return status;
    }

    private static Status status(SpoolFixture fixture, long number) {
        return fixture.spool.operations().statuses().stream()
                .filter(one -> one.number() == number).findFirst().orElseThrow();
    }

    private static List<Event.Operated.Change> changes(SpoolFixture fixture, SpoolId id) {
        return fixture.events(id).stream().filter(Event.Operated.class::isInstance)
                .map(event -> ((Event.Operated) event).change()).toList();
    }

    private static String text(SpoolFixture fixture, Envelope envelope) {
        return new String(fixture.read(envelope), StandardCharsets.UTF_8);
    }

    @Test
    void hold_byDomain_keepsItOverRestartAndAgeUntilReleased() {
        SpoolFixture before = new SpoolFixture(directory);
        SpoolId id = before.accept(message("held"), "a@one.test");
        before.accept(message("free"), "a@two.test");
        assertThat(run(before, domain("one.test"), new SetAction.Hold("odd")).changed())
                .isEqualTo(1);
        assertThat(before.queue("one.test").take(1)).isEmpty();
        QueueStatus held = before.queue("one.test").status();
        assertThat(held.waiting()).isZero();
        assertThat(held.held()).isEqualTo(1);
        assertThat(before.spool.queues().waiting()).isEqualTo(1);
        before.close();
        try (SpoolFixture after = new SpoolFixture(directory, before.time,
                UnaryOperator.identity())) {
            assertThat(after.queue("one.test").status().held()).isEqualTo(1);
            after.time.advance(Duration.ofDays(30));
            assertThat(run(after, Selection.ALL, new SetAction.Release()).changed()).isEqualTo(1);
            Envelope released = after.take("one.test");
            assertThat(released.id()).isEqualTo(id);
            // It has all the time it had left when it was held.
            assertThat(released.expiresEpochMillis() - released.dueEpochMillis())
                    .isGreaterThan(Duration.ofDays(3).toMillis());
            after.settle(released, delivered());
            assertThat(changes(after, id)).containsExactly(Event.Operated.Change.HELD,
                    Event.Operated.Change.RELEASED);
            assertThat(after.queue("one.test").status().held()).isZero();
        }
    }

    @Test
    void selection_eachCondition_meansThatMailOnly() {
        try (SpoolFixture fixture = new SpoolFixture(directory,
                "routes = [ { when.recipient-domain = fast.test, lane = transactional } ]")) {
            SpoolId old = fixture.accept(message("old"), "a@one.test");
            fixture.time.advance(Duration.ofHours(2));
            fixture.accept(message("sub"), "a@mail.one.test");
            fixture.accept(message("fast"), "a@fast.test");
            byte[] tagged = message("tagged");
            fixture.accept(tagged, new Submission(address("app@example.com"),
                    List.of(new Recipient(address("a@one.test"))), MailOptions.NONE,
                    new ContentFacts(tagged.length, false, false, false, false, "example.com",
                            "<2@example.com>", "news"),
                    "shop", Event.Intake.LOCAL));
            SetAction hold = new SetAction.Hold("");
            Selection all = Selection.ALL;
            List<Selection> each = List.of(domain("*.one.test"),
                    new Selection(Optional.of(Lane.TRANSACTIONAL), "", "", "", "", "",
                            Optional.empty(), Duration.ZERO, Duration.ZERO, all.where(), ""),
                    new Selection(Optional.empty(), "shop", "", "", "news", "", Optional.empty(),
                            Duration.ZERO, Duration.ofHours(1), all.where(), ""),
                    new Selection(Optional.empty(), "", "", "default", "", "", Optional.of(old),
                            Duration.ofHours(1), Duration.ZERO,
                            key -> key.destination().equals("one.test"), "site=one"));
            for (Selection selection : each) {
                assertThat(run(fixture, selection, hold).changed())
                        .describedAs(selection.text()).isEqualTo(1);
            }
            assertThat(fixture.spool.queues().waiting()).isZero();
            assertThat(run(fixture, all, new SetAction.Release()).changed()).isEqualTo(4);
        }
    }

    /** What goes wrong with one envelope keeps neither it nor the place of its change. */
    @Test
    @SuppressWarnings("NullAway") // no caller gives it: it stands for whatever may go wrong there
    void changeThatCannotBeMade_leavesTheMailAsItWas() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("x"), "a@one.test");
            long number = fixture.spool.operations().start(Selection.ALL,
                    new SetAction.Hold(null), "tester");
            await(() -> status(fixture, number).endedEpochMillis() != 0);
            assertThat(status(fixture, number).state()).isEqualTo(State.FAILED);
            assertThat(run(fixture, Selection.ALL, new SetAction.Hold("")).changed()).isEqualTo(1);
            assertThat(run(fixture, Selection.ALL, new SetAction.Release()).changed())
                    .isEqualTo(1);
            assertThat(fixture.take("one.test").attempts()).isZero();
        }
    }

    @Test
    void retryNow_deferredMailInParkedQueue_isDueWithItsAttempts() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(message("x"), "a@one.test");
            fixture.settle(fixture.take("one.test"), deferred());
            fixture.queue("one.test").park(fixture.time.epochMillis() + 3_600_000, "tests");
            assertThat(fixture.queue("one.test").take(1)).isEmpty();
            assertThat(run(fixture, Selection.ALL, new SetAction.RetryNow()).changed())
                    .isEqualTo(1);
            Envelope again = fixture.take("one.test");
            assertThat(again.attempts()).isEqualTo(1);
            fixture.settle(again, deferred());
            assertThat(fixture.queue("one.test").take(1)).isEmpty();
            assertThat(run(fixture, Selection.ALL, new SetAction.RetryNow()).changed())
                    .isEqualTo(1);
            fixture.settle(fixture.take("one.test"), delivered());
            assertThat(changes(fixture, id)).hasSize(2);
            assertThat(fixture.spool.queues().waiting()).isZero();
        }
    }

    /** One queue has the mail, due already; the others have what is not meant, and wait on. */
    @Test
    void retryNow_ofSomeMail_unparksTheQueuesThatHaveIt() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("old"), "a@two.test");
            fixture.time.advance(Duration.ofHours(2));
            SpoolId id = fixture.accept(message("one"), "a@one.test");
            Selection all = Selection.ALL;
            Selection byId = new Selection(Optional.empty(), "", "", "", "", "", Optional.of(id),
                    Duration.ZERO, Duration.ZERO, all.where(), "");
            Selection byAge = new Selection(Optional.empty(), "", "", "", "", "",
                    Optional.empty(), Duration.ZERO, Duration.ofHours(1), all.where(), "");
            Selection byTag = new Selection(Optional.empty(), "", "", "", "none", "",
                    Optional.empty(), Duration.ZERO, Duration.ZERO, all.where(), "");
            Set<QueueKey> one = Set.of(SpoolFixture.key("one.test"));
            assertThat(retryParked(fixture, byId)).isEqualTo(one);
            assertThat(retryParked(fixture, byAge)).isEqualTo(one);
            assertThat(retryParked(fixture, byTag)).isEmpty();
            assertThat(retryParked(fixture, domain("one.test"))).isEqualTo(one);
            assertThat(retryParked(fixture, all)).hasSize(2);
        }
    }

    /** Parks all queues and says which of them a retry lets go on; its caller heard the same. */
    private static Set<QueueKey> retryParked(SpoolFixture fixture, Selection selection) {
        List<QueueKey> queues = fixture.spool.queues().statuses().stream().map(QueueStatus::key)
                .toList();
        queues.forEach(key -> fixture.spool.queues().find(key).orElseThrow()
                .park(fixture.time.epochMillis() + 3_600_000, "tests"));
        Set<QueueKey> heard = ConcurrentHashMap.newKeySet();
        long number = fixture.spool.operations().start(selection, new SetAction.RetryNow(),
                "tester", heard::addAll);
        await(() -> status(fixture, number).endedEpochMillis() != 0);
        assertThat(status(fixture, number).state()).isEqualTo(State.DONE);
        Set<QueueKey> goOn = fixture.spool.queues().statuses().stream()
                .filter(status -> status.parkedUntilEpochMillis() == 0).map(QueueStatus::key)
                .collect(Collectors.toSet());
        queues.stream().filter(selection::meansAllOf).forEach(heard::add);
        assertThat(heard).isEqualTo(goOn);
        return goOn;
    }

    @Test
    void bounce_waitingAndHeld_tellsSendersUnlessToldNotTo() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("one"), "a@one.test");
            fixture.accept(message("two"), "a@two.test");
            fixture.accept(message("three"), "a@three.test");
            run(fixture, domain("two.test"), new SetAction.Hold(""));
            run(fixture, domain("one.test"), new SetAction.Bounce(true, "not wanted any more"));
            run(fixture, domain("two.test"), new SetAction.Bounce(true, "nor this"));
            Status quiet = run(fixture, domain("three.test"), new SetAction.Bounce(false, "x"));
            assertThat(quiet.changed()).isEqualTo(1);
            List<String> reports = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Envelope dsn = fixture.take("example.com");
                reports.add(text(fixture, dsn));
                fixture.settle(dsn, delivered());
            }
            assertThat(reports).anyMatch(one -> one.contains("not wanted any more")
                    && one.contains("Status: 5.7.0")).anyMatch(one -> one.contains("nor this"));
            assertThat(fixture.spool.queues().waiting()).isZero();
            assertThat(fixture.spool.care().statistics().liveContentBytes()).isZero();
        }
    }

    @Test
    void discard_nobodyIsTold_andContentIsGone() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(message("x"), "a@one.test", "b@two.test");
            run(fixture, domain("one.test"), new SetAction.Hold(""));
            assertThat(run(fixture, Selection.ALL, new SetAction.Discard("test")).changed())
                    .isEqualTo(2);
            assertThat(fixture.spool.queues().waiting()).isZero();
            assertThat(fixture.spool.care().content(id)).isEmpty();
            assertThat(fixture.spool.queues().find(SpoolFixture.key("example.com"))).isEmpty();
        }
    }

    @Test
    void takenMail_isLeftAloneAndCounted() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("x"), "a@one.test");
            Envelope taken = fixture.take("one.test");
            Status status = run(fixture, Selection.ALL, new SetAction.Discard(""));
            assertThat(status.changed()).isZero();
            assertThat(status.underWay()).isEqualTo(1);
            fixture.settle(taken, delivered());
            assertThat(fixture.spool.queues().waiting()).isZero();
        }
    }

    /** Leaving a smart host, the recipients of one envelope go different ways. */
    @Test
    void rebind_fromSmartHostToMx_splitsAndKeepsContentToTheLast() {
        try (SpoolFixture fixture = new SpoolFixture(directory,
                "routes = [ { via = \"" + VIA + "\" } ]")) {
            byte[] content = message("many ways");
            fixture.accept(content, "a@one.test", "b@two.test", "c@one.test", "d@three.test");
            SetAction home = new SetAction.Rebind(Optional.of(Lane.BULK), Optional.of("slow"),
                    Optional.of(SetAction.Rebind.MX));
            assertThat(run(fixture, domain("one.test"), home).changed()).isZero();
            assertThat(run(fixture, Selection.ALL, home).changed()).isEqualTo(1);
            assertThat(run(fixture, Selection.ALL, home).changed()).isZero();
            assertThat(fixture.spool.queues().waiting()).isEqualTo(3);
            Set<Integer> ordinals = new HashSet<>();
            for (String name : List.of("one.test", "two.test", "three.test")) {
                MailQueue queue = fixture.spool.queues()
                        .find(new QueueKey(Lane.BULK, "default", name, "slow")).orElseThrow();
                List<Envelope> taken = new ArrayList<>();
                await(() -> {
                    taken.addAll(queue.take(1));
                    return !taken.isEmpty();
                });
                Envelope envelope = taken.getFirst();
                assertThat(envelope.recipients()).hasSize(name.equals("one.test") ? 2 : 1);
                assertThat(fixture.read(envelope)).isEqualTo(content);
                assertThat(ordinals.add(envelope.ordinal())).isTrue();
                fixture.settle(envelope, envelope.recipients().stream()
                        .map(one -> delivered()).toArray(Disposition[]::new));
            }
            assertThat(fixture.spool.care().statistics().liveContentBytes()).isZero();
        }
    }

    @Test
    void start_tooManyWait_isRefused() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("x"), "a@one.test");
            AtomicBoolean mayGoOn = new AtomicBoolean();
            Selection slow = new Selection(Optional.empty(), "", "", "", "", "", Optional.empty(),
                    Duration.ZERO, Duration.ZERO, key -> {
                        await(mayGoOn::get);
                        return true;
                    }, "slow=true");
            assertThatThrownBy(() -> {
                for (int i = 0; i < 2 * SetOperations.MAX_WAITING; i++) {
                    fixture.spool.operations().start(slow, new SetAction.RetryNow(), "tester");
                }
            }).isInstanceOf(IllegalStateException.class).hasMessageContaining("wait already");
            assertThat(fixture.spool.operations().cancel(SetOperations.MAX_WAITING)).isTrue();
            assertThat(fixture.spool.operations().cancel(1_000)).isFalse();
            mayGoOn.set(true);
            await(() -> status(fixture, SetOperations.MAX_WAITING).endedEpochMillis() != 0);
            assertThat(status(fixture, SetOperations.MAX_WAITING).state())
                    .isEqualTo(State.CANCELLED);
        }
    }

    /** Mail comes and goes while operations walk: each message has one fate, and no other. */
    @Test
    void operations_whileMailComesAndGoes_loseAndDoubleNothing() {
        int count = 3000;
        try (SpoolFixture fixture = new SpoolFixture(directory, "spool.durability = async")) {
            Set<SpoolId> accepted = new HashSet<>();
            Set<SpoolId> done = new HashSet<>();
            for (int i = 0; i < count; i++) {
                accepted.add(fixture.accept(message("n" + i), "a@d" + i % 7 + ".test"));
                if (i % 400 == 100) {
                    fixture.spool.operations().start(domain("d" + i % 7 + ".test"),
                            new SetAction.Hold(""), "tester");
                } else if (i % 400 == 200) {
                    fixture.spool.operations().start(Selection.ALL, new SetAction.Release(),
                            "tester");
                } else if (i % 400 == 300) {
                    fixture.spool.operations().start(Selection.ALL, new SetAction.RetryNow(),
                            "tester");
                }
                takeSome(fixture, i, done, true);
            }
            await(() -> fixture.spool.operations().statuses().stream()
                    .allMatch(one -> one.endedEpochMillis() != 0));
            run(fixture, Selection.ALL, new SetAction.Release());
            run(fixture, Selection.ALL, new SetAction.RetryNow());
            await(() -> {
                for (int i = 0; i < 7; i++) {
                    takeSome(fixture, i, done, false);
                }
                return done.size() == count;
            });
            assertThat(done).isEqualTo(accepted);
            await(() -> fixture.spool.queues().waiting() == 0);
            assertThat(fixture.spool.care().statistics().liveContentBytes()).isZero();
        }
        assertThat(SpoolFolder.check(SpoolFixture.config(directory), directory, false,
                line -> {}).problems()).isZero();
    }

    /**
     * Delivers, and may defer each third at first; nothing may be delivered twice.
     *
     * @param defers not at the end: time stands still here, so what is deferred then stays away
     */
    private static void takeSome(SpoolFixture fixture, int number, Set<SpoolId> done,
            boolean defers) {
        Optional<MailQueue> queue = fixture.spool.queues()
                .find(SpoolFixture.key("d" + number % 7 + ".test"));
        for (Envelope envelope : queue.map(one -> one.take(2)).orElse(List.of())) {
            if (defers && envelope.attempts() == 0 && envelope.id().value() % 3 == 0) {
                fixture.settle(envelope, deferred());
            } else {
                assertThat(done.add(envelope.id())).isTrue();
                fixture.settle(envelope, delivered());
            }
        }
    }
}
