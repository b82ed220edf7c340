// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The head of one entry of the log (FORMAT.md, "The log"): what follows it, and whose it is.
 * Immutable.
 *
 * @param length of what follows, in bytes
 * @param number SpoolId of a chunk; number of a batch; of a slot, its first batch; the slot with
 *        old mail
 * @param second number of the chunk; of the batch before, for batches and slots
 * @param run of the process that wrote it; of old mail, a number of this use of the slot
 */
record LogEntry(Kind kind, int length, long number, long second, long run) {
    static final int HEAD_BYTES = 36;
    /** What follows the head of a slot: the run of the batch before. */
    static final int RUN_BYTES = 8;
    private static final int MAGIC = 0x4d524c00;
    private static final int SUMMED = HEAD_BYTES - RecordWriter.CRC_BYTES;

    /** What follows the head. */
    enum Kind {
        SLOT('S'),
        CHUNK('C'),
        BATCH('B'),
        /** Begins a slot with old mail, and ends a piece of it. */
        OLD('O');

        private final int letter;

        Kind(int letter) {
            this.letter = letter;
        }

        private static @Nullable Kind of(int letter) {
            return switch (letter) {
                case 'S' -> SLOT;
                case 'C' -> CHUNK;
                case 'B' -> BATCH;
                case 'O' -> OLD;
                default -> null;
            };
        }
    }

    void write(ByteBuffer out) {
        int start = out.position();
        out.putInt(MAGIC | kind.letter).putInt(length).putLong(number).putLong(second)
                .putLong(run);
        out.putInt(crc(out, start));
    }

    /** Reads a head at the buffer's position; null when none stands there whole. */
    static @Nullable LogEntry read(ByteBuffer in) {
        if (in.remaining() < HEAD_BYTES) {
            return null;
        }
        int start = in.position();
        Kind kind = Kind.of(in.getInt(start) ^ MAGIC);
        int length = in.getInt(start + 4);
        if (kind == null || length < 0 || in.getInt(start + SUMMED) != crc(in, start)) {
            return null;
        }
        return new LogEntry(kind, length, in.getLong(start + 8),
                in.getLong(start + 16), in.getLong(start + 24));
    }

    /** Where the entry behind this one begins: behind a batch or piece, on the next page. */
    long end(long offset) {
        long end = offset + HEAD_BYTES + length;
        return kind == Kind.BATCH || kind == Kind.OLD
                ? (end + SpoolLog.PAGE_BYTES - 1) / SpoolLog.PAGE_BYTES * SpoolLog.PAGE_BYTES
                : end;
    }

    private static int crc(ByteBuffer bytes, int start) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate().position(start).limit(start + SUMMED));
        return (int) crc.getValue();
    }
}
