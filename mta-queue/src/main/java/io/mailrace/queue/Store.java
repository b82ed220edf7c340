// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.DBOptions;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Slice;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * The RocksDB database of one spool. Any thread reads; only {@code spool-commit} writes. After
 * {@link #close} every call raises {@link SpoolException}: the native library would crash instead.
 */
final class Store implements BatchSink, AutoCloseable {
    static final int FORMAT = 1;

    /** The column families of FORMAT.md. */
    enum Family {
        CONTENT("content"),
        ENVELOPE("envelope"),
        SCHEDULE("schedule"),
        EVENT("event"),
        EVENT_OF("event-of"),
        STATE("state");

        private final String title;

        Family(String title) {
            this.title = title;
        }
    }

    /** Is shown rows one by one. */
    interface Visitor {
        /** Whether to go on. */
        boolean row(byte[] key, byte[] value);
    }

    /** What exists only while the database is open. */
    private record Opened(RocksDB db, List<ColumnFamilyHandle> handles, DBOptions options) {}

    private final Path directory;
    private final StoreOptions tuning;
    private final WriteOptions synced = new WriteOptions().setSync(true);
    private final WriteOptions unsynced = new WriteOptions().setSync(false);
    /** Readers share it; opening and closing take it alone. */
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private final Map<Family, ColumnFamilyHandle> families = new EnumMap<>(Family.class);
    private @Nullable Opened opened;

    private Store(Path directory, StoreOptions tuning) {
        this.directory = directory;
        this.tuning = tuning;
    }

    /**
     * Opens the database or makes it.
     *
     * @throws SpoolException when another process has it, its format is newer, or it is broken
     */
    static Store open(Path directory, SpoolConfig config) {
        RocksDB.loadLibrary();
        Store store = new Store(directory, new StoreOptions(config));
        try {
            Files.createDirectories(directory);
            store.refuseUnknownFamilies();
            store.openDatabase();
            store.checkFormat();
            return store;
        } catch (IOException unusable) {
            store.close();
            throw new SpoolException("spool directory " + directory + " cannot be made", unusable);
        } catch (SpoolException broken) {
            store.close();
            throw broken;
        }
    }

    @Override
    public void write(WriteBatch batch, boolean sync) throws RocksDBException {
        lock.readLock().lock();
        try {
            current().db().write(sync ? synced : unsynced, batch);
        } finally {
            lock.readLock().unlock();
        }
    }

    @Override
    public void sync() throws RocksDBException {
        lock.readLock().lock();
        try {
            current().db().syncWal();
        } finally {
            lock.readLock().unlock();
        }
    }

    @Override
    public void reopen() {
        lock.writeLock().lock();
        try {
            closeDatabase();
            openDatabase();
        } finally {
            lock.writeLock().unlock();
        }
    }

    @Override
    public long freeBytes() {
        try {
            return Files.getFileStore(directory).getUsableSpace();
        } catch (IOException unknown) {
            return 0;
        }
    }

    byte @Nullable [] get(Family family, byte[] key) {
        lock.readLock().lock();
        try {
            return current().db().get(handle(family), key);
        } catch (RocksDBException unreadable) {
            throw new SpoolException("spool cannot be read: " + unreadable.getMessage(),
                    unreadable);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Shows the rows from {@code from} (included) to {@code to} (excluded) in order. */
    void scan(Family family, byte[] from, byte[] to, Visitor visitor) {
        lock.readLock().lock();
        try (Slice bound = new Slice(to);
                ReadOptions options = new ReadOptions().setIterateUpperBound(bound);
                RocksIterator rows = current().db().newIterator(handle(family), options)) {
            rows.seek(from);
            while (rows.isValid() && visitor.row(rows.key(), rows.value())) {
                rows.next();
            }
            rows.status();
        } catch (RocksDBException unreadable) {
            throw new SpoolException("spool cannot be read: " + unreadable.getMessage(),
                    unreadable);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** What {@code read} makes of the last row of a family; null when it has none. */
    <T> @Nullable T last(Family family, Function<byte[], T> read) {
        lock.readLock().lock();
        try (RocksIterator rows = current().db().newIterator(handle(family))) {
            rows.seekToLast();
            rows.status();
            return rows.isValid() ? read.apply(rows.key()) : null;
        } catch (RocksDBException unreadable) {
            throw new SpoolException("spool cannot be read: " + unreadable.getMessage(),
                    unreadable);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Bytes in memory that are not in data files yet. */
    long unwrittenBytes() {
        lock.readLock().lock();
        try {
            return current().db().getAggregatedLongProperty("rocksdb.cur-size-all-mem-tables");
        } catch (RocksDBException unknown) {
            throw new SpoolException("spool cannot be measured", unknown);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Frees the room of removed contents now instead of when enough has been written. Blocks. */
    void compact() {
        lock.readLock().lock();
        try {
            current().db().compactRange(handle(Family.CONTENT));
        } catch (RocksDBException refused) {
            throw new SpoolException("spool cannot be compacted: " + refused.getMessage(),
                    refused);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** The handle for building batches; renewed by {@link #reopen}, so never kept. */
    ColumnFamilyHandle handle(Family family) {
        ColumnFamilyHandle handle = families.get(family);
        if (handle == null) {
            throw new SpoolException("spool is closed");
        }
        return handle;
    }

    Path directory() {
        return directory;
    }

    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            closeDatabase();
            tuning.close();
            synced.close();
            unsynced.close();
        } finally {
            lock.writeLock().unlock();
        }
    }

    private Opened current() {
        Opened now = opened;
        if (now == null) {
            throw new SpoolException("spool is closed");
        }
        return now;
    }

    /** Opening with families missing fails with a riddle, so look first. */
    private void refuseUnknownFamilies() {
        if (!Files.exists(directory.resolve("CURRENT"))) {
            return;
        }
        try (Options options = new Options()) {
            for (byte[] name : RocksDB.listColumnFamilies(options, directory.toString())) {
                String title = new String(name, StandardCharsets.UTF_8);
                boolean known = title.equals("default");
                for (Family family : Family.values()) {
                    known |= family.title.equals(title);
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

    private void openDatabase() {
        List<ColumnFamilyDescriptor> descriptors = new ArrayList<>();
        descriptors.add(new ColumnFamilyDescriptor(RocksDB.DEFAULT_COLUMN_FAMILY,
                tuning.records()));
        for (Family family : Family.values()) {
            descriptors.add(new ColumnFamilyDescriptor(
                    family.title.getBytes(StandardCharsets.UTF_8),
                    family == Family.CONTENT ? tuning.content() : tuning.records()));
        }
        List<ColumnFamilyHandle> handles = new ArrayList<>();
        DBOptions options = tuning.database();
        try {
            RocksDB db = RocksDB.open(options, directory.toString(), descriptors, handles);
            opened = new Opened(db, handles, options);
            int next = 1;
            for (Family family : Family.values()) {
                families.put(family, handles.get(next++));
            }
        } catch (RocksDBException refused) {
            options.close();
            String reason = String.valueOf(refused.getMessage());
            throw new SpoolException(reason.contains("LOCK") || reason.contains("lock hold")
                    ? "spool " + directory + " is in use by another running Mailrace"
                    : "spool " + directory + " cannot be opened: " + reason, refused);
        }
    }

    private void closeDatabase() {
        Opened now = opened;
        opened = null;
        families.clear();
        if (now != null) {
            for (ColumnFamilyHandle handle : now.handles()) {
                handle.close();
            }
            now.db().close();
            now.options().close();
        }
    }

    private void checkFormat() {
        byte[] stored = get(Family.STATE, Keys.FORMAT);
        if (stored != null) {
            long format = QueueCodec.number(stored, "format");
            if (format > FORMAT) {
                throw newer("its format is " + format + ", this version knows up to " + FORMAT);
            }
            return;
        }
        try (WriteBatch batch = new WriteBatch()) {
            batch.put(handle(Family.STATE), Keys.FORMAT, QueueCodec.number(FORMAT));
            write(batch, true);
        } catch (RocksDBException refused) {
            throw new SpoolException("spool " + directory + " cannot be written: "
                    + refused.getMessage(), refused);
        }
    }

    private SpoolException newer(String why) {
        return new SpoolException("spool " + directory + " was written by a newer Mailrace: " + why
                + ". It was not touched.");
    }

    /** Reads one chunk of a content and checks its sum. */
    byte[] chunk(long id, int index, int lengthBytes) {
        byte[] key = ByteBuffer.allocate(12).putLong(id).putInt(index).array();
        byte[] value = get(Family.CONTENT, key);
        if (value == null) {
            throw new SpoolException("content is not in the spool (chunk " + index + ")");
        }
        if (value.length != lengthBytes + RecordWriter.CRC_BYTES
                || ByteBuffer.wrap(value).getInt(lengthBytes) != RecordWriter.crc(value,
                        lengthBytes)) {
            throw new SpoolException("content is damaged (chunk " + index + ")");
        }
        return Arrays.copyOf(value, lengthBytes);
    }
}
