// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Lane;

/** Queue names, counts and reader positions in the family {@code state} (FORMAT.md). */
final class QueueCodec {
    private static final int VERSION = 1;
    /** 2 added what is held and when the head is due, 3 when the first expires. */
    private static final int COUNT_VERSION = 3;
    private static final long UNKNOWN_HEAD = -1;

    /**
     * What is stored of a queue's content.
     *
     * @param envelopes in the schedule, exactly
     * @param oldestEpochMillis lower bound of the times since which they age
     * @param held exactly
     * @param headDueEpochMillis lower bound of their due times, negative when unknown
     * @param expiryEpochMillis lower bound of the times at which they are given up
     */
    record Count(long envelopes, long oldestEpochMillis, long held, long headDueEpochMillis,
            long expiryEpochMillis) {
        static final Count NONE = new Count(0, 0, 0, Long.MAX_VALUE, Long.MAX_VALUE);

        boolean knowsHead() {
            return headDueEpochMillis >= 0;
        }
    }

    private QueueCodec() {}

    static void writeKey(RecordWriter out, QueueKey key) {
        out.u8(key.lane().code()).text(key.tenant()).text(key.destination()).text(key.pool());
    }

    static void skipKey(RecordReader in) {
        in.u8();
        in.skipText();
        in.skipText();
        in.skipText();
    }

    static byte[] name(QueueKey key) {
        RecordWriter out = new RecordWriter(VERSION, 64);
        writeKey(out, key);
        return out.finish();
    }

    static QueueKey readKey(RecordReader in) {
        return new QueueKey(Lane.ofCode(in.u8()), in.text(), in.text(), in.text());
    }

    static QueueKey name(byte[] record) {
        return RecordReader.decode(record, VERSION, "queue name", QueueCodec::readKey);
    }

    static byte[] count(Count count) {
        return new RecordWriter(COUNT_VERSION, 48).i64(count.envelopes)
                .i64(count.oldestEpochMillis).i64(count.held).i64(count.headDueEpochMillis)
                .i64(count.expiryEpochMillis).finish();
    }

    static Count count(byte[] record) {
        return RecordReader.decode(record, COUNT_VERSION, "queue count", in -> {
            long envelopes = in.i64();
            long oldest = in.i64();
            long held = in.version() < 2 ? 0 : in.i64();
            long head = in.version() < 2 ? UNKNOWN_HEAD : in.i64();
            // Nothing expires before it was accepted: the first sweep looks and knows.
            return new Count(envelopes, oldest, held, head, in.version() < 3 ? oldest : in.i64());
        });
    }

    static byte[] number(long value) {
        return new RecordWriter(VERSION, 16).i64(value).finish();
    }

    static long number(byte[] record, String what) {
        return RecordReader.decode(record, VERSION, what, RecordReader::i64);
    }

    static byte[] live(SpoolLog.Live live) {
        return new RecordWriter(VERSION, 24).i64(live.chunks()).i64(live.bytes()).finish();
    }

    static SpoolLog.Live live(byte[] record) {
        return RecordReader.decode(record, VERSION, "slot of the log",
                in -> new SpoolLog.Live(in.i64(), in.i64()));
    }

    static byte[] memo(byte[] value) {
        return new RecordWriter(VERSION, value.length + 16).bytes(value).finish();
    }

    static byte[] memoOf(byte[] record) {
        return RecordReader.decode(record, VERSION, "memo", RecordReader::bytes);
    }

    static byte[] quarantine(byte[] scheduleRecord, String why) {
        return new RecordWriter(VERSION, 64).text(why).bytes(scheduleRecord).finish();
    }

    /** The schedule record of a quarantined envelope. */
    static byte[] quarantined(byte[] record) {
        return RecordReader.decode(record, VERSION, "quarantine", in -> {
            in.skipText();
            return in.bytes();
        });
    }
}
