// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.bounced;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Content;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.core.testing.Patience;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** A disk that refuses: new mail fails, acknowledged mail is neither lost nor repeated. */
class FaultTest {
    @TempDir
    Path directory;

    /** No mail is given up, however many looks a test needs. */
    private static final String LONG_AGE = "retry.default.max-age = 60d";
    private static final byte[] LARGE = new byte[2 * Content.CHUNK_BYTES];

    /** Fails writes when told to, before or after they reached the database. */
    private static final class FaultyDisk implements BatchSink {
        final BatchSink real;
        volatile boolean failing;
        volatile boolean failAfterWriting;
        volatile boolean failsToSync;
        volatile boolean healedByReopening;
        volatile boolean opensNothing;
        final AtomicInteger builtWhileClosed = new AtomicInteger();
        final AtomicInteger reopened = new AtomicInteger();
        volatile CountDownLatch answers = new CountDownLatch(0);
        volatile boolean asked;

        FaultyDisk(BatchSink real) {
            this.real = real;
        }

        @Override
        public void write(WriteBatch batch, boolean sync) throws RocksDBException {
            asked = true;
            try {
                answers.await();
            } catch (InterruptedException end) {
                Thread.currentThread().interrupt();
            }
            if (failAfterWriting) {
                failAfterWriting = false;
                failing = true;
                real.write(batch, sync);
            }
            if (failing) {
                throw new RocksDBException("No space left on device, in a test");
            }
            real.write(batch, sync);
        }

        @Override
        public void later(Rows rows, long before, long number) {
            real.later(rows, before, number);
        }

        @Override
        public long lateBytes() {
            return real.lateBytes();
        }

        @Override
        public void writeLate() throws RocksDBException {
            if (failAfterWriting) {
                failAfterWriting = false;
                failing = true;
                real.writeLate();
            }
            if (failing) {
                throw new RocksDBException("No space left on device, in a test");
            }
            real.writeLate();
        }

        @Override
        public void sync() throws RocksDBException {
            if (failsToSync) {
                throw new RocksDBException("Input/output error, in a test");
            }
            real.sync();
        }

        @Override
        public void stopCompactions() {
            real.stopCompactions();
        }

        @Override
        public boolean takesFiles() {
            if (opensNothing && reopened.get() > 0) {
                builtWhileClosed.incrementAndGet();
                return false;
            }
            return real.takesFiles();
        }

        @Override
        public void reopen(long newest) {
            if (opensNothing) {
                reopened.incrementAndGet();
                // which it has never had
                real.reopen(newest + 1);
            }
            real.reopen(newest);
            reopened.incrementAndGet();
            failing &= !healedByReopening;
        }

        @Override
        public long freeBytes() {
            return real.freeBytes();
        }
    }

    /** A spool and the disk under it. */
    private record Faulty(FaultyDisk disk, SpoolFixture fixture) {}

    /** Each batch goes to the database at once. */
    private Faulty open(String... config) {
        return open(false, config);
    }

    private Faulty open(boolean late, String... config) {
        AtomicReference<@Nullable FaultyDisk> disk = new AtomicReference<>();
        List<String> lines = new ArrayList<>(List.of(config));
        lines.add(LONG_AGE);
        SpoolFixture fixture = new SpoolFixture(directory, new FakeTimeSource(), late, real -> {
            FaultyDisk made = new FaultyDisk(real);
            disk.set(made);
            return made;
        }, lines.toArray(String[]::new));
        return new Faulty(Objects.requireNonNull(disk.get()), fixture);
    }

    /** While a test waits, days go by: see {@link #LONG_AGE}. */
    private static void letTimePass(SpoolFixture fixture) {
        fixture.time.advance(Duration.ofSeconds(40));
    }

