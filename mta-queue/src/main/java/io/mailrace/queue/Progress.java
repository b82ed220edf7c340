// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.concurrent.ThreadLocalRandom;

/**
 * How far the spool has come, stored in every batch (FORMAT.md, key {@code P}).
 *
 * @param spoolEpochMillis spool time of the batch
 * @param newestId highest SpoolId given out
 * @param liveBytes of contents of mail that waits
 * @param keptBytes of contents kept after their mail was settled
 * @param steppedAtEpochMillis when the clock last leapt forward, 0 when it did not
 * @param log where the batch stands in the log
 */
record Progress(long batch, long newestEvent, long spoolEpochMillis, long newestId,
        long steppedAtEpochMillis, long stepMillis, int nextQueueNumber, long liveBytes,
        long keptBytes, LogMark log) {
    /** 2 added the bytes, 3 the place in the log. */
    private static final int VERSION = 3;
    static final Progress NONE = new Progress(0, 0, 0, 0, 0, 0, 1, 0, 0, LogMark.NONE);

    /**
     * Where a batch stands in the log.
     *
     * @param run of the process that wrote it: with its number it tells a batch from others; 0
     *        before the first batch, and of batches in no log in early builds
     * @param slot number of the file; {@link #NO_SLOT} when it is in no log
     * @param offset of its head in the file
     */
    record LogMark(long run, int slot, long offset) {
        static final int NO_SLOT = Integer.MAX_VALUE;
        static final LogMark NONE = new LogMark(0, NO_SLOT, 0);

        /** Of a batch that is in no log. */
        static LogMark outside(long run) {
            return new LogMark(run, NO_SLOT, 0);
        }

        /** The number of a process, or of what else makes batches. */
        static long newRun() {
            return ThreadLocalRandom.current().nextLong(1, Long.MAX_VALUE);
        }

        boolean isInLog() {
            return run != 0 && slot != NO_SLOT;
        }
    }

    byte[] encode() {
        return new RecordWriter(VERSION, 96).i64(batch).i64(newestEvent).i64(spoolEpochMillis)
                .i64(newestId).i64(steppedAtEpochMillis).i64(stepMillis).count(nextQueueNumber)
                .i64(liveBytes).i64(keptBytes).i64(log.run).count(log.slot).i64(log.offset)
                .finish();
    }

    static Progress decode(byte[] record) {
        return RecordReader.decode(record, VERSION, "progress", in -> new Progress(in.i64(),
                in.i64(), in.i64(), in.i64(), in.i64(), in.i64(), in.number(),
                in.version() < 2 ? 0 : in.i64(), in.version() < 2 ? 0 : in.i64(),
                in.version() < 3
                        ? LogMark.NONE
                        : new LogMark(in.i64(), in.number(), in.i64())));
    }

    /** The same for a copy, to which nothing that is in a log belongs. */
    Progress withoutLog() {
        return new Progress(batch, newestEvent, spoolEpochMillis, newestId,
                steppedAtEpochMillis,
                stepMillis, nextQueueNumber, liveBytes, keptBytes,
                LogMark.outside(LogMark.newRun()));
    }
}
