// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
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
        final SpoolLog log = new SpoolLog(files, SpoolFixture.SLOT_BYTES);
        Progress.LogMark first = Progress.LogMark.NONE;

        void turn(long next, long before) {
            log.turn(next, before, Set.of());
        }

        int batch(long number, long before) {
            Progress.LogMark mark = log.mark();
            if (first.isNone()) {
                first = mark;
            }
            log.append(number, 0, StoredChunk.plain(new byte[3000]));
            Progress.LogMark end = log.mark();
            if (number == 1) {
                first = end;
            }
            log.commit(number, before, new byte[]{1, 2, 3}, true);
            log.committed(end, Map.of(end.slot(), new SpoolLog.Live(1, 3000)));
            return end.slot();
        }

        List<Long> missing(long have) {
            return LogRedo.missing(files, new Progress(have, 0, 0, 0, 0, 0, 1, 0, 0, first));
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
