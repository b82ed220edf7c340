// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The listener is told neither too little (mail would lie) nor more than promised. */
class DueListenerTest {
    @TempDir
    Path directory;

    @Test
    void queueDue_comesOnceUntilATakeFellShort() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            AtomicInteger told = new AtomicInteger();
            fixture.accept(message("before"), "a@one.test");
            fixture.spool.queues().listen(queue -> told.incrementAndGet());
            assertThat(told).hasValue(1);
            fixture.accept(message("second"), "a@one.test");
            assertThat(told).hasValue(1);
            MailQueue queue = fixture.queue("one.test");
            assertThat(queue.take(2)).hasSize(2);
            fixture.accept(message("third"), "a@one.test");
            assertThat(told).hasValue(1);
            assertThat(queue.take(2)).hasSize(1);
            assertThat(told).hasValue(1);
            fixture.accept(message("fourth"), "a@one.test");
            assertThat(told).hasValue(2);
        }
    }

    /** Another queue of its name would tell nobody: who was told of this one looks here. */
    @Test
    void idle_toldOfAndNotFoundEmpty_isTheSameLater() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.spool.queues().listen(queue -> {});
            fixture.accept(message("x"), "a@one.test");
            fixture.accept(message("x"), "a@two.test");
            MailQueue one = fixture.queue("one.test");
            Envelope all = one.take(1).getFirst();
            fixture.settle(all, delivered());
            MailQueue two = fixture.queue("two.test");
            fixture.settle(two.take(1).getFirst(), delivered());
            assertThat(two.take(1)).isEmpty();
            fixture.time.advance(Duration.ofMinutes(11));
            await(() -> fixture.spool.queues().find(two.key()).isEmpty());
            fixture.accept(message("later"), "a@one.test");
            assertThat(one.take(1)).hasSize(1);
            assertThat(one.take(1)).isEmpty();
        }
    }

    /** Much that comes later is in memory: what comes first on disk is read all the same. */
    @Test
    void firstOfAllOnDisk_behindMuchInMemory_isToldWhenDue() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("now"), "a@one.test");
            accept(fixture, Duration.ofDays(3), 1);
        }
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            AtomicInteger told = new AtomicInteger();
            fixture.spool.queues().listen(queue -> told.incrementAndGet());
            fixture.settle(fixture.take("one.test"), delivered());
            accept(fixture, Duration.ofMinutes(10), QueueState.WINDOW / 2 + 100);
            SpoolId first = accept(fixture, Duration.ofMinutes(5), 1);
            MailQueue queue = fixture.queue("one.test");
            assertThat(queue.take(1)).isEmpty();
            rebindToWhereItIs(fixture, first);
            int before = told.get();
            fixture.time.advance(Duration.ofMinutes(6));
            await(() -> told.get() > before);
            assertThat(fixture.take("one.test").id()).isEqualTo(first);
        }
    }

    /** What memory has no room for stays on disk, and is not read again and again. */
    @Test
    void muchForManyRecipients_comesAsThereIsRoom() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.spool.queues().listen(queue -> {});
            String[] recipients = new String[400];
            for (int i = 0; i < recipients.length; i++) {
                recipients[i] = "u" + i + "@one.test";
            }
            for (int i = 0; i < 60; i++) {
                fixture.accept(message("x"), recipients);
            }
            int[] restful = {0};
            await(() -> {
                restful[0] = fixture.spool.readsNothing() ? restful[0] + 1 : 0;
                return restful[0] == 50;
            });
            List<Envelope> all = new ArrayList<>();
            MailQueue queue = fixture.queue("one.test");
            await(() -> {
                all.addAll(queue.take(5));
                return all.size() == 60;
            });
            assertThat(all).doesNotHaveDuplicates();
        }
    }

    /** Takes it out of memory. */
    private static void rebindToWhereItIs(SpoolFixture fixture, SpoolId id) {
        long number = fixture.spool.operations().start(
                new Selection(Optional.empty(), "", "", "", "", "", Optional.of(id),
                        Duration.ZERO, Duration.ZERO, key -> true, ""),
                new SetAction.Rebind(Optional.empty(), Optional.of("default"), Optional.empty()),
                "test");
        await(() -> fixture.spool.operations().statuses().stream().anyMatch(
                one -> one.number() == number && one.endedEpochMillis() != 0));
    }

    /** Mail to be released then; the id of the last. */
    private static SpoolId accept(SpoolFixture fixture, Duration hold, int count) {
        List<SpoolFixture.Outcome> outcomes = new ArrayList<>();
        SpoolId last = new SpoolId(0);
        for (int i = 0; i < count; i++) {
            SpoolFixture.Outcome outcome = new SpoolFixture.Outcome();
            last = submit(fixture, hold, outcome);
            outcomes.add(outcome);
        }
        outcomes.forEach(SpoolFixture.Outcome::get);
        return last;
    }

    private static SpoolId submit(SpoolFixture fixture, Duration hold,
            SpoolFixture.Outcome outcome) {
        byte[] content = message("x");
        Submission plain = SpoolFixture.submission(content, "app@example.com",
                new Recipient(SpoolFixture.address("a@one.test")));
        IncomingContent incoming = fixture.spool.newContent(Runnable::run, () -> {});
        incoming.append(content, 0, content.length);
        incoming.accept(new Submission(plain.sender(), plain.recipients(),
                hold.isZero() ? MailOptions.NONE
                        : MailOptions.NONE.withRelease(
                                fixture.time.epochMillis() + hold.toMillis()),
                plain.facts(), plain.tenant(), plain.from()), outcome);
        return incoming.id();
    }

    /** Rows can be read a moment before the queue hears of them. */
    @Test
    void committedButUnpublished_readMeanwhile_hidesNothing() throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("on disk"), "a@one.test");
            accept(fixture, Duration.ofSeconds(5), 1);
        }
        Semaphore written = new Semaphore(0);
        Semaphore goOn = new Semaphore(0);
        AtomicBoolean stops = new AtomicBoolean(true);
        try (SpoolFixture fixture = new SpoolFixture(directory, new FakeTimeSource(),
                real -> stopping(real, stops, written, goOn))) {
            SpoolFixture.Outcome other = new SpoolFixture.Outcome();
            byte[] content = message("other");
            IncomingContent incoming = fixture.spool.newContent(Runnable::run, () -> {});
            incoming.append(content, 0, content.length);
            incoming.accept(SpoolFixture.submission(content, "app@example.com",
                    new Recipient(SpoolFixture.address("a@two.test"))), other);
            written.acquire();
            SpoolFixture.Outcome far = new SpoolFixture.Outcome();
            submit(fixture, Duration.ofHours(1), far);
            SpoolFixture.Outcome near = new SpoolFixture.Outcome();
            submit(fixture, Duration.ZERO, near);
            goOn.release();
            written.acquire();
            MailQueue queue = fixture.queue("one.test");
            List<Envelope> taken = new ArrayList<>();
            await(() -> {
                taken.addAll(queue.take(2));
                return taken.size() == 2;
            });
            stops.set(false);
            goOn.release();
            other.get();
            far.get();
            near.get();
            fixture.time.advance(Duration.ofSeconds(6));
            assertThat(fixture.take("one.test").id()).isNotIn(taken.stream()
                    .map(Envelope::id).toList());
        }
    }

    /** Holds the commit thread up between the disk and the queues. */
    private static BatchSink stopping(BatchSink real, AtomicBoolean stops, Semaphore written,
            Semaphore goOn) {
        return (BatchSink) Proxy.newProxyInstance(BatchSink.class.getClassLoader(),
                new Class<?>[]{BatchSink.class}, (self, method, arguments) -> {
                    Object result = method.invoke(real, arguments);
                    if (stops.get() && (method.getName().equals("write")
                            || method.getName().equals("later"))) {
                        written.release();
                        goOn.acquire();
                    }
                    return result;
                });
    }

    @Test
    void putBack_afterAShortTake_tellsAgain() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            AtomicInteger told = new AtomicInteger();
            fixture.spool.queues().listen(queue -> told.incrementAndGet());
            fixture.accept(message("x"), "a@one.test");
            MailQueue queue = fixture.queue("one.test");
            Envelope envelope = queue.take(5).getFirst();
            queue.putBack(envelope);
            assertThat(told).hasValue(2);
            assertThat(queue.take(5)).containsExactly(envelope);
        }
    }

    @Test
    void deferred_isToldWhenItsTimeHasCome() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            AtomicInteger told = new AtomicInteger();
            fixture.spool.queues().listen(queue -> told.incrementAndGet());
            fixture.accept(message("x"), "a@one.test");
            Envelope envelope = fixture.take("one.test");
            assertThat(fixture.queue("one.test").take(1)).isEmpty();
            fixture.settle(envelope, deferred());
            fixture.time.advance(Duration.ofMinutes(1));
            assertThat(fixture.queue("one.test").take(1)).isEmpty();
            assertThat(told).hasValue(1);
            fixture.time.advance(Duration.ofMinutes(2));
            await(() -> told.get() == 2);
            assertThat(fixture.take("one.test").attempts()).isEqualTo(1);
        }
    }

    @Test
    void parked_givesNothingUntilItsTimeAndKeepsAttempts() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            AtomicInteger told = new AtomicInteger();
            fixture.spool.queues().listen(queue -> told.incrementAndGet());
            for (int i = 0; i < 50; i++) {
                fixture.accept(message("x" + i), "a@one.test");
            }
            MailQueue queue = fixture.queue("one.test");
            queue.park(fixture.time.epochMillis() + 60_000, "the site asked for quiet");
            queue.park(fixture.time.epochMillis() + 60_000, "the site asked for quiet");
            await(() -> fixture.spool.journal().newest() == 51);
            assertThat(queue.take(1)).isEmpty();
            assertThat(queue.status().parkedWhy()).isEqualTo("the site asked for quiet");
            assertThat(queue.status().parkedUntilEpochMillis())
                    .isEqualTo(fixture.time.epochMillis() + 60_000);
            assertThat(told).hasValue(1);
            fixture.time.advance(Duration.ofMinutes(1));
            await(() -> told.get() == 2);
            List<Envelope> all = new ArrayList<>();
            await(() -> {
                all.addAll(queue.take(100));
                return all.size() == 50;
            });
            assertThat(all).allMatch(envelope -> envelope.attempts() == 0);
            assertThat(queue.status().parkedWhy()).isEmpty();
        }
    }

    @Test
    void wallClockSteppedBack_neitherHidesNewMailNorFreezesOld() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("old"), "a@one.test");
            fixture.settle(fixture.take("one.test"), deferred());
            fixture.time.stepWallClock(Duration.ofDays(-1));
            fixture.accept(message("new"), "a@one.test");
            assertThat(fixture.take("one.test").attempts()).isZero();
            fixture.time.advance(Duration.ofMinutes(3));
            assertThat(fixture.take("one.test").attempts()).isEqualTo(1);
        }
    }

    /**
     * Consumers that take only when told, producers that do not wait: every message is seen once
     * per attempt and none is left lying. Some are put back, some deferred, the window overflows,
     * the queue is parked now and then, as a whole or for what no server has seen.
     */
    @Test
    void manyThreads_takingOnlyWhenTold_leaveNothingLying() throws Exception {
        int messages = 6000;
        try (SpoolFixture fixture = new SpoolFixture(directory, "spool.durability = async",
                "retry.default.intervals = [1s]")) {
            ExecutorService consumers = Executors.newFixedThreadPool(4);
            Set<Long> done = ConcurrentHashMap.newKeySet();
            Map<Long, AtomicInteger> tries = new ConcurrentHashMap<>();
            AtomicInteger wrong = new AtomicInteger();
            fixture.spool.queues().listen(queue -> consumers.execute(() -> {
                List<Envelope> taken;
                do {
                    taken = queue.take(7);
                    for (Envelope envelope : taken) {
                        consume(fixture, queue, envelope, tries, done, wrong);
                    }
                } while (taken.size() == 7);
            }));
            ExecutorService producers = Executors.newFixedThreadPool(3);
            for (int i = 0; i < messages; i++) {
                int number = i;
                producers.execute(() -> submit(fixture, number));
            }
            await(() -> {
                fixture.time.advance(Duration.ofMillis(50));
                return done.size() == messages;
            });
            await(() -> fixture.spool.queues().waiting() == 0);
            assertThat(wrong).hasValue(0);
            producers.shutdown();
            consumers.shutdown();
            assertThat(consumers.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
        }
    }

    private static void submit(SpoolFixture fixture, int number) {
        byte[] content = message("m" + number);
        IncomingContent incoming = fixture.spool.newContent(Runnable::run, () -> {});
        incoming.append(content, 0, content.length);
        incoming.accept(SpoolFixture.submission(content, "app@example.com",
                new io.mailrace.core.Recipient(SpoolFixture.address("u@d" + number % 3 + ".test"))),
                new SpoolFixture.Outcome());
    }

    private static void consume(SpoolFixture fixture, MailQueue queue, Envelope envelope,
            Map<Long, AtomicInteger> tries, Set<Long> done, AtomicInteger wrong) {
        if (envelope.id().value() % 97 == 0) {
            queue.parkUntried(fixture.time.epochMillis() + 100, "now and then");
        } else if (envelope.id().value() % 193 == 0) {
            queue.park(fixture.time.epochMillis() + 50, "now and then");
        }
        int attempt = tries.computeIfAbsent(envelope.id().value(), id -> new AtomicInteger())
                .incrementAndGet();
        if (attempt % 5 == 1 && envelope.id().value() % 5 == 0) {
            queue.putBack(envelope);
        } else if (envelope.attempts() == 0 && envelope.id().value() % 3 == 0) {
            fixture.settle(envelope, false, deferred());
        } else {
            if (!done.add(envelope.id().value())) {
                wrong.incrementAndGet();
            }
            fixture.settle(envelope, false, delivered());
        }
    }
}
