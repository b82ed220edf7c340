// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.rocksdb.Checkpoint;
import org.rocksdb.ColumnFamilyDescriptor;
import org.rocksdb.ColumnFamilyHandle;
import org.rocksdb.CompactRangeOptions;
import org.rocksdb.DBOptions;
import org.rocksdb.FlushOptions;
import org.rocksdb.NativeLibraryLoader;
import org.rocksdb.Range;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.SizeApproximationFlag;
import org.rocksdb.Slice;
import org.rocksdb.Status;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The RocksDB database of one spool, and the rows that are on their way into it: whoever reads sees
 * both as one. Any thread reads; only {@code spool-commit} writes, and what waits whoever makes a
 * copy. While it is closed all that needs the database raises {@link SpoolException}: the native
 * library would crash instead. Long because all that the one lock guards is here.
 */
final class Store implements BatchSink, AutoCloseable {
    /** 2 added held and kept mail and indexes events by message in buckets, 3 the log. */
    static final int FORMAT = 3;

    /** The column families of FORMAT.md. */
    enum Family {
        CONTENT("content", true),
        ENVELOPE("envelope"),
        SCHEDULE("schedule", true),
        EVENT("event"),
        EVENT_OF("event-of"),
        HELD("held"),
        KEPT("kept"),
        STATE("state"),
        IN_LOG("in-log");

        private final String title;
        private final boolean once;

        Family(String title) {
            this(title, false);
        }

        Family(String title, boolean once) {
            this.title = title;
            this.once = once;
        }

        /** Whether a row is put once and then removed, by SingleDelete, before it is put again. */
        boolean once() {
            return once;
        }

        /** Its name on disk. */
        String title() {
            return title;
        }
    }

    /** Where chunks of contents are, or their places: a message has all of them in one. */
    static final List<Family> CONTENTS = List.of(Family.IN_LOG, Family.CONTENT);

    /** Is shown rows one by one. */
    interface Visitor {
        /** Whether to go on. */
        boolean row(byte[] key, byte[] value);
    }

    /** Is told of rows that could not be read: those between two keys. */
    interface Gaps {
        /**
         * @param after last row that could be read; empty when there was none
         * @param next first row that can be read again; empty when there is none
         */
        void gap(byte[] after, byte[] next, SpoolException why);
    }

    /** What exists only while the database is open. */
    private record Opened(RocksDB db, List<ColumnFamilyHandle> handles, DBOptions options) {}

    private static final Logger LOG = LoggerFactory.getLogger(Store.class);
    private static final byte[] NO_KEY = {};
    /** A file each database has, once it is made. */
    private static final String CURRENT = "CURRENT";
    private static final long LONG_LOG = 16L << 20;
    /** A copy to another disk takes minutes and cannot be cut short: nobody waits for its end. */
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(30);
    /** Readers wait meanwhile; the next try to reopen comes soon. */
    private static final Duration REOPEN_LIMIT = Duration.ofSeconds(1);

    static {
        loadLibrary();
    }

    private final Path directory;
    private final StoreOptions tuning;
    private final boolean readOnly;
    private final ContentSeal seal;
    private final LogFiles log;
    private final WriteOptions synced = new WriteOptions().setSync(true);
    private final WriteOptions unsynced = new WriteOptions().setSync(false);
    /** Readers share it; opening and closing take it alone. */
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private final Map<Family, ColumnFamilyHandle> families = new EnumMap<>(Family.class);
    private final Map<Family, Integer> numbers = new EnumMap<>(Family.class);
    /** Its monitor is held, too, while a reader begins. */
    private final LateRows late = new LateRows();
    /** Held by whoever brings them to the database. */
    private final ReentrantLock leaving = new ReentrantLock();
    private @Nullable Opened opened;
    /**
     * Its flag ends what compacts; its monitor is held while that changes. There is one for those
     * that begin only once it has been set, whatever to.
     */
    private final CompactRangeOptions compaction = new CompactRangeOptions().setCanceled(false);
    private volatile boolean ending;

    /** Unpacked only for the moment of loading: what a killed process left would pile up. */
    private static void loadLibrary() {
        try {
            Path unpacked = Files.createTempDirectory("mailrace-native");
            try {
                NativeLibraryLoader.getInstance().loadLibrary(unpacked.toString());
            } finally {
                Folders.remove(unpacked);
            }
        } catch (IOException refused) {
            throw new SpoolException("RocksDB's library cannot be unpacked to "
                    + System.getProperty("java.io.tmpdir") + ": " + refused, refused);
        }
        RocksDB.loadLibrary();
    }