    @Test
    void refusedWrites_failNewMailAndKeepSettlements() {
        Faulty faulty = open();
        try (SpoolFixture fixture = faulty.fixture) {
            byte[] content = message("x");
            fixture.accept(content, "a@one.test");
            fixture.accept(content, "b@one.test");
            Envelope first = fixture.take("one.test");
            Envelope second = fixture.take("one.test");
            faulty.disk.failing = true;
            SpoolFixture.Outcome settled = fixture.settle(first, false, delivered());
            await(() -> fixture.spool.refusal().orElse("").contains("cannot be written"));
            assertThatThrownBy(() -> fixture.accept(content, "c@one.test"))
                    .hasMessage("not committed");
            SpoolFixture.Outcome bounce = fixture.settle(second, false, bounced());
            assertThat(fixture.read(second)).isEqualTo(content);
            assertThat(settled.isDone()).isFalse();
            assertThat(bounce.isDone()).isFalse();
            // Not due again: it must not be sent a second time.
            assertThat(fixture.queue("one.test").take(1)).isEmpty();
            faulty.disk.failing = false;
            letTimePass(fixture);
            settled.get();
            bounce.get();
            assertThat(fixture.spool.refusal()).isEmpty();
            assertThat(fixture.spool.queues().waiting()).isEqualTo(1);
            fixture.accept(content, "d@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
            fixture.settle(fixture.take("example.com"), delivered());
            assertThat(fixture.spool.queues().waiting()).isZero();
        }
    }

    /** What a watchdog asks: the thread all mail waits for hangs in a write. */
    @Test
    void diskThatDoesNotAnswer_isAStuckThread() {
        Faulty faulty = open();
        Duration limit = Duration.ofMinutes(1);
        try (SpoolFixture fixture = faulty.fixture) {
            assertThat(fixture.spool.stuck(limit)).isEmpty();
            fixture.accept(message("x"), "a@one.test");
            faulty.disk.answers = new CountDownLatch(1);
            SpoolFixture.Outcome settled = fixture.settle(fixture.take("one.test"), false,
                    delivered());
            // the thread may have come to the write only now
            await(() -> {
                fixture.time.advance(Duration.ofSeconds(1));
                return fixture.spool.stuck(limit).equals(Optional.of("spool-commit"));
            });
            // it is the disk that holds it
            await(() -> {
                fixture.time.advance(Duration.ofSeconds(1));
                return fixture.spool.stalled().compareTo(limit) > 0;
            });
            await(() -> fixture.spool.refusal().orElse("").contains("disk has not answered"));
            faulty.disk.answers.countDown();
            await(() -> fixture.spool.stuck(limit).isEmpty());
            settled.get();
            await(() -> fixture.spool.stalled().isZero());
        }
    }

    @Test
    void readOnlyDatabase_isReopened() {
        Faulty faulty = open();
        try (SpoolFixture fixture = faulty.fixture) {
            fixture.accept(message("x"), "a@one.test");
            Envelope envelope = fixture.take("one.test");
            faulty.disk.healedByReopening = true;
            faulty.disk.failing = true;
            SpoolFixture.Outcome settled = fixture.settle(envelope, false, delivered());
            await(() -> {
                letTimePass(fixture);
                return settled.isDone();
            });
            assertThat(faulty.disk.reopened).hasValue(1);
            fixture.accept(message("y"), "a@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
        }
    }

    /** The write was said to have failed but is there after reopening: nothing is done twice. */
    @Test
    void failedWriteThatIsAliveAfterReopening_countsAsCommitted() {
        Faulty faulty = open();
        try (SpoolFixture fixture = faulty.fixture) {
            fixture.accept(message("x"), "a@one.test");
            Envelope envelope = fixture.take("one.test");
            faulty.disk.healedByReopening = true;
            faulty.disk.failAfterWriting = true;
            SpoolFixture.Outcome settled = fixture.settle(envelope, false, bounced());
            await(() -> {
                letTimePass(fixture);
                return settled.isDone();
            });
            assertThat(fixture.spool.queues().waiting()).isEqualTo(1);
            assertThat(fixture.events(envelope.id())).hasSize(3);
            fixture.settle(fixture.take("example.com"), delivered());
        }
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.spool.queues().waiting()).isZero();
        }
    }

