// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Which batches of a log a recovery takes, and what becomes of a slot the disk refuses. */
class LogRedoTest {
    @TempDir
    Path directory;

    /** A log under a disk whose files fail when the test closes them. */
    private final class Bench {
        final List<FileChannel> opened = new ArrayList<>();
        final LogFiles files = new LogFiles(directory.resolve(LogFiles.FOLDER)) {
            @Override
            FileChannel write(int slot) throws IOException {
                FileChannel channel = super.write(slot);
                opened.add(channel);
                return channel;
            }
        };
        SpoolLog log = new SpoolLog(files, SpoolFixture.SLOT_BYTES);
        Progress.LogMark first = Progress.LogMark.NONE;
        Progress.LogMark newest = Progress.LogMark.NONE;

        void turn(long next, long before) {
            log.turn(next, before, Set.of());
        }

        int batch(long number, long before) {
            Progress.LogMark mark = log.mark();
            if (!first.isInLog()) {
                first = mark;
            }
            log.append(number, 0, StoredChunk.plain(new byte[3000]));
            Progress.LogMark end = log.mark();
            if (number == 1) {
                first = end;
            }
            log.commit(number, before, new byte[]{1, 2, 3}, true);
            log.committed(end, Map.of(end.slot(), new SpoolLog.Live(1, 3000)));
            newest = end;
            return end.slot();
        }

        List<Long> missing(long have) {
            return missing(have, first);
        }

        List<Long> missing(long have, Progress.LogMark mark) {
            return LogRedo.missing(files, progress(have, mark), Long.MAX_VALUE);
        }

        /** Another process goes on behind a batch the database has. */
        void restart(long have, Progress.LogMark mark) {
            log.close();
            log = new SpoolLog(files, SpoolFixture.SLOT_BYTES);
            log.start(Map.of(), progress(have, mark));
        }

        private Progress progress(long have, Progress.LogMark mark) {
            return new Progress(have, 0, 0, 0, 0, 0, 1, 0, 0, mark);
        }
    }

    /** Refused by the database: 2 and 4; 5 is alive after all, though 6 was tried before that. */
    @Test
    void redo_batchesBesideTheWay_areLeftOut() {
        Bench bench = new Bench();
        bench.turn(1, 0);
        bench.batch(1, 0);
        bench.batch(2, 1);
        bench.batch(3, 1);
        bench.batch(4, 3);
        bench.turn(5, 3);
        bench.batch(5, 3);
        bench.batch(6, 3);
        bench.batch(7, 5);
        assertThat(bench.missing(1)).containsExactly(3L, 5L, 7L);
    }

    /** The sync of batch 2 failed: its slot is left, and what follows does not need it. */
    @Test
    void slotThatFails_isLeftAndNotTriedNext() throws Exception {
        Bench bench = new Bench();
        bench.turn(1, 0);
        int first = bench.batch(1, 0);
        bench.opened.getLast().close();
        assertThatThrownBy(() -> bench.batch(2, 1)).isInstanceOf(SpoolException.class)
                .hasMessageContaining("log of the spool cannot be written");
        assertThat(bench.log.isFull()).isTrue();
        bench.turn(3, 1);
        int second = bench.batch(3, 1);
        assertThat(second).isNotEqualTo(first);
        bench.opened.getLast().close();
        assertThatThrownBy(() -> bench.batch(4, 3)).isInstanceOf(SpoolException.class);
        bench.turn(5, 3);
        assertThat(bench.batch(5, 3)).isNotIn(first, second);
        assertThat(bench.missing(1)).containsExactly(3L, 5L);
        bench.log.close();
    }

    /** The newest batch of the database is not in the log: later ones that follow it are taken. */
    @Test
    void redo_unreadableAnchor_goesOnWithTheNextSlot() throws Exception {
        Bench bench = new Bench();
        bench.turn(1, 0);
        bench.batch(1, 0);
        bench.turn(2, 1);
        bench.batch(2, 1);
        bench.log.close();
        Files.write(bench.files.file(bench.files.slots().getFirst()), new byte[100]);
        assertThat(bench.missing(1)).containsExactly(2L);
        assertThat(bench.missing(2)).isEmpty();
    }