    private Store(Path directory, SpoolConfig config, boolean readOnly) {
        this.directory = directory;
        this.readOnly = readOnly;
        seal = config.encryptionKeyFile().map(ContentSeal::ofFile).orElse(ContentSeal.PLAIN);
        tuning = new StoreOptions(config);
        log = new LogFiles(directory.resolveSibling(LogFiles.FOLDER));
    }

    /**
     * Opens the database or makes it. Raises {@link SpoolException} when another process has it,
     * its format is newer, or it is broken.
     */
    static Store open(Path directory, SpoolConfig config) {
        return open(directory, new Store(directory, config, false), true);
    }

    /** As {@link #open}, but the log beside it is another database's. */
    static Store openWithoutLog(Path directory, SpoolConfig config) {
        return open(directory, new Store(directory, config, false), false);
    }

    /** As {@link #open}, but writes as little as it can: what is in the logs stays there. */
    static Store openOnFullDisk(Path directory, SpoolConfig config) {
        Store store = new Store(directory, config, false);
        store.tuning.saveRoom();
        return open(directory, store, true);
    }

    /** As {@link #open}, but no data file is written anew: damage in one would end all writing. */
    static Store openDamaged(Path directory, SpoolConfig config) {
        Store store = new Store(directory, config, false);
        store.tuning.stopCompactions();
        return open(directory, store, true);
    }

    private static Store open(Path directory, Store store, boolean withLog) {
        try {
            Folders.make(directory);
            StoreFormat format = new StoreFormat(store);
            format.refuseUnknownFamilies();
            if (withLog && store.isToBeMade() && !store.log.slots().isEmpty()) {
                store.setLogAside();
            }
            store.openDatabase();
            format.check();
            if (withLog) {
                LogRedo.apply(store, Long.MAX_VALUE);
            }
            FormatNote.write(directory.resolveSibling(FormatNote.NAME));
            return store;
        } catch (IOException unusable) {
            store.close();
            throw new SpoolException("spool directory " + directory + " cannot be made", unusable);
        } catch (SpoolException broken) {
            store.close();
            throw broken;
        }
    }

    private void setLogAside() {
        try (DatabaseLock _ = DatabaseLock.take(directory)) {
            // another process may have made it, and its log, a moment ago
            if (isToBeMade()) {
                log.setAside();
            }
        }
    }

    /** Whether nothing of a database is there, so that opening it makes one. */
    private boolean isToBeMade() {
        if (Files.exists(directory.resolve(CURRENT))) {
            return false;
        }
        try (Stream<Path> files = Files.list(directory)) {
            if (files.anyMatch(file -> file.toString().endsWith(".log")
                    || file.toString().endsWith(".sst"))) {
                throw new SpoolException("the database in " + directory + " has lost its file "
                        + CURRENT + ": restore a backup, or move the folder away");
            }
            return true;
        } catch (IOException unreadable) {
            throw SpoolException.ofDisk("spool " + directory + " cannot be read: " + unreadable,
                    unreadable);
        }
    }

    /**
     * Opens a database for looking only; not a byte of it changes.
     *
     * @throws SpoolException when there is none, its format is another one, or it is broken
     */
    static Store openReadOnly(Path directory, SpoolConfig config) {
        if (!Files.exists(directory.resolve(CURRENT))) {
            throw new SpoolException("there is no spool in " + directory);
        }
        Store store = new Store(directory, config, true);
        try {
            StoreFormat format = new StoreFormat(store);
            format.refuseUnknownFamilies();
            format.refuseMissingFamilies();
            store.openDatabase();
            format.refuseOther();
            return store;
        } catch (SpoolException broken) {
            store.close();
            throw broken;
        }
    }

    @Override
    public void write(WriteBatch batch, boolean sync) throws RocksDBException {
        lock.readLock().lock();
        try {
            writeLate();
            current().db().write(sync ? synced : unsynced, batch);
        } finally {
            lock.readLock().unlock();
        }
    }

    @Override
    public void later(Rows rows, long before, long number) {
        late.take(rows, before, number);
    }

    @Override
    public long lateBytes() {
        return late.bytes();
    }

    @Override
    public void writeLate() throws RocksDBException {
        lock.readLock().lock();
        leaving.lock();
        try {
            Opened now = current();
            if (late.bytes() > 0) {
                writeAll(now);
            }
        } finally {
            leaving.unlock();
            lock.readLock().unlock();
        }
    }

