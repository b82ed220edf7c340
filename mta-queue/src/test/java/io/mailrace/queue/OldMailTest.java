// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.delivered;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Content;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rocksdb.RocksDBException;

/**
 * Mail that waits while what came with it is delivered: it is kept apart in the log. That copies
 * are synced before they are named shows the crash program ({@code --power --waiting}): here slots
 * are as they were written.
 */
class OldMailTest {
    private static final int BYTES = 10_000;
    /** No mail is given up, however many looks a test needs. */
    private static final String LONG_AGE = "retry.default.max-age = 60d";
    /** Slots with little in them, free ones, two that are written, and some with old mail. */
    private static final int MANY = 3 + SpoolLog.SPARE + 1 + 2 + 3;

    @TempDir
    Path directory;

    private final FakeTimeSource time = new FakeTimeSource();
    private final List<Integer> waiting = new ArrayList<>();
    private int messages;

    private static byte[] random(int seed) {
        byte[] content = new byte[BYTES];
        new Random(seed).nextBytes(content);
        return content;
    }

    /** All but those that wait are delivered at once. */
    private void mail(SpoolFixture fixture, int count) {
        mail(fixture, count, 10);
    }

    /** @param each of so many messages one waits */
    private void mail(SpoolFixture fixture, int count, int each) {
        for (int end = messages + count; messages < end; messages++) {
            boolean stays = messages % each == 0;
            fixture.accept(random(messages), stays ? "u@stays.test" : "u@goes.test");
            if (stays) {
                waiting.add(messages);
            } else {
                fixture.settle(fixture.take("goes.test"), delivered());
            }
        }
    }

    /** Has the spool look after its log until that holds. */
    private void sweptUntil(BooleanSupplier done) {
        await(() -> {
            time.advance(Duration.ofSeconds(1));
            return done.getAsBoolean();
        });
    }

    private void readAll(SpoolFixture fixture) {
        for (int i : waiting) {
            assertThat(fixture.read(fixture.take("stays.test"))).isEqualTo(random(i));
        }
    }

    private List<String> problems() {
        List<String> told = new ArrayList<>();
        SpoolFolder.check(SpoolFixture.config(directory), directory, false, told::add);
        return told;
    }

    private List<Path> slots() {
        try (Stream<Path> files = Files.list(directory.resolve(LogFiles.FOLDER))) {
            return files.sorted().toList();
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    /** Numbers of the slots that begin as those with old mail do. */
    private Set<Integer> oldSlots() {
        Set<Integer> old = new HashSet<>();
        try (LogFiles files = new LogFiles(directory.resolve(LogFiles.FOLDER))) {
            for (int slot : files.slots()) {
                LogEntry head = Files.isRegularFile(files.file(slot)) ? files.head(slot, 0) : null;
                if (head != null && head.kind() == LogEntry.Kind.OLD) {
                    old.add(slot);
                }
            }
        }
        return old;
    }

    /** Of all contents the stopped spool has in its log. */
    private Map<Long, LogPlace> places() {
        Map<Long, LogPlace> places = new TreeMap<>();
        try (Store store = Store.openReadOnly(directory.resolve("db"),
                SpoolFixture.config(directory).spool())) {
            store.scan(Store.Family.IN_LOG, new byte[0], Keys.ofMessage(Long.MAX_VALUE),
                    (key, value) -> {
                        places.put(Keys.longAt(key, 0), LogPlace.decode(value));
                        return true;
                    });
        }
        return places;
    }

    @Test
    void waitingMail_isMovedOnce_andTheLogDoesNotGrow() {
        Map<Long, LogPlace> first;
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            mail(fixture, 400);
            sweptUntil(() -> slots().size() <= MANY);
        }
        first = places();
        // but for a slot that was not full when the spool was closed
        Set<Integer> old = oldSlots();
        old.removeIf(slot -> first.values().stream().filter(place -> place.slot() == slot).count()
                * BYTES < SpoolFixture.SLOT_BYTES / 2);
        assertThat(old).isNotEmpty();
        first.values().removeIf(place -> !old.contains(place.slot()));
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            for (int i = 0; i < 6; i++) {
                mail(fixture, 100);
                sweptUntil(() -> slots().size() <= MANY + waiting.size() * BYTES
                        / SpoolFixture.SLOT_BYTES);
            }
            readAll(fixture);
        }
        assertThat(places()).containsAllEntriesOf(first);
        assertThat(problems()).isEmpty();
    }

