// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.SpoolId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** A spool of an older format is converted at start, whole or again when that was cut off. */
class FormatUpgradeTest {
    private static final byte[] FIRST = {};
    private static final byte[] END = {-1};

    @TempDir
    Path directory;

    /** Writes what format 1 had instead of what the current one has. */
    private void makeFormat1(boolean indexToo) throws RocksDBException {
        try (Store store = Store.open(directory.resolve("db"),
                SpoolFixture.config(directory).spool()); WriteBatch batch = new WriteBatch()) {
            if (indexToo) {
                store.scan(Store.Family.EVENT_OF, FIRST, END, (key, value) -> {
                    oldIndex(store, batch, key);
                    return true;
                });
            }
            store.scan(Store.Family.STATE, Keys.kind(Keys.QUEUE_COUNT),
                    Keys.kind(Keys.QUEUE_COUNT + 1), (key, value) -> {
                        QueueCodec.Count count = QueueCodec.count(value);
                        put(store, batch, key, new RecordWriter(1, 32).i64(count.envelopes())
                                .i64(count.oldestEpochMillis()).finish());
                        return true;
                    });
            byte[] stored = Objects.requireNonNull(
                    store.get(Store.Family.STATE, Keys.PROGRESS));
            Progress now = Progress.decode(stored);
            put(store, batch, Keys.PROGRESS, new RecordWriter(1, 64).i64(now.batch())
                    .i64(now.newestEvent()).i64(now.spoolEpochMillis()).i64(now.newestId())
                    .i64(now.steppedAtEpochMillis()).i64(now.stepMillis())
                    .count(now.nextQueueNumber()).finish());
            put(store, batch, Keys.FORMAT, QueueCodec.number(1));
            store.write(batch, true);
        }
    }

    private static void oldIndex(Store store, WriteBatch batch, byte[] key) {
        try {
            batch.delete(store.handle(Store.Family.EVENT_OF), key);
            batch.put(store.handle(Store.Family.EVENT_OF), ByteBuffer.allocate(16)
                    .putLong(Keys.longAt(key, 4)).putLong(Keys.longAt(key, 12)).array(), FIRST);
        } catch (RocksDBException refused) {
            throw new AssertionError(refused);
        }
    }

    private static void put(Store store, WriteBatch batch, byte[] key, byte[] value) {
        try {
            batch.put(store.handle(Store.Family.STATE), key, value);
        } catch (RocksDBException refused) {
            throw new AssertionError(refused);
        }
    }

    @Test
    void open_format1_keepsEverythingAndIsCurrent() throws RocksDBException {
        SpoolFixture before = new SpoolFixture(directory);
        SpoolId gone = before.accept(message("delivered"), "a@one.test");
        before.settle(before.take("one.test"), delivered());
        SpoolId later = before.accept(message("deferred"), "a@one.test");
        before.settle(before.take("one.test"), deferred());
        before.accept(message("two ways"), "a@two.test", "b@three.test");
        QueueStatus waiting = before.queue("one.test").status();
        long live = before.spool.care().statistics().liveContentBytes();
        before.close();
        makeFormat1(true);
        check(before, gone, later, waiting, live);
        // A conversion that was cut off leaves part of the new index under the old number.
        makeFormat1(false);
        check(before, gone, later, waiting, live);
        assertThat(SpoolFolder.check(SpoolFixture.config(directory), directory, false,
                line -> {}).problems()).isZero();
    }

    private void check(SpoolFixture before, SpoolId gone, SpoolId later, QueueStatus waiting,
            long live) {
        try (SpoolFixture after = new SpoolFixture(directory, before.time,
                UnaryOperator.identity())) {
            assertThat(after.spool.queues().waiting()).isEqualTo(3);
            assertThat(after.queue("one.test").status()).isEqualTo(waiting);
            assertThat(after.events(gone)).hasSize(2);
            assertThat(after.events(later)).hasSize(2);
            assertThat(after.spool.care().statistics().liveContentBytes()).isEqualTo(live);
            Envelope two = after.take("two.test");
            assertThat(after.read(two)).isEqualTo(message("two ways"));
            after.queue("two.test").putBack(two);
            assertThat(after.queue("one.test").take(1)).isEmpty();
        }
        try (Store store = Store.openReadOnly(directory.resolve("db"),
                SpoolFixture.config(directory).spool())) {
            byte[] format = Objects.requireNonNull(
                    store.get(Store.Family.STATE, Keys.FORMAT));
            assertThat(QueueCodec.number(format, "format")).isEqualTo(Store.FORMAT);
            store.scan(Store.Family.EVENT_OF, FIRST, END, (key, value) -> {
                assertThat(key).hasSize(20);
                return true;
            });
        }
    }

    @Test
    void open_newSpool_notesItsFormatBesideIt() throws IOException {
        new SpoolFixture(directory).close();
        assertThat(directory.resolve("format")).hasContent("Mailrace spool, format 3\n");
    }

    @Test
    void open_format1_notesTheNewFormatOnceItIsConverted() throws Exception {
        new SpoolFixture(directory).close();
        makeFormat1(true);
        Path note = Files.writeString(directory.resolve("format"), FormatNote.text(1));
        new SpoolFixture(directory).close();
        assertThat(note).hasContent(FormatNote.text(3));
    }

    @Test
    void open_conversionThatFails_notesNothing() throws Exception {
        new SpoolFixture(directory).close();
        makeFormat1(true);
        Path note = Files.writeString(directory.resolve("format"), FormatNote.text(1));
        try (Store store = Store.open(directory.resolve("db"),
                SpoolFixture.config(directory).spool()); WriteBatch batch = new WriteBatch()) {
            put(store, batch, Keys.PROGRESS, new byte[]{9, 9, 9});
            put(store, batch, Keys.FORMAT, QueueCodec.number(1));
            store.write(batch, true);
        }
        Files.writeString(note, FormatNote.text(1));
        assertThatThrownBy(() -> new SpoolFixture(directory)).isInstanceOf(SpoolException.class);
        assertThat(note).hasContent(FormatNote.text(1));
    }

    /** The disk may be full, and a start must come through all the same. */
    @Test
    void open_noteThatCannotBeWritten_isNoFailure() throws IOException {
        Files.createDirectories(directory.resolve("format/inside"));
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("all the same"), "a@one.test");
        }
    }

    @Test
    void open_format1_deferredMailComesWhenItIsDue() throws RocksDBException {
        SpoolFixture before = new SpoolFixture(directory);
        before.accept(message("deferred"), "a@one.test");
        before.settle(before.take("one.test"), deferred());
        before.close();
        makeFormat1(true);
        try (SpoolFixture after = new SpoolFixture(directory, before.time,
                UnaryOperator.identity())) {
            after.time.advance(Duration.ofMinutes(3));
            Envelope due = after.take("one.test");
            assertThat(due.attempts()).isEqualTo(1);
            after.settle(due, delivered());
        }
    }
}
