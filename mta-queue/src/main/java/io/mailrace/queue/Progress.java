// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/**
 * How far the spool has come, stored in every batch (FORMAT.md, key {@code P}).
 *
 * @param spoolEpochMillis spool time of the batch
 * @param newestId highest SpoolId given out
 * @param liveBytes of contents of mail that waits
 * @param keptBytes of contents kept after their mail was settled
 * @param steppedAtEpochMillis when the clock last leapt forward, 0 when it did not
 */
record Progress(long batch, long newestEvent, long spoolEpochMillis, long newestId,
        long steppedAtEpochMillis, long stepMillis, int nextQueueNumber, long liveBytes,
        long keptBytes) {
    /** 2 added the bytes. */
    private static final int VERSION = 2;
    static final Progress NONE = new Progress(0, 0, 0, 0, 0, 0, 1, 0, 0);

    byte[] encode() {
        return new RecordWriter(VERSION, 64).i64(batch).i64(newestEvent).i64(spoolEpochMillis)
                .i64(newestId).i64(steppedAtEpochMillis).i64(stepMillis).count(nextQueueNumber)
                .i64(liveBytes).i64(keptBytes).finish();
    }

    static Progress decode(byte[] record) {
        return RecordReader.decode(record, VERSION, "progress", in -> new Progress(in.i64(),
                in.i64(), in.i64(), in.i64(), in.i64(), in.i64(), in.number(),
                in.version() < 2 ? 0 : in.i64(), in.version() < 2 ? 0 : in.i64()));
    }
}