    /** Slots this process did not write are walked, since nobody knows which mail is in them. */
    @Test
    void slotsOfAnEarlierRun_littleLeftInThem_areCleared() {
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            mail(fixture, 640, 4);
            sweptUntil(() -> oldSlots().size() >= 5);
        }
        Map<Long, LogPlace> before = places();
        Set<Integer> old = oldSlots();
        before.values().removeIf(place -> !old.contains(place.slot()));
        List<Long> kept = new ArrayList<>();
        List<byte[]> contents = new ArrayList<>();
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            for (int i : waiting) {
                Envelope envelope = fixture.take("stays.test");
                if (i % 32 != 0) {
                    fixture.settle(envelope, delivered());
                } else {
                    kept.add(envelope.id().value());
                    contents.add(random(i));
                }
            }
            sweptUntil(() -> slots().size() <= MANY);
        }
        assertThat(problems()).isEmpty();
        Map<Long, LogPlace> after = places();
        assertThat(after.keySet()).containsExactlyElementsOf(kept);
        before.keySet().retainAll(kept);
        assertThat(before).hasSizeGreaterThan(5);
        assertThat(before.entrySet()).as("moved again, some of it").anyMatch(
                one -> !one.getValue().equals(after.get(one.getKey())));
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            for (byte[] content : contents) {
                Envelope envelope = fixture.take("stays.test");
                assertThat(fixture.read(envelope)).isEqualTo(content);
                fixture.settle(envelope, delivered());
            }
            assertThat(fixture.metrics.snapshot().get("spool_log_live_bytes")).isZero();
        }
    }

    /** The database is what was synced last before the move, the log has the move as its newest. */
    @ParameterizedTest
    @ValueSource(ints = {240, 300, 420})
    void machineDown_rightAfterMailWasMoved_allIsThere(int count) throws Exception {
        Path db = directory.resolve("db");
        Path dbThen = directory.resolve("db-then");
        Path log = directory.resolve(LogFiles.FOLDER);
        Path logThen = directory.resolve("log-then");
        AtomicBoolean down = new AtomicBoolean();
        try (SpoolFixture fixture = new SpoolFixture(directory, time,
                real -> after(real, (name, arguments) -> {
                    if (down.get()) {
                        return;
                    }
                    if (name.equals("sync")) {
                        Folders.remove(dbThen);
                        copy(db, dbThen);
                    } else if (name.equals("later") && moves((Rows) arguments[0])) {
                        copy(log, logThen);
                        down.set(true);
                    }
                }), LONG_AGE)) {
            mail(fixture, count);
            sweptUntil(down::get);
        }
        Folders.remove(db);
        Folders.remove(log);
        Files.move(dbThen, db);
        Files.move(logThen, log);
        // it was written again after that moment
        Files.delete(directory.resolve("commits"));
        Map<Long, LogPlace> before = places();
        try (SpoolFixture after = new SpoolFixture(directory, time, disk -> disk, LONG_AGE)) {
            assertThat(after.metrics.snapshot().get("spool_lost_batches_total")).isZero();
            assertThat(after.spool.queues().waiting()).isEqualTo(waiting.size());
            readAll(after);
        }
        Set<Integer> old = oldSlots();
        assertThat(before.values()).noneMatch(place -> old.contains(place.slot()));
        assertThat(places().values()).anyMatch(place -> old.contains(place.slot()));
        assertThat(problems()).isEmpty();
    }

    /** Whether a batch says that contents stand in a slot for old mail. */
    private boolean moves(Rows rows) {
        Set<Integer> old = oldSlots();
        return rows.changes().stream().anyMatch(change -> change.act == Rows.Act.PUT
                && change.family == Store.Family.IN_LOG
                && old.contains(LogPlace.decode(change.value).slot()));
    }

    private static void copy(Path from, Path to) {
        try (Stream<Path> files = Files.list(from)) {
            Files.createDirectories(to);
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
        } catch (IOException refused) {
            throw new UncheckedIOException(refused);
        }
    }

    /** Is told which call was done. */
    private interface Done {
        void call(String name, Object[] arguments);
    }

    private static BatchSink after(BatchSink real, Done done) {
        return (BatchSink) Proxy.newProxyInstance(BatchSink.class.getClassLoader(),
                new Class<?>[]{BatchSink.class}, (proxy, method, arguments) -> {
                    Object result = method.invoke(real, arguments);
                    done.call(method.getName(), arguments);
                    return result;
                });
    }

    /** The file for copies is refused: mail stays where it is, and goes to another one later. */
    @Test
    void fileForCopiesRefused_nothingIsLost_anotherIsTaken() throws Exception {
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            mail(fixture, 300);
            int before = slots().size();
            while (slots().size() == before) {
                mail(fixture, 1);
            }
            // none is free, and what comes in has room
            int next = slots().size();
            Path inTheWay = directory.resolve(LogFiles.FOLDER)
                    .resolve(String.format("%08d", next));
            Files.createDirectory(inTheWay);
            // so that nobody removes it as a file that is not needed
            Files.createFile(inTheWay.resolve("in-the-way"));
            sweptUntil(() -> oldSlots().contains(next + 1));
            await(() -> fixture.spool.refusal().isEmpty());
            Folders.remove(inTheWay);
            sweptUntil(() -> slots().size() <= MANY);
            readAll(fixture);
        }
        assertThat(problems()).isEmpty();
    }

    /** A slot that the disk refuses is not taken again at once. */
    @Test
    void slotForOldMailRefused_anotherIsTaken() throws Exception {
        Path folder = directory.resolve(LogFiles.FOLDER);
        try (LogFiles files = new LogFiles(folder);
                SpoolLog log = new SpoolLog(files, SpoolFixture.SLOT_BYTES);
                OldMailSlot old = new OldMailSlot(files, SpoolFixture.SLOT_BYTES)) {
            log.start(Map.of(), Progress.NONE);
            log.turn(1, 0, Set.of());
            log.committed(log.mark(), Map.of(0, new SpoolLog.Live(1, 1)));
            int taken = log.takeForOldMail(false);
            Path inTheWay = files.file(taken);
            Files.createDirectories(inTheWay);
            assertThatThrownBy(() -> old.begin(taken)).isInstanceOf(SpoolException.class);
            assertThat(old.isOpen()).isFalse();
            assertThat(old.isRefused()).isTrue();
            int other = log.takeForOldMail(true);
            assertThat(other).isNotEqualTo(taken);
            old.begin(other);
            assertThat(old.isRefused()).isFalse();
            assertThat(old.isFull()).isFalse();
            // neither is written by those who come in
            log.turn(2, 1, Set.of());
            assertThat(log.mark().slot()).isNotIn(0, taken, other);
        }
    }

    /** Told as failed, the batch that moves mail is in the database all the same. */
    @Test
    void moveThatFailed_aliveAfterReopening_mailIsWhereItWasCopiedTo() {
        AtomicBoolean failing = new AtomicBoolean();
        AtomicBoolean failed = new AtomicBoolean();
        UnaryOperator<BatchSink> faulty = real -> (BatchSink) Proxy.newProxyInstance(
                BatchSink.class.getClassLoader(), new Class<?>[]{BatchSink.class},
                (proxy, method, arguments) -> {
                    if (method.getName().equals("reopen")) {
                        failing.set(false);
                    }
                    boolean write = method.getName().equals("write");
                    // what is written while nothing else happens are the moves
                    if (write && failed.compareAndSet(false, !oldSlots().isEmpty())
                            && failed.get()) {
                        failing.set(true);
                        method.invoke(real, arguments);
                    }
                    if (write && failing.get()) {
                        throw new RocksDBException("Input/output error, in a test");
                    }
                    return method.invoke(real, arguments);
                });
        try (SpoolFixture fixture = new SpoolFixture(directory, time, false, faulty, LONG_AGE)) {
            mail(fixture, 300);
            sweptUntil(failed::get);
            await(() -> fixture.spool.refusal().isPresent());
            await(() -> {
                time.advance(Duration.ofSeconds(2));
                return fixture.spool.refusal().isEmpty();
            });
            mail(fixture, 60);
            sweptUntil(() -> slots().size() <= MANY);
            readAll(fixture);
        }
        Set<Integer> old = oldSlots();
        assertThat(places().values()).anyMatch(place -> old.contains(place.slot()));
        assertThat(problems()).isEmpty();
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            readAll(fixture);
        }
    }

    /** However a slot is looked through, what is needed of it is found. */
    @ParameterizedTest
    @ValueSource(ints = {2, LiveChunks.PAGE_CHUNKS})
    void liveChunks_byRowsOrByWalking_areTheSame(int page) {
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            mail(fixture, 80, 2);
        }
        Map<Long, LogPlace> places = places();
        assertThat(places).hasSize(40);
        List<Long> ids = List.copyOf(places.keySet());
        Optional<SpoolLog.Ids> range = Optional.of(
                new SpoolLog.Ids(ids.getFirst(), ids.getLast()));
        int fewRows = -1023;
        try (Store store = Store.openReadOnly(directory.resolve("db"),
                SpoolFixture.config(directory).spool())) {
            for (int slot : new HashSet<>(places.values().stream().map(LogPlace::slot).toList())) {
                Set<LogPlace> there = new HashSet<>(places.values());
                there.removeIf(place -> place.slot() != slot);
                assertThat(found(new LiveChunks(store, slot, range, 4, page))).isEqualTo(there);
                assertThat(found(new LiveChunks(store, slot, Optional.empty(), 4, page)))
                        .isEqualTo(there);
                // four rows may be looked at, then it walks
                assertThat(found(new LiveChunks(store, slot, range, fewRows, page)))
                        .isEqualTo(there);
            }
        }
    }

    private static Set<LogPlace> found(LiveChunks chunks) {
        Set<LogPlace> found = new HashSet<>();
        for (List<LiveChunks.Chunk> page = chunks.next(); !page.isEmpty(); page = chunks.next()) {
            page.forEach(chunk -> found.add(chunk.place()));
        }
        return found;
    }

    /** What could not be read to its end leaves nothing behind: those around it are found. */
    @Test
    void chunkThatCannotBeRead_othersAreCopied() {
        SpoolId id;
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            id = fixture.accept(random(1), "u@stays.test");
        }
        LogPlace place = Objects.requireNonNull(places().get(id.value()));
        AtomicBoolean failing = new AtomicBoolean();
        try (LogFiles files = new LogFiles(directory.resolve(LogFiles.FOLDER)) {
            @Override
            boolean entry(LogPlace from, long number, int index, ByteBuffer into) {
                if (failing.get()) {
                    // a part of it, whose head looks well
                    into.limit(into.position() + BYTES / 2);
                    super.entry(from, number, index, into);
                    throw SpoolException.ofDisk("not all of it", new IOException("in a test"));
                }
                return super.entry(from, number, index, into);
            }
        }; OldMailSlot old = new OldMailSlot(files, 64 << 20)) {
            old.begin(77);
            List<LogPlace> copies = new ArrayList<>();
            for (int i = 0; i < 6; i++) {
                failing.set(i % 2 == 0);
                if (failing.get()) {
                    assertThatThrownBy(() -> old.add(place, id.value(), 0))
                            .hasMessage("not all of it");
                } else {
                    copies.add(Objects.requireNonNull(old.add(place, id.value(), 0)));
                }
                old.sync();
            }
            assertThat(old.isOpen()).isTrue();
            assertThat(walk(files, 77)).isEqualTo(copies);
        }
    }

    /** Nothing that was not written is said to be on disk. */
    @Test
    void closedMeanwhile_syncFails() {
        try (LogFiles files = new LogFiles(directory.resolve(LogFiles.FOLDER));
                OldMailSlot old = new OldMailSlot(files, 64 << 20)) {
            old.begin(3);
            old.close();
            assertThatThrownBy(old::sync).isInstanceOf(IllegalStateException.class);
        }
    }

    /** Places of the chunks a walk over a slot meets. */
    private static List<LogPlace> walk(LogFiles files, int slot) {
        List<LogPlace> met = new ArrayList<>();
        long offset = 0;
        for (LogEntry head = files.head(slot, 0); head != null; head = files.head(slot, offset)) {
            if (head.kind() == LogEntry.Kind.CHUNK) {
                met.add(new LogPlace(slot, (int) offset, head.length()));
            }
            offset = head.end(offset);
        }
        return met;
    }

    /** Several to a buffer, several buffers to a piece. */
    @Test
    void largeChunks_areCopiedWhole() throws IOException {
        byte[] large = new byte[3 * Content.CHUNK_BYTES];
        new Random(7).nextBytes(large);
        Path log = directory.resolve(LogFiles.FOLDER);
        SpoolId id;
        try (SpoolFixture fixture = new SpoolFixture(directory, time, disk -> disk)) {
            id = fixture.accept(large, "u@stays.test");
        }
        LogPlace place = Objects.requireNonNull(places().get(id.value()));
        try (LogFiles files = new LogFiles(log);
                OldMailSlot old = new OldMailSlot(files, 64 << 20)) {
            assertThat(old.isFull()).isTrue();
            old.begin(77);
            List<LogPlace> copies = new ArrayList<>();
            for (int i = 0; i < 9; i++) {
                LogPlace copy = old.add(place, id.value(), 2);
                assertThat(copy).isNotNull();
                copies.add(copy);
                assertThat(old.add(place, id.value(), 1)).as("stands elsewhere").isNull();
                if (i % 4 == 0) {
                    old.sync();
                }
            }
            old.sync();
            for (LogPlace copy : copies) {
                assertThat(files.chunk(copy, id.value(), 2))
                        .isEqualTo(files.chunk(place, id.value(), 2));
            }
            assertThat(walk(files, 77)).isEqualTo(copies);
        }
        try (RandomAccessFile file = new RandomAccessFile(
                log.resolve("00000077").toFile(), "r")) {
            assertThat(file.length() % SpoolLog.PAGE_BYTES).isZero();
        }
    }
}