    private void writeAll(Opened now) throws RocksDBException {
        boolean written = false;
        Rows rows = late.leave();
        try (WriteBatch batch = new WriteBatch(rows.serialized(this::number))) {
            now.db().write(unsynced, batch);
            written = true;
        } finally {
            if (written) {
                late.left();
            } else {
                late.stays();
            }
        }
    }

    @Override
    public void sync() throws RocksDBException {
        lock.readLock().lock();
        try {
            writeLate();
            current().db().syncWal();
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Writes a batch of the log as it is, whatever else is on its way. */
    void redo(WriteBatch batch) throws RocksDBException {
        lock.readLock().lock();
        try {
            current().db().write(unsynced, batch);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Brings what {@link #redo} wrote to the disk. */
    void redone() throws RocksDBException {
        lock.readLock().lock();
        try {
            current().db().syncWal();
        } finally {
            lock.readLock().unlock();
        }
    }

    @Override
    public void stopCompactions() {
        tuning.stopCompactions();
    }

    /*
     * Where the database stands before all rows that wait, they are written: that is all or
     * nothing. Elsewhere only the log can bring it to where they belong; between two batches they
     * must not be laid over it, nor be read with it.
     */
    @Override
    public void reopen(long newest) {
        cancelCompaction(true);
        boolean alone = takeAlone(REOPEN_LIMIT);
        cancelCompaction(ending);
        if (!alone) {
            throw new SpoolException("the database is read, or copied, and cannot be reopened yet");
        }
        boolean whole = false;
        try {
            closeDatabase();
            openDatabase();
            boolean before = late.bytes() > 0 && progress().batch() == late.after();
            whole = before;
            if (before) {
                writeLate();
                whole = false;
            } else {
                LogRedo.apply(this, newest);
            }
            long found = progress().batch();
            if (found < newest) {
                throw new SpoolException("the database has lost the batches behind " + found
                        + ", and the log does not have them");
            }
            late.clear();
            whole = true;
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk("spool cannot be written: " + refused.getMessage(),
                    refused);
        } finally {
            if (!whole) {
                closeDatabase();
            }
            lock.writeLock().unlock();
        }
    }

    @Override
    public boolean takesFiles() {
        Path probe = directory.resolveSibling("probe");
        try {
            Files.write(probe, new byte[4096], StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE, StandardOpenOption.SYNC);
            Files.delete(probe);
            return true;
        } catch (IOException refused) {
            return false;
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
            synchronized (late) {
                LateRows.Row newer = late.find(family, key);
                if (newer != null) {
                    return newer.value;
                }
            }
            return current().db().get(handle(family), key);
        } catch (RocksDBException unreadable) {
            throw unreadable(unreadable);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Shows the rows from {@code from} (included) to {@code to} (excluded) in order. */
    void scan(Family family, byte[] from, byte[] to, Visitor visitor) {
        lock.readLock().lock();
        try (Slice bound = new Slice(to);
                ReadOptions options = new ReadOptions().setIterateUpperBound(bound);
                Walk walk = walk(family, from, to, options, visitor)) {
            RocksIterator rows = walk.rows;
            rows.seek(from);
            while (rows.isValid()) {
                if (!walk.all.row(rows.key(), rows.value())) {
                    return;
                }
                rows.next();
            }
            rows.status();
            walk.all.end();
        } catch (RocksDBException unreadable) {
            throw unreadable(unreadable);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Rows of the database as they are now, and how to show those that are newer among them. */
    private record Walk(RocksIterator rows, NewerRows all) implements AutoCloseable {
        @Override
        public void close() {
            rows.close();
        }
    }

    private Walk walk(Family family, byte[] from, byte[] to, ReadOptions options,
            Visitor visitor) {
        synchronized (late) {
            return new Walk(current().db().newIterator(handle(family), options),
                    new NewerRows(late.between(family, from, to), visitor));
        }
    }

    /**
     * As {@link #scan}, but goes on behind rows that are damaged.
     *
     * @throws SpoolException when the disk does not answer
     */
    void scanAround(Family family, byte[] from, byte[] to, Visitor visitor, Gaps gaps) {
        lock.readLock().lock();
        try (Slice bound = new Slice(to);
                ReadOptions options = new ReadOptions().setIterateUpperBound(bound);
                Walk walk = walk(family, from, to, options, visitor)) {
            RocksIterator rows = walk.rows;
            byte[] last = NO_KEY;
            rows.seek(from);
            while (true) {
                while (rows.isValid()) {
                    last = rows.key();
                    if (!walk.all.row(last, rows.value())) {
                        return;
                    }
                    rows.next();
                }
                SpoolException damage = damage(rows);
                if (damage == null) {
                    walk.all.end();
                    return;
                }
                DamagedRange range = new DamagedRange(last.length == 0 ? from : last);
                byte[] next = range.firstReadable(key -> readable(family, options, key));
                gaps.gap(last, next, damage);
                if (next.length == 0 || !seeks(rows, next)) {
                    walk.all.end();
                    return;
                }
            }
        } finally {
            lock.readLock().unlock();
        }
    }

    /**
     * With an iterator of its own: one that has met damage takes the block it read before that for
     * damaged, too, so it would not come back to the rows behind the gap.
     */
    private boolean readable(Family family, ReadOptions options, byte[] key) {
        try (RocksIterator rows = current().db().newIterator(handle(family), options)) {
            return seeks(rows, key);
        }
    }

    private static boolean seeks(RocksIterator rows, byte[] key) {
        rows.seek(key);
        return rows.isValid() || damage(rows) == null;
    }

    /** Why the iterator stopped; null when it came to the end. */
    private static @Nullable SpoolException damage(RocksIterator rows) {
        try {
            rows.status();
            return null;
        } catch (RocksDBException stopped) {
            SpoolException why = unreadable(stopped);
            if (why.mayPass()) {
                throw why;
            }
            return why;
        }
    }

    /** Only what RocksDB calls corrupt is damage; the disk may answer another time. */
    private static SpoolException unreadable(RocksDBException refused) {
        Status status = refused.getStatus();
        String text = "spool cannot be read: " + refused.getMessage();
        return status != null && status.getCode() == Status.Code.Corruption
                ? new SpoolException(text + "; \"mailrace spool check --repair\" on the stopped"
                        + " spool mends what can be", refused)
                : SpoolException.ofDisk(text, refused);
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

    /** About how many bytes of data files and memory the rows take. */
    long approximateBytes(Family family, byte[] from, byte[] to) {
        lock.readLock().lock();
        try (Slice first = new Slice(from); Slice end = new Slice(to)) {
            long[] sizes = current().db().getApproximateSizes(handle(family),
                    List.of(new Range(first, end)), SizeApproximationFlag.INCLUDE_FILES,
                    SizeApproximationFlag.INCLUDE_MEMTABLES);
            return sizes[0];
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Bytes of data files and blob files of a family. */
    long fileBytes(Family family) {
        lock.readLock().lock();
        try {
            return current().db().getLongProperty(handle(family),
                    "rocksdb.total-sst-files-size")
                    + current().db().getLongProperty(handle(family),
                            "rocksdb.total-blob-file-size");
        } catch (RocksDBException unknown) {
            throw unreadable(unknown);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Removes data files that hold only rows of a range which was deleted before. */
    void dropFiles(Family family, byte[] from, byte[] to) {
        lock.readLock().lock();
        try {
            current().db().deleteFilesInRanges(handle(family), List.of(from, to), false);
        } catch (RocksDBException refused) {
            throw unreadable(refused);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Makes a copy of the database, consistent at one moment; a folder that is not there yet. */
    void checkpoint(Path target) {
        lock.readLock().lock();
        try (Checkpoint checkpoint = Checkpoint.create(current().db())) {
            refuseWhileEnding();
            writeLate();
            checkpoint.createCheckpoint(target.toString());
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk("no copy could be made: " + refused.getMessage(), refused);
        } finally {
            lock.readLock().unlock();
        }
    }

    /**
     * Frees the room of removed rows now instead of when enough has been written. Blocks.
     *
     * @throws SpoolException also when it is cut short, since the database is closed or reopened
     */
    void compact(Family family) {
        lock.readLock().lock();
        try {
            refuseWhileEnding();
            current().db().compactRange(handle(family), null, null, compaction);
        } catch (RocksDBException refused) {
            refuseWhileEnding();
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
            throw SpoolException.closed();
        }
        return handle;
    }

    /** The number under which the database knows a family. */
    int number(Family family) {
        Integer number = numbers.get(family);
        if (number == null) {
            throw SpoolException.closed();
        }
        return number;
    }

    Path directory() {
        return directory;
    }

    /** Writes what the logs hold to data files when it is much: the next start reads it back. */
    void settleLogs() {
        if (unwrittenBytes() < LONG_LOG) {
            return;
        }
        lock.readLock().lock();
        try (FlushOptions now = new FlushOptions().setWaitForFlush(true)) {
            writeLate();
            current().db().flush(now, List.copyOf(families.values()));
        } catch (RocksDBException refused) {
            // Then the next start reads the logs.
            throw SpoolException.ofDisk("logs not settled: " + refused.getMessage(), refused);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Ends a compaction, and lets no other begin, nor a copy: the database is to be closed. */
    void endTasks() {
        ending = true;
        cancelCompaction(true);
    }

    private void refuseWhileEnding() {
        if (ending) {
            throw SpoolException.closed();
        }
    }

    private void cancelCompaction(boolean cancel) {
        synchronized (compaction) {
            if (compaction.isOwningHandle()) {
                compaction.setCanceled(cancel || ending);
            }
        }
    }

    /** An interrupt is kept for whoever called, and begins the wait anew. */
    private boolean takeAlone(Duration limit) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return lock.writeLock().tryLock(limit.toNanos(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException hurry) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void close() {
        if (!close(CLOSE_LIMIT)) {
            LOG.warn("the database is left open: it is still copied or read directory={}",
                    directory);
        }
    }

    /**
     * Closes the database unless somebody needs it for longer. Left open it is as after the death
     * of the process, which is to follow: what was synced is there, and a start reads the logs.
     *
     * @return whether it is closed
     */
    boolean close(Duration limit) {
        endTasks();
        if (!takeAlone(limit)) {
            return false;
        }
        try {
            closeDatabase();
            log.close();
            tuning.close();
            synced.close();
            unsynced.close();
            synchronized (compaction) {
                compaction.close();
            }
        } finally {
            lock.writeLock().unlock();
        }
        return true;
    }

    private Opened current() {
        Opened now = opened;
        if (now == null) {
            throw SpoolException.closed();
        }
        return now;
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
        DBOptions options = tuning.database(hasLogs());
        try {
            RocksDB db = readOnly
                    ? RocksDB.openReadOnly(options, directory.toString(), descriptors, handles)
                    : RocksDB.open(options, directory.toString(), descriptors, handles);
            opened = new Opened(db, handles, options);
            syncLogsLeftAlone();
            int next = 1;
            for (Family family : Family.values()) {
                ColumnFamilyHandle handle = handles.get(next++);
                families.put(family, handle);
                numbers.put(family, handle.getID());
            }
        } catch (RocksDBException refused) {
            options.close();
            String reason = String.valueOf(refused.getMessage());
            throw new SpoolException(reason.contains("LOCK") || reason.contains("lock hold")
                    ? "spool " + directory + " is in use by another running Mailrace"
                    : "spool " + directory + " cannot be opened: " + reason, refused);
        }
    }

    private boolean hasLogs() {
        if (!Files.isDirectory(directory)) {
            return false;
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.anyMatch(path -> path.toString().endsWith(".log"));
        } catch (IOException unreadable) {
            throw SpoolException.ofDisk("spool " + directory + " cannot be read: " + unreadable,
                    unreadable);
        }
    }

    /** What recovery did not write to data files is in logs that nobody would sync any more. */
    private void syncLogsLeftAlone() {
        if (!tuning.savesRoom()) {
            return;
        }
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".log")).toList()) {
                Folders.sync(file);
            }
        } catch (IOException refused) {
            throw SpoolException.ofDisk("logs of the database cannot be synced: " + refused,
                    refused);
        }
    }

    private void closeDatabase() {
        Opened now = opened;
        opened = null;
        families.clear();
        numbers.clear();
        if (now != null) {
            for (ColumnFamilyHandle handle : now.handles()) {
                handle.close();
            }
            now.db().close();
            now.options().close();
        }
    }

    /**
     * Prepares the copy of a database: what its log has behind the copied batches is not taken for
     * newer than the database, for other slots of that log are as they were before.
     *
     * @return the slots it needs
     */
    static Set<Integer> cutOffLog(Path directory, SpoolConfig config) {
        Store copy = new Store(directory, config, false);
        try {
            copy.openDatabase();
            LogRedo.leave(copy);
            return SpoolLog.stored(copy).keySet();
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk("copy cannot be written: " + refused.getMessage(),
                    refused);
        } finally {
            copy.close();
        }
    }

    /** How far the database has come, whatever is on its way into it. */
    Progress progress() {
        lock.readLock().lock();
        try {
            byte[] stored = current().db().get(handle(Family.STATE), Keys.PROGRESS);
            return stored == null ? Progress.NONE : Progress.decode(stored);
        } catch (RocksDBException unreadable) {
            throw unreadable(unreadable);
        } finally {
            lock.readLock().unlock();
        }
    }

    LogFiles log() {
        return log;
    }

    ContentSeal seal() {
        return seal;
    }
}
