// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Converts a spool of an older format at start. The format number is written last, so a conversion
 * that was cut off begins anew. Blocks; reads the whole journal and every envelope once.
 */
final class FormatUpgrade {
    private static final Logger LOG = LoggerFactory.getLogger(FormatUpgrade.class);
    private static final int ROWS = 5000;
    private static final byte[] FIRST = {};
    private static final byte[] END = {-1, -1, -1, -1, -1, -1, -1, -1, -1};
    private static final byte[] NOTHING = {};

    private final Store store;
    private WriteBatch batch = new WriteBatch();
    private int rows;

    private FormatUpgrade(Store store) {
        this.store = store;
    }

    /** @throws SpoolException when it cannot be written; the spool is as it was then, or begun */
    static void toCurrent(Store store, long from) {
        LOG.info("converting the spool to format {}", Store.FORMAT);
        FormatUpgrade upgrade = new FormatUpgrade(store);
        try {
            if (from < 2) {
                upgrade.fromFormat1();
            }
            upgrade.finish();
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk("spool cannot be converted: " + refused.getMessage(),
                    refused);
        } finally {
            upgrade.batch.close();
        }
        LOG.info("spool converted");
    }

    /** Format 1 indexed events by message alone and did not count the bytes of contents. */
    private void fromFormat1() throws RocksDBException {
        batch.deleteRange(store.handle(Store.Family.EVENT_OF), FIRST, END);
        store.scan(Store.Family.EVENT, FIRST, END, (key, value) -> {
            index(Keys.longAt(key, 0), value);
            return true;
        });
        byte[] stored = store.get(Store.Family.STATE, Keys.PROGRESS);
        if (stored != null) {
            Progress old = Progress.decode(stored);
            batch.put(store.handle(Store.Family.STATE), Keys.PROGRESS,
                    new Progress(old.batch(), old.newestEvent(), old.spoolEpochMillis(),
                            old.newestId(), old.steppedAtEpochMillis(), old.stepMillis(),
                            old.nextQueueNumber(), liveBytes(), 0, old.log()).encode());
        }
    }

    /** Format 2 had no log: its family is there since the database was opened. */
    private void finish() throws RocksDBException {
        batch.put(store.handle(Store.Family.STATE), Keys.FORMAT, QueueCodec.number(Store.FORMAT));
        store.write(batch, true);
    }

    private void index(long sequence, byte[] value) {
        Event event = event(value);
        if (event instanceof Event.OfMessage of) {
            try {
                batch.put(store.handle(Store.Family.EVENT_OF),
                        Keys.eventOf(of.id().value(), sequence), NOTHING);
                if (++rows == ROWS) {
                    store.write(batch, false);
                    batch.close();
                    batch = new WriteBatch();
                    rows = 0;
                }
            } catch (RocksDBException refused) {
                throw SpoolException.ofDisk("spool cannot be converted: " + refused.getMessage(),
                        refused);
            }
        }
    }

    private static @Nullable Event event(byte[] value) {
        try {
            return EventCodec.decode(value);
        } catch (SpoolException damaged) {
            // Nobody can read it, so nobody needs to find it.
            return null;
        }
    }

    private long liveBytes() {
        long[] sumAndLast = {0, -1};
        store.scan(Store.Family.ENVELOPE, FIRST, END, (key, value) -> {
            long id = Keys.longAt(key, 0);
            if (id != sumAndLast[1]) {
                sumAndLast[1] = id;
                sumAndLast[0] += EnvelopeCodec.sizeBytes(value);
            }
            return true;
        });
        return sumAndLast[0];
    }
}