    /** The first batch a process writes is on the disk of the database, whose disk is damaged. */
    @Test
    void redo_databaseWithoutAnyBatch_takesTheLogFromItsStart() throws Exception {
        Bench bench = new Bench();
        bench.turn(1, 0);
        bench.batch(1, 0);
        bench.batch(2, 1);
        bench.turn(3, 2);
        bench.batch(3, 2);
        assertThat(bench.missing(0, Progress.LogMark.NONE)).containsExactly(1L, 2L, 3L);
        bench.log.close();
        Files.write(bench.files.file(0), new byte[100]);
        assertThat(bench.missing(0, Progress.LogMark.NONE)).isEmpty();
    }

    @Test
    void redo_databaseOfAnEarlierRun_goesOnThroughTheLaterOnes() {
        Bench bench = new Bench();
        bench.turn(1, 0);
        bench.batch(1, 0);
        Progress.LogMark one = bench.newest;
        bench.batch(2, 1);
        Progress.LogMark two = bench.newest;
        bench.restart(2, two);
        bench.turn(3, 2);
        bench.batch(3, 2);
        bench.log.turn(4, 3, Set.copyOf(bench.files.slots()));
        bench.batch(4, 3);
        Progress.LogMark four = bench.newest;
        bench.restart(4, four);
        bench.log.turn(5, 4, Set.copyOf(bench.files.slots()));
        bench.batch(5, 4);
        assertThat(bench.missing(1, one)).containsExactly(2L, 3L, 4L, 5L);
        assertThat(bench.missing(2, two)).containsExactly(3L, 4L, 5L);
        assertThat(bench.missing(4, four)).containsExactly(5L);
        assertThat(bench.missing(5, bench.newest)).isEmpty();
        assertThat(LogRedo.missing(bench.files, bench.progress(2, two), 4))
                .as("as far as it is wanted").containsExactly(3L, 4L);
    }

    /** A process died in its first batch; the next one began behind the same batch. */
    @Test
    void redo_runThatCommittedNothing_isSteppedOver() throws Exception {
        Bench bench = new Bench();
        bench.turn(1, 0);
        bench.batch(1, 0);
        Progress.LogMark one = bench.newest;
        bench.restart(1, one);
        bench.turn(2, 1);
        int torn = bench.batch(2, 1);
        try (var file = new RandomAccessFile(bench.files.file(torn).toFile(), "rw")) {
            file.setLength(LogEntry.HEAD_BYTES + 1000);
        }
        bench.restart(1, one);
        bench.log.turn(2, 1, Set.of(torn));
        assertThat(bench.batch(2, 1)).as("looked at later").isGreaterThan(torn);
        assertThat(bench.missing(1, one)).containsExactly(2L);
        assertThat(bench.missing(2, bench.newest)).isEmpty();
    }

    /**
     * The database refused the second run's first batch, and its slot failed; what came next stands
     * in a slot with a lower number. Then the first one was alive after all.
     */
    @Test
    void redo_twoSlotsBehindOneBatch_areReadInTheOrderOfTheirBatches() {
        Bench bench = new Bench();
        bench.turn(1, 0);
        bench.batch(1, 0);
        bench.log.turn(2, 1, Set.of(0));
        bench.batch(2, 1);
        Progress.LogMark two = bench.newest;
        bench.restart(2, two);
        bench.log.turn(3, 2, Set.of(0, 1));
        bench.batch(3, 2);
        bench.newest = two;
        bench.log.committed(two, Map.of());
        bench.log.turn(4, 2, Set.of(1, 2));
        assertThat(bench.batch(4, 2)).isZero();
        bench.batch(5, 3);
        assertThat(bench.missing(2, two)).containsExactly(3L, 5L);
    }

    /** A copy of a database has a run of its own: nothing in any log follows. */
    @Test
    void redo_copyOfADatabase_isFollowedByNothing() {
        Bench bench = new Bench();
        bench.turn(1, 0);
        bench.batch(1, 0);
        Progress now = bench.progress(1, bench.newest);
        bench.turn(2, 1);
        bench.batch(2, 1);
        assertThat(LogRedo.missing(bench.files, now, Long.MAX_VALUE)).containsExactly(2L);
        assertThat(LogRedo.missing(bench.files, now.withoutLog(), Long.MAX_VALUE)).isEmpty();
        assertThat(LogRedo.missing(bench.files, Progress.NONE.withoutLog(), Long.MAX_VALUE))
                .isEmpty();
    }