    /** What is in the log is acknowledged; the database refuses it when its turn comes. */
    @ParameterizedTest
    @CsvSource({"false, false", "false, true", "true, false", "true, true"})
    void databaseThatRefusesWhatWaits_losesNothing(boolean byReopening, boolean afterWriting) {
        Faulty faulty = open(true);
        SpoolId bounced;
        try (SpoolFixture fixture = faulty.fixture) {
            fixture.accept(message("a"), "u@one.test");
            faulty.disk.healedByReopening = byReopening;
            faulty.disk.failAfterWriting = afterWriting;
            faulty.disk.failing = !afterWriting;
            fixture.accept(message("b"), "u@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
            bounced = fixture.accept(message("c"), "u@one.test");
            letTimePass(fixture);
            await(() -> fixture.spool.refusal().isPresent());
            assertThatThrownBy(() -> fixture.accept(message("d"), "u@one.test"))
                    .hasMessage("not committed");
            Envelope second = fixture.take("one.test");
            assertThat(fixture.read(second)).isEqualTo(message("b"));
            Envelope third = fixture.take("one.test");
            assertThat(fixture.read(third)).isEqualTo(message("c"));
            SpoolFixture.Outcome settled = fixture.settle(second, false, delivered());
            SpoolFixture.Outcome bounce = fixture.settle(third, false, bounced());
            assertThat(settled.isDone()).isFalse();
            faulty.disk.failing = byReopening;
            await(() -> {
                letTimePass(fixture);
                return settled.isDone() && bounce.isDone();
            });
            assertThat(faulty.disk.reopened).hasValue(byReopening ? 1 : 0);
            fixture.accept(message("e"), "u@one.test");
            assertThat(fixture.spool.queues().waiting()).isEqualTo(2);
            assertThat(fixture.events(bounced)).hasSize(3);
        }
        assertThat(SpoolFolder.check(SpoolFixture.config(directory), directory, false,
                line -> {}).problems()).isZero();
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.read(after.take("one.test"))).isEqualTo(message("e"));
            assertThat(after.events(bounced)).hasSize(3);
            after.settle(after.take("example.com"), delivered());
            assertThat(after.spool.queues().waiting()).isEqualTo(1);
        }
    }

    /** Between two tries to open it, batches are made and must get nowhere. */
    @Test
    void databaseThatStaysClosed_nothingOfThatTimeIsInTheLog() {
        Faulty faulty = open(true);
        try (SpoolFixture fixture = faulty.fixture) {
            fixture.accept(message("a"), "u@one.test");
            fixture.accept(message("b"), "u@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
            Envelope second = fixture.take("one.test");
            faulty.disk.opensNothing = true;
            faulty.disk.failing = true;
            letTimePass(fixture);
            await(() -> {
                letTimePass(fixture);
                return faulty.disk.reopened.get() > 0;
            });
            SpoolFixture.Outcome settled = fixture.settle(second, false, delivered());
            int before = faulty.disk.builtWhileClosed.get();
            await(() -> {
                letTimePass(fixture);
                return faulty.disk.builtWhileClosed.get() > before + 2;
            });
            assertThat(settled.isDone()).isFalse();
        }
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.spool.queues().waiting()).isEqualTo(1);
            Envelope second = after.take("one.test");
            assertThat(after.read(second)).isEqualTo(message("b"));
            after.settle(second, delivered());
        }
        assertThat(SpoolFolder.check(SpoolFixture.config(directory), directory, false,
                line -> {}).problems()).isZero();
    }

    /** A slot of the log is full, and what waits for the database must be there before the next. */
    @Test
    void databaseThatCannotBeSyncedAtTheEndOfASlot_losesNothing() {
        Faulty faulty = open(true);
        List<byte[]> accepted = new ArrayList<>();
        try (SpoolFixture fixture = faulty.fixture) {
            fixture.accept(message("first"), "u@one.test");
            accepted.add(message("first"));
            faulty.disk.failsToSync = true;
            byte[] content = new byte[20_000];
            for (int i = 0; i < 50 && fixture.spool.refusal().isEmpty(); i++) {
                new Random(i).nextBytes(content);
                try {
                    fixture.accept(content, "u@one.test");
                    accepted.add(content.clone());
                } catch (AssertionError refused) {
                    assertThat(refused).hasMessage("not committed");
                }
            }
            assertThat(fixture.spool.refusal()).isPresent();
            faulty.disk.failsToSync = false;
            await(() -> {
                letTimePass(fixture);
                return fixture.spool.refusal().isEmpty();
            });
            fixture.accept(message("last"), "u@one.test");
            accepted.add(message("last"));
        }
        assertThat(accepted).hasSizeGreaterThan(5);
        try (SpoolFixture after = new SpoolFixture(directory)) {
            for (byte[] one : accepted) {
                assertThat(after.read(after.take("one.test"))).isEqualTo(one);
            }
            assertThat(after.spool.queues().waiting()).isEqualTo(accepted.size());
        }
        assertThat(SpoolFolder.check(SpoolFixture.config(directory), directory, false,
                line -> {}).problems()).isZero();
    }

    @Test
    void refusedChunk_failsTheMessageAtItsEnd() {
        Faulty faulty = open();
        try (SpoolFixture fixture = faulty.fixture) {
            byte[] content = new byte[3 * Content.CHUNK_BYTES];
            IncomingContent incoming = fixture.spool.newContent(Runnable::run, () -> {});
            faulty.disk.failing = true;
            incoming.append(content, 0, content.length);
            await(incoming::writable);
            faulty.disk.failing = false;
            SpoolFixture.Outcome outcome = new SpoolFixture.Outcome();
            incoming.accept(SpoolFixture.submission(content, "a@example.com",
                    new Recipient(SpoolFixture.address("u@one.test"))), outcome);
            assertThatThrownBy(outcome::get).hasMessage("not committed");
            letTimePass(fixture);
            await(() -> fixture.spool.refusal().isEmpty());
            fixture.accept(content, "u@one.test");
        }
    }

    /** What was not synced before a failed sync cannot be trusted after it. */
    @Test
    void chunksFromBeforeAFailure_failTheMessageAtItsEnd() {
        Faulty faulty = open();
        try (SpoolFixture fixture = faulty.fixture) {
            IncomingContent incoming = largeFromBeforeAFailure(faulty);
            SpoolFixture.Outcome outcome = new SpoolFixture.Outcome();
            incoming.accept(largeSubmission(), outcome);
            assertThatThrownBy(outcome::get).hasMessage("not committed");
            assertThat(fixture.spool.queues().waiting()).isZero();
        }
    }

    /** The batch is made again without it, and then all that is in it is told, but not it. */
    @Test
    void chunksFromBeforeAFailure_diskRefusesTheRestOfTheBatch_failTheMessageOnce() {
        Faulty faulty = open();
        try (SpoolFixture fixture = faulty.fixture) {
            IncomingContent incoming = largeFromBeforeAFailure(faulty);
            faulty.disk.asked = false;
            faulty.disk.answers = new CountDownLatch(1);
            SpoolFixture.Outcome before = new SpoolFixture.Outcome();
            IncomingContent small = fixture.spool.newContent(Runnable::run, () -> {});
            small.append(message("y"), 0, message("y").length);
            small.accept(SpoolFixture.submission(message("y"), "a@example.com",
                    new Recipient(SpoolFixture.address("u@one.test"))), before);
            await(() -> faulty.disk.asked);
            AtomicInteger told = new AtomicInteger();
            incoming.accept(largeSubmission(),
                    CommitListener.onFailure(why -> told.incrementAndGet()));
            // has the database synced while the batch is made
            fixture.spool.submit(new Operation.TakeSlot(false, new AtomicInteger(),
                    new Operation.Told(Runnable::run, CommitListener.onFailure(why -> {}))));
            faulty.disk.failsToSync = true;
            faulty.disk.answers.countDown();
            before.get();
            await(() -> fixture.spool.refusal().isPresent());
            faulty.disk.failsToSync = false;
            await(() -> {
                letTimePass(fixture);
                return fixture.spool.refusal().isEmpty();
            });
            assertThat(told).hasValue(1);
            assertThat(fixture.spool.queues().waiting()).isEqualTo(1);
        }
    }

    /** A large message whose first chunks went to a disk that refused something since. */
    private static IncomingContent largeFromBeforeAFailure(Faulty faulty) {
        SpoolFixture fixture = faulty.fixture;
        IncomingContent incoming = fixture.spool.newContent(Runnable::run, () -> {});
        incoming.append(LARGE, 0, LARGE.length);
        await(incoming::writable);
        faulty.disk.failing = true;
        assertThatThrownBy(() -> fixture.accept(message("x"), "a@one.test"))
                .hasMessage("not committed");
        faulty.disk.failing = false;
        letTimePass(fixture);
        await(() -> fixture.spool.refusal().isEmpty());
        return incoming;
    }

    private static Submission largeSubmission() {
        return SpoolFixture.submission(LARGE, "a@example.com",
                new Recipient(SpoolFixture.address("u@one.test")));
    }

    @Test
    void shortRoom_refusesAndRecovers() {
        try (SpoolFixture fixture = new SpoolFixture(directory, "spool.min-free = 1000000g")) {
            assertThat(fixture.spool.refusal().orElseThrow()).contains("min-free");
        }
        try (SpoolFixture fixture = new SpoolFixture(directory, "spool.max-size = 8m")) {
            byte[] content = new byte[1 << 20];
            int messages = 16;
            for (int i = 0; i < messages; i++) {
                new Random(i).nextBytes(content);
                fixture.accept(content, "u@one.test");
            }
            letTimePass(fixture);
            // Until then a batch on its way may look stalled: the clock has leapt.
            await(() -> fixture.spool.refusal().orElse("").contains("max-size"));
            // Delivery goes on, and the room comes back by itself.
            for (int i = 0; i < messages; i++) {
                fixture.settle(fixture.take("one.test"), delivered());
            }
            await(() -> {
                letTimePass(fixture);
                return fixture.spool.refusal().isEmpty();
            });
        }
    }

    /** An operation gives up on a disk that refuses; its changes wait, and are not made twice. */
    @Test
    void refusedRelease_givenAgain_releasesOnce() {
        Faulty faulty = open();
        try (SpoolFixture fixture = faulty.fixture) {
            fixture.accept(message("x"), "a@one.test");
            run(fixture, new SetAction.Hold(""), SetOperations.State.DONE);
            faulty.disk.failing = true;
            run(fixture, new SetAction.Release(), SetOperations.State.FAILED);
            run(fixture, new SetAction.Release(), SetOperations.State.FAILED);
            faulty.disk.failing = false;
            await(() -> {
                letTimePass(fixture);
                return fixture.queue("one.test").status().held() <= 0;
            });
            run(fixture, new SetAction.Release(), SetOperations.State.DONE);
            assertThat(fixture.queue("one.test").status().held()).isZero();
            assertThat(fixture.spool.queues().waiting()).isEqualTo(1);
            fixture.settle(fixture.take("one.test"), delivered());
            assertThat(fixture.spool.queues().waiting()).isZero();
        }
        assertThat(SpoolFolder.check(SpoolFixture.config(directory), directory, false,
                line -> {}).problems()).isZero();
    }

    private static void run(SpoolFixture fixture, SetAction action, SetOperations.State end) {
        long number = fixture.spool.operations().start(Selection.ALL, action, "tester");
        await(() -> {
            if (end == SetOperations.State.FAILED) {
                // only who is to give up: with time that leaps, any disk seems not to answer
                letTimePass(fixture);
            }
            return fixture.spool.operations().statuses().getFirst().endedEpochMillis() != 0;
        });
        SetOperations.Status status = fixture.spool.operations().statuses().getFirst();
        assertThat(status.number()).isEqualTo(number);
        assertThat(status.state()).describedAs(status.why()).isEqualTo(end);
    }

    @Test
    void refusedRemovalOfKeptContent_isCountedOnce() {
        Faulty faulty = open("spool.keep.content-for = 1h");
        try (SpoolFixture fixture = faulty.fixture) {
            SpoolId id = fixture.accept(message("x"), "a@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
            faulty.disk.failing = true;
            fixture.time.advance(Duration.ofHours(2));
            long refusals = refusals(fixture);
            // each of them may be a reopening
            Patience.await(Duration.ofMinutes(2), () -> {
                letTimePass(fixture);
                return refusals(fixture) > refusals + 40;
            });
            assertThat(fixture.spool.care().content(id)).isPresent();
            faulty.disk.failing = false;
            await(() -> {
                letTimePass(fixture);
                return fixture.spool.care().content(id).isEmpty();
            });
            fixture.accept(message("y"), "a@one.test");
            assertThat(fixture.spool.care().statistics().keptContentBytes()).isZero();
        }
        assertThat(SpoolFolder.check(SpoolFixture.config(directory), directory, false,
                line -> {}).problems()).isZero();
    }

    private static long refusals(SpoolFixture fixture) {
        return fixture.metrics.snapshot().getOrDefault("spool_write_errors_total", 0L);
    }
}
