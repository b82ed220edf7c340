// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** Rows on their way into the database: their bytes, and what readers see of them. */
class RowsTest {
    private static final byte[] FIRST = {0};
    private static final byte[] END = {(byte) 0xff};
    private static final List<Store.Family> SOME = List.of(Store.Family.SCHEDULE,
            Store.Family.ENVELOPE, Store.Family.STATE);
    private static final int KEYS = 12;

    @TempDir
    Path directory;

    private Store open(String name) {
        return Store.open(directory.resolve(name).resolve("db"),
                SpoolFixture.config(directory.resolve(name)).spool());
    }

    /** A batch of the log is taken by any version, so the bytes must be exactly RocksDB's. */
    @Test
    void serializedRows_areWhatRocksDbMakesOfThem() throws Exception {
        try (Store store = open("one"); WriteBatch theirs = new WriteBatch()) {
            Rows rows = new Rows();
            for (Store.Family family : Store.Family.values()) {
                for (int length : new int[]{0, 1, 127, 128, 300, 16_383, 16_384, 200_000}) {
                    byte[] key = new byte[Math.max(1, length / 2)];
                    byte[] value = new byte[length];
                    Arrays.fill(key, (byte) length);
                    Arrays.fill(value, (byte) ~length);
                    rows.put(family, key, value);
                    theirs.put(store.handle(family), key, value);
                    rows.add(family, key, value);
                    theirs.put(store.handle(family), key, value);
                    rows.remove(family, key);
                    if (family == Store.Family.SCHEDULE || family == Store.Family.CONTENT) {
                        theirs.singleDelete(store.handle(family), key);
                    } else {
                        theirs.delete(store.handle(family), key);
                    }
                    rows.removeRange(family, key, value);
                    theirs.deleteRange(store.handle(family), key, value);
                }
            }
            assertThat(rows.serialized(store::number)).isEqualTo(theirs.data());
            assertThat(new Rows().serialized(store::number)).hasSize(12);
        }
    }

    @Test
    void rowAddedAndRemovedMeanwhile_isNeverWritten() {
        LateRows late = new LateRows();
        Rows rows = new Rows();
        rows.add(Store.Family.SCHEDULE, key(1), key(9));
        rows.add(Store.Family.ENVELOPE, key(1), key(9));
        rows.put(Store.Family.ENVELOPE, key(1), key(8));
        late.take(rows, 4, 5);
        Rows settled = new Rows();
        settled.remove(Store.Family.SCHEDULE, key(1));
        settled.remove(Store.Family.ENVELOPE, key(1));
        late.take(settled, 5, 6);
        assertThat(late.bytes()).isZero();
        assertThat(late.leave().changes()).isEmpty();
    }

    @Test
    void rowThatMayBeInTheDatabase_isRemovedThere() {
        LateRows late = new LateRows();
        Rows rows = new Rows();
        rows.add(Store.Family.ENVELOPE, key(1), key(9));
        rows.add(Store.Family.SCHEDULE, key(1), key(9));
        late.take(rows, 4, 5);
        assertThat(late.leave().changes()).extracting(change -> change.act)
                .containsExactly(Rows.Act.PUT, Rows.Act.PUT);
        late.stays();
        assertThat(late.leave().changes()).extracting(change -> change.act)
                .containsExactly(Rows.Act.PUT, Rows.Act.REMOVE, Rows.Act.PUT);
        Rows settled = new Rows();
        settled.remove(Store.Family.ENVELOPE, key(1));
        late.take(settled, 5, 6);
        late.stays();
        assertThat(late.after()).isEqualTo(4);
        assertThat(late.leave().changes()).extracting(change -> change.act)
                .containsExactly(Rows.Act.REMOVE, Rows.Act.REMOVE, Rows.Act.PUT);
    }

