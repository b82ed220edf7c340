// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.bounced;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Content;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** What is on disk after a synced commit, and what a start makes of it. */
class SpoolLogTest {
    @TempDir
    Path directory;

    private Path db() {
        return directory.resolve("db");
    }

    private Path snapshot() {
        return directory.resolve("db-then");
    }

    /** The database as it is on the disk of a machine that goes down later. */
    private void takeSnapshot() throws IOException {
        Folders.remove(snapshot());
        Files.createDirectories(snapshot());
        try (Stream<Path> files = Files.list(db())) {
            for (Path file : files.toList()) {
                Files.copy(file, snapshot().resolve(file.getFileName()));
            }
        }
    }

    private void machineWentDown() throws IOException {
        Folders.remove(db());
        Files.move(snapshot(), db());
    }

    private List<String> problems() {
        List<String> told = new ArrayList<>();
        SpoolFolder.check(SpoolFixture.config(directory), directory, false, told::add);
        return told;
    }

    private static byte[] random(int seed, int bytes) {
        byte[] content = new byte[bytes];
        new Random(seed).nextBytes(content);
        return content;
    }

    private List<Path> slots() throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve(LogFiles.FOLDER))) {
            return files.sorted().toList();
        }
    }

    @Test
    void machineDown_whatTheDatabaseDidNotSync_isTakenFromTheLog() throws Exception {
        byte[] large = random(1, 3 * Content.CHUNK_BYTES + 17);
        SpoolId bounced;
        FakeTimeSource time = new FakeTimeSource();
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            fixture.accept(message("before"), "a@before.test");
            takeSnapshot();
            for (int i = 0; i < 30; i++) {
                fixture.accept(message("m" + i), "u@after.test");
            }
            fixture.accept(large, "u@large.test");
            bounced = fixture.accept(message("bounced"), "u@bad.test");
            fixture.settle(fixture.take("bad.test"), bounced());
            fixture.settle(fixture.take("before.test"), delivered());
            for (int i = 0; i < 10; i++) {
                fixture.settle(fixture.take("after.test"), delivered());
            }
            fixture.settle(fixture.take("after.test"), deferred());
        }
        machineWentDown();
        assertThat(problems()).singleElement().asString()
                .contains("batches that the database lacks");
        for (int start = 0; start < 2; start++) {
            try (SpoolFixture after = new SpoolFixture(directory, time, disk -> disk)) {
                assertThat(after.metrics.snapshot().get("spool_lost_batches_total")).isZero();
                assertThat(after.waiting("after.test")).isEqualTo(20);
                assertThat(after.waiting("before.test")).isZero();
                assertThat(after.read(after.take("large.test"))).isEqualTo(large);
                assertThat(after.waiting("example.com")).isEqualTo(1);
                assertThat(after.events(bounced)).hasSize(3);
                for (int i = 11; i < 30; i++) {
                    assertThat(after.read(after.take("after.test"))).isEqualTo(message("m" + i));
                }
            }
            assertThat(problems()).isEmpty();
        }
    }

    /** Into slots that are written again, over the end of one: nine messages fill a slot. */
    @ParameterizedTest
    @ValueSource(ints = {200, 203, 206})
    void machineDown_logThatGoesOnInAnotherSlot_isFollowed(int messages) throws Exception {
        machineDown(messages, false, () -> {});
        assertThat(slots()).hasSizeBetween(3, 14);
    }

    /**
     * The database comes after the log, and a machine that goes down may leave of it what was
     * synced last.
     */
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 9, 10, 60, 200, 203, 206})
    void machineDown_databaseAsItWasSyncedLast_isBroughtUp(int messages) throws Exception {
        machineDown(messages, true, this::takeSnapshot);
    }

    /** Takes a copy of the database. */
    private interface Copy {
        void take() throws IOException;
    }

    /** @param synced called after each sync of the database, but for that of an orderly end */
    private void machineDown(int messages, boolean late, Copy synced) throws Exception {
        List<Integer> waiting = new ArrayList<>();
        AtomicBoolean runs = new AtomicBoolean(true);
        try (SpoolFixture fixture = new SpoolFixture(directory, new FakeTimeSource(), late,
                real -> (BatchSink) Proxy.newProxyInstance(BatchSink.class.getClassLoader(),
                        new Class<?>[]{BatchSink.class}, (proxy, method, arguments) -> {
                            Object result = method.invoke(real, arguments);
                            boolean syncs = method.getName().equals("sync")
                                    || (method.getName().equals("write")
                                            && Boolean.TRUE.equals(arguments[1]));
                            if (syncs && runs.get()) {
                                synced.take();
                            }
                            return result;
                        }))) {
            for (int i = 0; i < messages; i++) {
                boolean stays = i % 40 < 5;
                if (stays) {
                    waiting.add(i);
                }
                fixture.accept(random(i, 20_000), stays ? "u@stays.test" : "u@goes.test");
                if (!stays) {
                    fixture.settle(fixture.take("goes.test"), delivered());
                }
                if (i == messages - 6 && !late) {
                    takeSnapshot();
                }
            }
            runs.set(false);
        }
        machineWentDown();
        assertThat(problems()).hasSize(1);
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.spool.queues().waiting()).isEqualTo(waiting.size());
            for (int i : waiting) {
                assertThat(after.read(after.take("stays.test"))).isEqualTo(random(i, 20_000));
            }
        }
        assertThat(problems()).isEmpty();
    }

    /** Damage in the first thing a run wrote to the database: what follows is lost to it, too. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void databaseWithoutItsFirstBatch_hasAllFromTheLog(boolean firstRun) throws Exception {
        if (!firstRun) {
            try (SpoolFixture fixture = new SpoolFixture(directory)) {
                fixture.accept(message("before"), "a@one.test");
            }
        }
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            for (int i = 0; i < 25; i++) {
                fixture.accept(message("m" + i), "u@two.test");
            }
            fixture.settle(fixture.take("two.test"), delivered());
            takeSnapshot();
        }
        machineWentDown();
        try (RandomAccessFile file = new RandomAccessFile(newestLogOfTheDatabase(), "rw")) {
            assertThat(file.length()).as("a batch is in it").isGreaterThan(100);
            file.seek(20);
            int was = file.read();
            file.seek(20);
            file.write(~was);
        }
        assertThat(problems()).anyMatch(line -> line.contains("the database lacks"));
        for (int start = 0; start < 2; start++) {
            try (SpoolFixture after = new SpoolFixture(directory)) {
                assertThat(after.metrics.snapshot().get("spool_lost_batches_total")).isZero();
                assertThat(after.waiting("two.test")).isEqualTo(24);
                assertThat(after.spool.queues().waiting()).isEqualTo(firstRun ? 24 : 25);
            }
            assertThat(problems()).isEmpty();
        }
    }

    private File newestLogOfTheDatabase() throws IOException {
        try (Stream<Path> files = Files.list(db())) {
            return files.filter(file -> file.toString().endsWith(".log")).max(
                    Comparator.naturalOrder()).orElseThrow().toFile();
        }
    }

    /** Its submitter was told that it failed, and what came after it was written without it. */
    @Test
    void machineDown_batchTheDatabaseRefused_isNotTaken() throws Exception {
        AtomicBoolean failing = new AtomicBoolean();
        try (SpoolFixture fixture = new SpoolFixture(directory, new FakeTimeSource(), false,
                real -> refusing(real, failing))) {
            fixture.accept(message("a"), "a@one.test");
            Envelope taken = fixture.take("one.test");
            takeSnapshot();
            failing.set(true);
            SpoolFixture.Outcome settled = fixture.settle(taken, false, bounced());
            await(() -> fixture.spool.refusal().isPresent());
            assertThatThrownBy(() -> fixture.accept(message("b"), "b@one.test"))
                    .hasMessage("not committed");
            failing.set(false);
            await(() -> {
                fixture.time.advance(Duration.ofSeconds(2));
                return settled.isDone();
            });
            fixture.accept(message("c"), "c@one.test");
        }
        machineWentDown();
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.spool.queues().waiting()).isEqualTo(2);
            assertThat(after.read(after.take("one.test"))).isEqualTo(message("c"));
            // One notification, not one for each try to write it.
            assertThat(after.waiting("example.com")).isEqualTo(1);
            assertThat(after.events(after.take("example.com").id())).hasSize(1);
        }
        assertThat(problems()).isEmpty();
    }

    private static BatchSink refusing(BatchSink real, AtomicBoolean failing) {
        return (BatchSink) Proxy.newProxyInstance(
                BatchSink.class.getClassLoader(), new Class<?>[]{BatchSink.class},
                (proxy, method, arguments) -> {
                    if (failing.get() && method.getName().equals("write")) {
                        throw new RocksDBException("No space left on device, in a test");
                    }
                    return method.invoke(real, arguments);
                });
    }

    /** Not all pages of the last batch came to the disk: it was acknowledged to nobody. */
    @ParameterizedTest
    @ValueSource(strings = {"m9", "two.test"})
    void machineDown_tornEndOfTheLog_isLeftOut(String torn) throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("first"), "a@one.test");
            takeSnapshot();
            for (int i = 0; i < 9; i++) {
                fixture.accept(message("m" + i), "a@one.test");
            }
            fixture.accept(message("m9"), "u@two.test");
        }
        machineWentDown();
        Path slot = slots().getFirst();
        String log = Files.readString(slot, StandardCharsets.ISO_8859_1);
        try (RandomAccessFile file = new RandomAccessFile(slot.toFile(), "rw")) {
            file.seek(log.lastIndexOf(torn));
            file.write(0);
        }
        Files.delete(directory.resolve("commits"));
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.spool.queues().waiting()).isEqualTo(10);
            after.accept(message("goes on"), "a@one.test");
        }
        try (SpoolFixture again = new SpoolFixture(directory)) {
            assertThat(again.waiting("one.test")).isEqualTo(11);
        }
        assertThat(problems()).isEmpty();
    }

    @Test
    void delivered_slotsAreWrittenAgain() throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            for (int i = 0; i < 300; i++) {
                fixture.accept(random(i, 10_000), "u@one.test");
                fixture.settle(fixture.take("one.test"), delivered());
            }
            // three megabytes went through files of a quarter of one
            assertThat(slots()).hasSizeLessThanOrEqualTo(4);
            assertThat(fixture.metrics.snapshot().get("spool_log_live_bytes")).isZero();
        }
        assertThat(problems()).isEmpty();
    }

    /** Little is left in each slot: it is written together, and the room is given back. */
    @Test
    void oldMailBetweenDelivered_isMovedAndStaysReadable() throws Exception {
        int messages = 600;
        FakeTimeSource time = new FakeTimeSource();
        List<Integer> waiting = new ArrayList<>();
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            for (int i = 0; i < messages; i++) {
                boolean stays = i % 10 == 0;
                if (stays) {
                    waiting.add(i);
                }
                fixture.accept(random(i, 10_000), stays ? "u@stays.test" : "u@goes.test");
            }
            int before = slots().size();
            assertThat(before).isGreaterThan(20);
            for (int i = 0; i < messages - waiting.size(); i++) {
                fixture.settle(fixture.take("goes.test"), delivered());
            }
            await(() -> {
                time.advance(Duration.ofSeconds(3));
                return files() < before - 5;
            });
            for (int i : waiting) {
                assertThat(fixture.read(fixture.take("stays.test"))).isEqualTo(random(i, 10_000));
            }
        }
        assertThat(problems()).isEmpty();
        try (SpoolFixture after = new SpoolFixture(directory, time, disk -> disk)) {
            for (int i : waiting) {
                Envelope envelope = after.take("stays.test");
                assertThat(after.read(envelope)).isEqualTo(random(i, 10_000));
                after.settle(envelope, delivered());
            }
            assertThat(after.metrics.snapshot().get("spool_log_live_bytes")).isZero();
        }
        assertThat(problems()).isEmpty();
    }

    /** Contents of the log stay where they are when nothing is written to it any more. */
    @Test
    void async_oldMailInSparseSlots_staysReadable() throws Exception {
        FakeTimeSource time = new FakeTimeSource();
        int messages = 500;
        List<Integer> waiting = new ArrayList<>();
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            for (int i = 0; i < messages; i++) {
                boolean stays = i % 20 == 0 && i < 260;
                if (stays) {
                    waiting.add(i);
                }
                fixture.accept(random(i, 10_000), stays ? "u@stays.test" : "u@goes.test");
            }
        }
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk,
                "spool.durability = async")) {
            for (int i = 0; i < messages - waiting.size(); i++) {
                fixture.settle(fixture.take("goes.test"), delivered());
            }
            int before = files();
            // what is empty is given back
            await(() -> {
                time.advance(Duration.ofSeconds(3));
                return files() < before - 3;
            });
            for (int i : waiting) {
                Envelope envelope = fixture.take("stays.test");
                assertThat(fixture.read(envelope)).isEqualTo(random(i, 10_000));
                fixture.settle(envelope, delivered());
            }
            assertThat(fixture.metrics.snapshot().get("spool_log_live_bytes")).isZero();
        }
        assertThat(problems()).isEmpty();
    }

    /** What the database lost while it was open is taken from the log when it is opened again. */
    @Test
    void reopened_databaseWithoutItsNewestBatches_hasThemAgain() throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("a"), "a@one.test");
            takeSnapshot();
            fixture.accept(message("b"), "b@one.test");
            fixture.accept(message("c"), "c@one.test");
        }
        SpoolConfig config = SpoolFixture.config(directory).spool();
        long newest;
        try (Store store = Store.openReadOnly(db(), config)) {
            newest = store.progress().batch();
        }
        machineWentDown();
        Path log = directory.resolve(LogFiles.FOLDER);
        Path away = directory.resolve("away");
        Files.move(log, away);
        try (Store store = Store.open(db(), config)) {
            Files.move(away, log);
            store.reopen(newest - 1);
            assertThat(store.progress().batch()).isEqualTo(newest - 1);
            store.reopen(newest);
            assertThat(store.progress().batch()).isEqualTo(newest);
            assertThatThrownBy(() -> store.reopen(newest + 1))
                    .hasMessageContaining("has lost the batches");
        }
    }

    /** A chunk nobody waits for was refused, and is there after reopening: it is counted. */
    @Test
    void refusedChunkThatIsAliveAfterReopening_isCountedInItsSlot() throws Exception {
        AtomicBoolean failing = new AtomicBoolean();
        AtomicBoolean failAfterWriting = new AtomicBoolean();
        try (SpoolFixture fixture = new SpoolFixture(directory, new FakeTimeSource(), false,
                real -> (BatchSink) Proxy.newProxyInstance(BatchSink.class.getClassLoader(),
                        new Class<?>[]{BatchSink.class}, (proxy, method, arguments) -> {
                            if (method.getName().equals("reopen")) {
                                failing.set(false);
                            }
                            boolean after = method.getName().equals("write")
                                    && failAfterWriting.getAndSet(false);
                            if (after) {
                                failing.set(true);
                                method.invoke(real, arguments);
                            }
                            if (failing.get() && method.getName().equals("write")) {
                                throw new RocksDBException("Input/output error, in a test");
                            }
                            return method.invoke(real, arguments);
                        }))) {
            fixture.accept(message("a"), "a@one.test");
            IncomingContent large = fixture.spool.newContent(Runnable::run, () -> {});
            failAfterWriting.set(true);
            byte[] chunk = random(3, Content.CHUNK_BYTES + 1);
            large.append(chunk, 0, chunk.length);
            await(large::writable);
            await(() -> {
                fixture.time.advance(Duration.ofSeconds(20));
                return fixture.spool.refusal().isEmpty();
            });
            fixture.accept(message("b"), "b@one.test");
            large.discard();
            fixture.accept(message("c"), "c@one.test");
        }
        assertThat(problems()).isEmpty();
    }

    private int files() {
        try {
            return slots().size();
        } catch (IOException unreadable) {
            throw new AssertionError(unreadable);
        }
    }

    /** What one way of durability left behind the other one reads and removes. */
    @Test
    void durability_changed_keepsAllMail() throws Exception {
        FakeTimeSource time = new FakeTimeSource();
        byte[] large = random(5, 2 * Content.CHUNK_BYTES + 1);
        for (String mode : List.of("sync", "async", "sync", "async")) {
            try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk,
                    "spool.durability = " + mode)) {
                while (fixture.spool.queues().waiting() > 1) {
                    Envelope envelope = fixture.take("one.test");
                    assertThat(fixture.read(envelope))
                            .isEqualTo(envelope.facts().sizeBytes() == large.length
                                    ? large
                                    : message("small"));
                    fixture.settle(envelope, delivered());
                }
                fixture.accept(message("small"), "a@one.test");
                fixture.accept(large, "b@one.test");
            }
            assertThat(problems()).isEmpty();
        }
    }

    @Test
    void async_machineDown_takesNothingFromAnOldLog() throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("synced"), "a@one.test");
        }
        try (SpoolFixture fixture = new SpoolFixture(directory, "spool.durability = async")) {
            fixture.accept(message("not"), "b@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
            takeSnapshot();
            fixture.accept(message("within the loss window"), "b@one.test");
        }
        machineWentDown();
        Files.delete(directory.resolve("commits"));
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.spool.queues().waiting()).isEqualTo(1);
            assertThat(after.read(after.take("one.test"))).isEqualTo(message("not"));
        }
        assertThat(problems()).isEmpty();
    }

    @Test
    void fileOfTheLogRefused_failsNewMailUntilItIsThere() throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("a"), "a@one.test");
            List<Path> inTheWay = Stream.of(1, 2, 3, 4, 5, 6, 7, 8, 9)
                    .map(slot -> directory.resolve(LogFiles.FOLDER).resolve("0000000" + slot))
                    .toList();
            for (Path folder : inTheWay) {
                Files.createDirectories(folder);
            }
            byte[] full = random(2, SpoolFixture.SLOT_BYTES);
            fixture.accept(full, "b@one.test");
            assertThatThrownBy(() -> fixture.accept(message("c"), "c@one.test"))
                    .hasMessage("not committed");
            assertThat(fixture.spool.refusal().orElseThrow()).contains("log");
            for (Path folder : inTheWay) {
                Files.delete(folder);
            }
            await(() -> {
                fixture.time.advance(Duration.ofSeconds(2));
                return fixture.spool.refusal().isEmpty();
            });
            fixture.accept(message("d"), "d@one.test");
            assertThat(fixture.read(fixture.take("one.test"))).isEqualTo(message("a"));
            assertThat(fixture.read(fixture.take("one.test"))).isEqualTo(full);
            assertThat(fixture.read(fixture.take("one.test"))).isEqualTo(message("d"));
        }
        assertThat(problems()).isEmpty();
    }

    @Test
    void contentDamagedInTheLog_isFoundAndSetAside() throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(random(1, 50_000), "a@one.test");
            fixture.accept(message("sound"), "b@one.test");
        }
        try (RandomAccessFile slot = new RandomAccessFile(slots().getFirst().toFile(), "rw")) {
            slot.seek(30_000);
            int old = slot.read();
            slot.seek(30_000);
            slot.write(old ^ 1);
        }
        assertThat(problems()).anyMatch(line -> line.contains("content is damaged"));
        List<String> told = new ArrayList<>();
        SpoolFolder.check(SpoolFixture.config(directory), directory, true, told::add,
                new FakeTimeSource());
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.spool.queues().waiting()).isEqualTo(1);
            assertThat(after.read(after.take("one.test"))).isEqualTo(message("sound"));
        }
    }

    /** A count that is too low would have a slot written anew that is needed. */
    @Test
    void check_wrongCountOfASlot_isMended() throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("a"), "a@one.test");
        }
        try (Store store = Store.open(db(), SpoolFixture.config(directory).spool());
                WriteBatch batch = new WriteBatch()) {
            batch.put(store.handle(Store.Family.STATE), Keys.state(Keys.SLOT, 0),
                    QueueCodec.live(SpoolLog.Live.NONE));
            store.write(batch, true);
        }
        assertThat(problems()).singleElement().asString().contains("slot 0 of the log");
        SpoolFolder.check(SpoolFixture.config(directory), directory, true, line -> {},
                new FakeTimeSource());
        assertThat(problems()).isEmpty();
    }
}
