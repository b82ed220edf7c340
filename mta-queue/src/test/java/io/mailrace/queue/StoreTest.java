// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

class StoreTest {
    private static final Duration LONG = Duration.ofSeconds(20);

    @TempDir
    Path directory;

    /** By itself it compacts nothing. */
    private Store open() {
        return Store.openDamaged(directory.resolve("db"), SpoolFixture.config(directory).spool());
    }

    private static void fill(Store store, int megabytes) throws RocksDBException {
        Random random = new Random(1);
        for (int i = 0; i < megabytes; i++) {
            try (WriteBatch batch = new WriteBatch()) {
                for (int row = 0; row < 256; row++) {
                    byte[] value = new byte[4096];
                    random.nextBytes(value);
                    batch.put(store.handle(Store.Family.EVENT),
                            Keys.event(random.nextLong(Long.MAX_VALUE)), value);
                }
                store.write(batch, false);
            }
        }
    }

    private long files() {
        try (Stream<Path> all = Files.list(directory.resolve("db"))) {
            return all.filter(path -> path.toString().endsWith(".sst")).count();
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    /** A stop must not wait until tens of gigabytes are written anew. */
    @Test
    void close_whileItCompacts_endsThat() throws Exception {
        try (Store before = open()) {
            fill(before, 96);
        }
        // opened anew it has nothing to write first: the next file is one of the compaction
        try (Store store = open()) {
            assertThat(store.unwrittenBytes()).isLessThan(1 << 20);
            long before = files();
            CompletableFuture<Void> compacting = CompletableFuture.runAsync(
                    () -> store.compact(Store.Family.EVENT));
            await(() -> files() > before);
            assertThat(store.close(LONG)).isTrue();
            assertThatThrownBy(compacting::get).isInstanceOf(ExecutionException.class)
                    .hasCauseInstanceOf(SpoolException.class).hasMessageContaining("closed");
        }
    }

    /** Whoever closes may have been interrupted: left open, the logs would not be closed either. */
    @Test
    void close_interrupted_isCarriedOut() {
        try (Store store = open()) {
            Thread.currentThread().interrupt();
            boolean closed = store.close(LONG);
            assertThat(Thread.interrupted()).isTrue();
            assertThat(closed).isTrue();
        }
    }

    @Test
    void endTasks_whatBeginsLater_isRefused() {
        try (Store store = open()) {
            store.endTasks();
            assertThatThrownBy(() -> store.compact(Store.Family.EVENT))
                    .isInstanceOf(SpoolException.class).hasMessageContaining("closed");
            assertThatThrownBy(() -> store.checkpoint(directory.resolve("copy")))
                    .isInstanceOf(SpoolException.class).hasMessageContaining("closed");
            assertThat(directory.resolve("copy")).doesNotExist();
            assertThat(store.get(Store.Family.EVENT, Keys.event(1))).isNull();
        }
    }

    /** What cannot be cut short is not waited for; the database stays usable for whoever has it. */
    @Test
    void closeAndReopen_whileSomebodyNeedsIt_giveUp() throws Exception {
        try (Store store = open()) {
            fill(store, 1);
            CountDownLatch reading = new CountDownLatch(1);
            CountDownLatch goOn = new CountDownLatch(1);
            CompletableFuture<Void> reader = CompletableFuture.runAsync(() -> store.scan(
                    Store.Family.EVENT, Keys.event(0), Keys.event(Long.MAX_VALUE),
                    (key, value) -> {
                        reading.countDown();
                        return passes(goOn);
                    }));
            assertThat(passes(reading)).isTrue();
            assertThatThrownBy(() -> store.reopen(0)).isInstanceOf(SpoolException.class)
                    .hasMessageContaining("cannot be reopened yet");
            store.compact(Store.Family.EVENT);
            assertThat(store.close(Duration.ofMillis(10))).isFalse();
            assertThat(store.get(Store.Family.EVENT, Keys.event(0))).isNull();
            goOn.countDown();
            reader.get();
            assertThat(store.close(LONG)).isTrue();
            assertThatThrownBy(() -> store.get(Store.Family.EVENT, Keys.event(0)))
                    .hasMessageContaining("closed");
        }
    }

    private static boolean passes(CountDownLatch latch) {
        await(() -> latch.getCount() == 0);
        return true;
    }
}
