// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** Where {@code spool-commit} writes: the {@link Store}, or a faulty stand-in in tests. */
interface BatchSink {
    /**
     * All of the batch or nothing of it, after what waits; with {@code sync}, on disk when this
     * returns.
     */
    void write(WriteBatch batch, boolean sync) throws RocksDBException;

    /**
     * Takes rows that the log has: readers see them from now on, the database gets them with what
     * else waits.
     *
     * @param rows without ranges
     * @param before number of the batch committed before
     * @param number of the batch
     */
    void later(Rows rows, long before, long number);

    /** What waits, in bytes of memory; 0 when nothing does. */
    long lateBytes();

    /** Writes what waits, all in one. When it fails it waits on. */
    void writeLate() throws RocksDBException;

    /** Brings everything written before to the disk, and what waits. */
    void sync() throws RocksDBException;

    /** From the next opening on nothing is compacted: what is damaged must be left alone. */
    void stopCompactions();

    /**
     * Closes and opens the database: the way out of its read-only state after an error. It has what
     * waited then.
     *
     * @param newest number of the newest batch it was said to have
     * @throws SpoolException also when it does not have that any more; then the database is closed
     */
    void reopen(long newest);

    /** Whether its disk takes a new file at the moment. */
    boolean takesFiles();

    /** Room left on its disk; 0 when unknown. */
    long freeBytes();
}