    /** Random changes, kept back for a while or not: all that is read is as if they were not. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void whatIsRead_isTheSameWhereverTheRowsAre(long seed) throws Exception {
        Random random = new Random(seed);
        Map<Store.Family, Map<Integer, Integer>> model = model();
        try (Store store = open("read")) {
            for (int step = 0; step < 300; step++) {
                store.later(changes(model, random), step, step + 1);
                switch (random.nextInt(12)) {
                    case 0, 1 -> store.writeLate();
                    case 2 -> store.sync();
                    case 3 -> SOME.forEach(store::compact);
                    default -> {
                        // They wait on.
                    }
                }
                assertThat(read(store, random)).as("step %d", step).isEqualTo(model);
            }
            store.writeLate();
            assertThat(store.lateBytes()).isZero();
            assertThat(read(store, random)).isEqualTo(model);
        }
    }

    /**
     * Writes that fail, and are there all the same or are not: what is written in the end is all
     * there is, also after compactions, which show a SingleDelete that met the wrong row.
     */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void writeThatFailed_mayBeThereOrNot(long seed) throws Exception {
        Random random = new Random(seed);
        Map<Store.Family, Map<Integer, Integer>> model = model();
        LateRows late = new LateRows();
        try (Store store = open("doubt")) {
            for (int step = 0; step < 300; step++) {
                late.take(changes(model, random), step, step + 1);
                switch (random.nextInt(8)) {
                    case 0 -> {
                        write(late.leave(), store);
                        take(late, model, random);
                        late.left();
                    }
                    case 1 -> {
                        write(late.leave(), store);
                        take(late, model, random);
                        late.stays();
                    }
                    case 2 -> {
                        late.leave();
                        take(late, model, random);
                        late.stays();
                    }
                    case 3 -> SOME.forEach(store::compact);
                    default -> {
                        // They wait on.
                    }
                }
            }
            write(late.leave(), store);
            assertThat(read(store, random)).isEqualTo(model);
            SOME.forEach(store::compact);
            assertThat(read(store, random)).isEqualTo(model);
        }
    }

    /** What comes while others are on their way. */
    private static void take(LateRows late, Map<Store.Family, Map<Integer, Integer>> model,
            Random random) {
        if (random.nextBoolean()) {
            late.take(changes(model, random), 1, 2);
        }
    }

    private static void write(Rows rows, Store store) throws RocksDBException {
        try (WriteBatch batch = new WriteBatch(rows.serialized(store::number))) {
            store.redo(batch);
        }
    }

