// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/**
 * How far the spool has come, stored in every batch (FORMAT.md, key {@code P}).
 *
 * @param spoolEpochMillis spool time of the batch
 * @param newestId highest SpoolId given out
 * @param steppedAtEpochMillis when the clock last leapt forward, 0 when it did not
 */
record Progress(long batch, long newestEvent, long spoolEpochMillis, long newestId,
        long steppedAtEpochMillis, long stepMillis, int nextQueueNumber) {
    private static final int VERSION = 1;
    static final Progress NONE = new Progress(0, 0, 0, 0, 0, 0, 1);

    byte[] encode() {
        return new RecordWriter(VERSION, 64).i64(batch).i64(newestEvent).i64(spoolEpochMillis)
                .i64(newestId).i64(steppedAtEpochMillis).i64(stepMillis).count(nextQueueNumber)
                .finish();
    }

    static Progress decode(byte[] record) {
        return RecordReader.decode(record, VERSION, "progress", in -> new Progress(in.i64(),
                in.i64(), in.i64(), in.i64(), in.i64(), in.i64(), in.number()));
    }
}
