// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** Where {@code spool-commit} writes: the {@link Store}, or a faulty stand-in in tests. */
interface BatchSink {
    /** All of the batch or nothing of it; with {@code sync}, on disk when this returns. */
    void write(WriteBatch batch, boolean sync) throws RocksDBException;

    /** Brings everything written before to the disk. */
    void sync() throws RocksDBException;

    /** From the next opening on nothing is compacted: what is damaged must be left alone. */
    void stopCompactions();

    /**
     * Closes and opens the database: the way out of its read-only state after an error.
     *
     * @param newest number of the newest batch it was said to have
     * @throws SpoolException also when it does not have that any more
     */
    void reopen(long newest);

    /** Whether its disk takes a new file at the moment. */
    boolean takesFiles();

    /** Room left on its disk; 0 when unknown. */
    long freeBytes();
}