    /** A reader sees the state between two batches, wherever the rows are at that moment. */
    @Test
    void readerBesideTheWriter_seesWholeBatches() throws Exception {
        int batches = 20_000;
        int alive = 7;
        try (Store store = open("beside")) {
            AtomicBoolean writes = new AtomicBoolean(true);
            CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> {
                for (int i = 0; i < batches; i++) {
                    Rows rows = new Rows();
                    rows.add(Store.Family.SCHEDULE, key(i), key(i));
                    if (i >= alive) {
                        rows.remove(Store.Family.SCHEDULE, key(i - alive));
                    }
                    store.later(rows, i, i + 1);
                    if (i % 2 == 0) {
                        try {
                            store.writeLate();
                        } catch (RocksDBException refused) {
                            throw new CompletionException(refused);
                        }
                    }
                }
            }).whenComplete((done, failed) -> writes.set(false));
            int looks = 0;
            while (writes.get() || looks == 0) {
                List<Integer> seen = new ArrayList<>();
                store.scan(Store.Family.SCHEDULE, FIRST, END, (key, value) -> {
                    seen.add(Keys.intAt(key, 0));
                    return true;
                });
                if (!seen.isEmpty()) {
                    int last = seen.getLast();
                    int first = Math.max(0, last - alive + 1);
                    assertThat(seen).isEqualTo(IntStream.rangeClosed(first, last).boxed().toList());
                }
                looks++;
            }
            writer.get(1, TimeUnit.MINUTES);
        }
    }

    private static Rows progress(long batch, int key) {
        Rows rows = new Rows();
        rows.put(Store.Family.STATE, Keys.PROGRESS, new Progress(batch, 0, 0, 0, 0, 0, 1, 0, 0,
                Progress.LogMark.NONE).encode());
        rows.add(Store.Family.SCHEDULE, key(key), key(key));
        return rows;
    }

    /** Before all that waits, after it, and where it does not belong. */
    @Test
    void reopenedDatabase_getsWhatWaitsOnlyWhereItBelongs() throws Exception {
        try (Store store = open("reopened")) {
            write(progress(5, 1), store);
            store.later(progress(7, 2), 5, 7);
            store.reopen(7);
            assertThat(store.progress().batch()).isEqualTo(7);
            assertThat(store.lateBytes()).isZero();
            assertThat(store.get(Store.Family.SCHEDULE, key(2))).isEqualTo(key(2));

            store.later(progress(8, 3), 7, 8);
            write(progress(8, 3), store);
            store.reopen(8);
            assertThat(store.lateBytes()).isZero();
            assertThat(store.get(Store.Family.SCHEDULE, key(3))).isEqualTo(key(3));

            store.later(progress(11, 4), 10, 11);
            assertThatThrownBy(() -> store.reopen(11)).hasMessageContaining("has lost the batches");
            assertThatThrownBy(store::writeLate).hasMessageContaining("closed");
            assertThatThrownBy(() -> progress(12, 5).serialized(store::number))
                    .hasMessageContaining("closed");
            assertThat(store.lateBytes()).isPositive();
        }
        try (Store store = open("reopened")) {
            assertThat(store.progress().batch()).isEqualTo(8);
            assertThat(store.get(Store.Family.SCHEDULE, key(4))).isNull();
        }
    }

    private static Map<Store.Family, Map<Integer, Integer>> model() {
        Map<Store.Family, Map<Integer, Integer>> model = new TreeMap<>();
        SOME.forEach(family -> model.put(family, new TreeMap<>()));
        return model;
    }

    private static Rows changes(Map<Store.Family, Map<Integer, Integer>> model, Random random) {
        Rows rows = new Rows();
        for (int i = random.nextInt(6); i >= 0; i--) {
            change(rows, model, random);
        }
        return rows;
    }

    private static void change(Rows rows, Map<Store.Family, Map<Integer, Integer>> model,
            Random random) {
        Store.Family family = SOME.get(random.nextInt(SOME.size()));
        Map<Integer, Integer> known = model.getOrDefault(family, Map.of());
        int number = random.nextInt(KEYS);
        int value = random.nextInt(1 << 20);
        if (known.containsKey(number)) {
            if (family.once() || random.nextBoolean()) {
                rows.remove(family, key(number));
                known.remove(number);
            } else {
                rows.put(family, key(number), key(value));
                known.put(number, value);
            }
            return;
        }
        if (family == Store.Family.STATE && random.nextBoolean()) {
            rows.put(family, key(number), key(value));
        } else {
            rows.add(family, key(number), key(value));
        }
        known.put(number, value);
    }

    private static Map<Store.Family, Map<Integer, Integer>> read(Store store, Random random) {
        Map<Store.Family, Map<Integer, Integer>> found = new TreeMap<>();
        for (Store.Family family : SOME) {
            Map<Integer, Integer> rows = new TreeMap<>();
            List<String> order = new ArrayList<>();
            Store.Visitor visitor = (key, value) -> {
                if (key.length == 4) {
                    rows.put(Keys.intAt(key, 0), Keys.intAt(value, 0));
                    order.add(HexFormat.of().formatHex(key));
                }
                return true;
            };
            if (random.nextBoolean()) {
                store.scan(family, FIRST, END, visitor);
            } else {
                store.scanAround(family, FIRST, END, visitor, (after, next, why) -> {
                    throw why;
                });
            }
            assertThat(order).isSorted();
            for (int number = 0; number < KEYS; number++) {
                byte[] value = store.get(family, key(number));
                assertThat(value == null ? null : Keys.intAt(value, 0))
                        .isEqualTo(rows.get(number));
            }
            int most = random.nextInt(KEYS);
            List<Integer> some = new ArrayList<>();
            store.scan(family, key(3), key(9), (key, value) -> {
                some.add(Keys.intAt(key, 0));
                return some.size() < most;
            });
            assertThat(some).isEqualTo(rows.keySet().stream().filter(n -> n >= 3 && n < 9)
                    .limit(Math.max(1, most)).toList());
            found.put(family, rows);
        }
        return found;
    }

    private static byte[] key(int number) {
        return Keys.queue(number);
    }
}
