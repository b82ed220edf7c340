// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** Whether a database can be opened by this version, as a whole and by its number. One thread. */
final class StoreFormat {
    private final Store store;
    private final Path directory;

    StoreFormat(Store store) {
        this.store = store;
        directory = store.directory();
    }

    /** Opening with families missing fails with a riddle, so look first. */
    void refuseUnknownFamilies() {
        if (!Files.exists(directory.resolve("CURRENT"))) {
            return;
        }
        try (Options options = new Options()) {
            for (byte[] name : RocksDB.listColumnFamilies(options, directory.toString())) {
                String title = new String(name, StandardCharsets.UTF_8);
                boolean known = title.equals("default");
                for (Store.Family family : Store.Family.values()) {
                    known |= family.title().equals(title);
                }
                if (!known) {
                    throw newer("it holds a part \"" + title + "\" unknown here");
                }
            }
        } catch (RocksDBException unreadable) {
            throw new SpoolException("spool " + directory + " cannot be opened: "
                    + unreadable.getMessage(), unreadable);
        }
    }

    /** Only what is opened for writing makes them. */
    void refuseMissingFamilies() {
        try (Options options = new Options()) {
            int families = RocksDB.listColumnFamilies(options, directory.toString()).size();
            if (families < Store.Family.values().length + 1) {
                throw new SpoolException("spool " + directory + " has an older format: Mailrace"
                        + " converts it when it is started on it");
            }
        } catch (RocksDBException unreadable) {
            throw new SpoolException("spool " + directory + " cannot be opened: "
                    + unreadable.getMessage(), unreadable);
        }
    }

    /** Writes the number of a new spool, converts an older one, refuses a newer one. */
    void check() {
        byte[] stored = store.get(Store.Family.STATE, Keys.FORMAT);
        if (stored != null) {
            long format = QueueCodec.number(stored, "format");
            if (format > Store.FORMAT) {
                throw newer(
                        "its format is " + format + ", this version knows up to " + Store.FORMAT);
            }
            if (format < Store.FORMAT) {
                FormatUpgrade.toCurrent(store, format);
            }
            return;
        }
        try (WriteBatch batch = new WriteBatch()) {
            batch.put(store.handle(Store.Family.STATE), Keys.FORMAT,
                    QueueCodec.number(Store.FORMAT));
            store.write(batch, true);
        } catch (RocksDBException refused) {
            throw new SpoolException("spool " + directory + " cannot be written: "
                    + refused.getMessage(), refused);
        }
    }

    /** A format that cannot be read because it is damaged is taken for this one. */
    void refuseOther() {
        long format;
        try {
            byte[] stored = store.get(Store.Family.STATE, Keys.FORMAT);
            format = stored == null ? Store.FORMAT : QueueCodec.number(stored, "format");
        } catch (SpoolException damaged) {
            if (damaged.mayPass()) {
                throw damaged;
            }
            format = Store.FORMAT;
        }
        if (format > Store.FORMAT) {
            throw newer("its format is " + format + ", this version knows up to " + Store.FORMAT);
        }
        if (format < Store.FORMAT) {
            throw new SpoolException("spool " + directory + " has the older format " + format
                    + ": Mailrace converts it when it is started on it");
        }
    }

    private SpoolException newer(String why) {
        return new SpoolException("spool " + directory + " was written by a newer Mailrace: " + why
                + ". It was not touched.");
    }
}