    /** A batch is missing at the start, and half a million come after it: none is taken. */
    @Test
    @Timeout(60)
    void redo_longRunBehindAHole_isLookedThroughOnce() {
        int batches = 500_000;
        long run = 5;
        LogFiles many = new LogFiles(directory) {
            @Override
            List<Integer> slots() {
                return List.of(0);
            }

            @Override
            @Nullable
            LogEntry head(int slot, long offset) {
                long number = offset / SpoolLog.PAGE_BYTES;
                if (number == 0) {
                    return new LogEntry(LogEntry.Kind.SLOT,
                            SpoolLog.PAGE_BYTES - LogEntry.HEAD_BYTES, 1, 0, run);
                }
                return number > batches
                        ? null
                        : new LogEntry(LogEntry.Kind.BATCH, 1, number == 1 ? 2 : number + 1,
                                number == 1 ? 0 : number, run);
            }

            @Override
            byte @Nullable [] changes(int slot, long from, long offset, LogEntry head) {
                return new byte[0];
            }
        };
        LogRun hole = new LogRun(many, Map.of(0, new LogEntry(LogEntry.Kind.SLOT, 8, 2, 0, run)),
                run, 1);
        assertThat(hole.way(Long.MAX_VALUE)).isEmpty();
        LogRun whole = new LogRun(many, Map.of(0, new LogEntry(LogEntry.Kind.SLOT, 8, 2, 0, run)),
                run, 0);
        assertThat(whole.way(Long.MAX_VALUE)).hasSize(batches);
    }

    /**
     * Batches were lost, and others have had their numbers since: what is left of the old ones
     * follows by its number, but not by its run.
     */
    @Test
    void redo_numbersGivenTwice_areToldApartByTheRunBefore() throws Exception {
        Bench bench = new Bench();
        bench.turn(1, 0);
        bench.batch(1, 0);
        Progress.LogMark one = bench.newest;
        bench.restart(1, one);
        bench.turn(2, 1);
        int lost = bench.batch(2, 1);
        bench.turn(3, 2);
        bench.batch(3, 2);
        Files.write(bench.files.file(lost), new byte[100]);
        assertThat(bench.missing(1, one)).isEmpty();
        bench.restart(1, one);
        bench.log.turn(2, 1, Set.of(lost + 1));
        bench.batch(2, 1);
        assertThat(bench.missing(2, bench.newest)).isEmpty();
        assertThat(bench.missing(1, one)).containsExactly(2L);
    }

    /** As slots were written before they named the run of the batch before. */
    @Test
    void redo_slotThatNamesNoRunBefore_isTakenWithinItsRunOnly() throws Exception {
        long run = 77;
        ByteBuffer slot = ByteBuffer.allocate(SpoolLog.PAGE_BYTES);
        new LogEntry(LogEntry.Kind.SLOT, 0, 1, 0, run).write(slot);
        new LogEntry(LogEntry.Kind.BATCH, 3 + RecordWriter.CRC_BYTES, 1, 0, run).write(slot);
        slot.put(new byte[]{1, 2, 3});
        CRC32C sum = new CRC32C();
        sum.update(slot.array(), 0, slot.position());
        slot.putInt((int) sum.getValue());
        Bench bench = new Bench();
        Files.createDirectories(bench.files.file(0).getParent());
        Files.write(bench.files.file(0), slot.array());
        assertThat(bench.missing(0, Progress.LogMark.NONE)).isEmpty();
        assertThat(bench.missing(0, Progress.LogMark.outside(slot.getLong(LogEntry.HEAD_BYTES))))
                .as("what stands behind the head").isEmpty();
        assertThat(bench.missing(0, new Progress.LogMark(run, 1, 0))).containsExactly(1L);
    }

    @Test
    void entries_garbage_isNone() {
        Random random = new Random(4);
        byte[] bytes = new byte[LogEntry.HEAD_BYTES];
        for (int i = 0; i < 10_000; i++) {
            random.nextBytes(bytes);
            assertThat(LogEntry.read(ByteBuffer.wrap(bytes))).isNull();
        }
        LogEntry entry = new LogEntry(LogEntry.Kind.BATCH, 10, 3, 2, 77);
        ByteBuffer head = ByteBuffer.allocate(LogEntry.HEAD_BYTES);
        entry.write(head);
        assertThat(LogEntry.read(head.flip())).isEqualTo(entry);
        for (int i = 0; i < LogEntry.HEAD_BYTES; i++) {
            head.put(i, (byte) (head.get(i) ^ 4));
            assertThat(LogEntry.read(head)).isNull();
            head.put(i, (byte) (head.get(i) ^ 4));
        }
    }
}
