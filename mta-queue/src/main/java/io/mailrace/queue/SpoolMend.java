// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** Writes what a check mends, in batches; on disk once it is closed. Confined to one thread. */
final class SpoolMend implements AutoCloseable {
    private static final int ROWS = 1000;

    /** One change of a batch. */
    private interface Change {
        void apply() throws RocksDBException;
    }

    private final Store store;
    private final WriteBatch batch = new WriteBatch();

    SpoolMend(Store store) {
        this.store = store;
    }

    void put(Store.Family family, byte[] key, byte[] value) {
        change(() -> batch.put(store.handle(family), key, value));
    }

    void delete(Store.Family family, byte[] key) {
        change(() -> batch.delete(store.handle(family), key));
    }

    /** A row of the schedule, whose keys are written once, or of what is held. */
    void removeRow(Store.Family family, byte[] key) {
        if (family == Store.Family.SCHEDULE) {
            change(() -> batch.singleDelete(store.handle(family), key));
        } else {
            delete(family, key);
        }
    }

    void removeContent(SpoolId id, int chunks) {
        for (int chunk = 0; chunk < chunks; chunk++) {
            byte[] key = Keys.content(id, chunk);
            change(() -> batch.singleDelete(store.handle(Store.Family.CONTENT), key));
            delete(Store.Family.IN_LOG, key);
        }
    }

    /** Puts an envelope into quarantine. */
    void setAside(Place place, int queueNumber, byte[] schedule, String why) {
        put(Store.Family.STATE, Keys.quarantine(Keys.schedule(queueNumber, place)),
                QueueCodec.quarantine(schedule, why));
    }

    private void change(Change change) {
        try {
            change.apply();
            if (batch.count() >= ROWS) {
                write(false);
            }
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk("not repaired: " + refused.getMessage(), refused);
        }
    }

    private void write(boolean sync) throws RocksDBException {
        store.write(batch, sync);
        batch.clear();
    }

    @Override
    public void close() {
        try {
            write(true);
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk("not repaired: " + refused.getMessage(), refused);
        } finally {
            batch.close();
        }
    }
}
