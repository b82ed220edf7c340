// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Lane;

/** Queue names, counts and reader positions in the family {@code state} (FORMAT.md). */
final class QueueCodec {
    private static final int VERSION = 1;

    /** What is stored of a queue's content: exact count, lower bound of acceptance times. */
    record Count(long envelopes, long oldestEpochMillis) {}

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

    static QueueKey name(byte[] record) {
        return RecordReader.decode(record, VERSION, "queue name", in -> new QueueKey(
                Lane.ofCode(in.u8()), in.text(), in.text(), in.text()));
    }

    static byte[] count(long envelopes, long oldestEpochMillis) {
        return new RecordWriter(VERSION, 32).i64(envelopes).i64(oldestEpochMillis).finish();
    }

    static Count count(byte[] record) {
        return RecordReader.decode(record, VERSION, "queue count",
                in -> new Count(in.i64(), in.i64()));
    }

    static byte[] number(long value) {
        return new RecordWriter(VERSION, 16).i64(value).finish();
    }

    static long number(byte[] record, String what) {
        return RecordReader.decode(record, VERSION, what, RecordReader::i64);
    }

    static byte[] quarantine(byte[] scheduleRecord, String why) {
        RecordWriter out = new RecordWriter(VERSION, 64).text(why).count(scheduleRecord.length);
        for (byte one : scheduleRecord) {
            out.u8(one);
        }
        return out.finish();
    }
}
