// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.ColumnFamilyOptions;
import org.rocksdb.CompressionType;
import org.rocksdb.DBOptions;
import org.rocksdb.Env;
import org.rocksdb.InfoLogLevel;
import org.rocksdb.LRUCache;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksObject;
import org.rocksdb.SstFileManager;
import org.rocksdb.WALRecoveryMode;

/** How RocksDB is set up for a spool. Owns the native option objects until closed. */
final class StoreOptions implements AutoCloseable {
    private static final int WRITE_BUFFERS = 3;
    /** Rows that are sorted into a small memory table stay in the processor's cache. */
    private static final long SMALL_WRITE_BUFFER = 4L << 20;
    /** What a start reads back at most, with synced commits. */
    private static final long LOGS_OF_RECORDS = 64L << 20;
    private static final long RECORD_FILE_BYTES = 16L << 20;
    private static final long MIN_BLOB_BYTES = 2048;
    private static final long BLOB_FILE_BYTES = 64L << 20;

    private final SpoolConfig config;
    private final LRUCache blockCache;
    private final BloomFilter bloom = new BloomFilter(10);
    private final ColumnFamilyOptions content;
    private final ColumnFamilyOptions records;
    private final SstFileManager files;
    private boolean saveRoom;
    private final List<RocksObject> owned = new ArrayList<>();

    StoreOptions(SpoolConfig config) {
        this.config = config;
        blockCache = new LRUCache(config.blockCache());
        try {
            // With it RocksDB notices by itself that a full disk has space again.
            files = new SstFileManager(Env.getDefault());
        } catch (RocksDBException broken) {
            throw new SpoolException("RocksDB cannot be set up", broken);
        }
        content = shared().setWriteBufferSize(config.writeBuffer())
                .setMaxWriteBufferNumber(WRITE_BUFFERS)
                // Bodies live in files of their own, so that compaction does not copy them.
                .setEnableBlobFiles(true).setMinBlobSize(MIN_BLOB_BYTES)
                .setBlobFileSize(BLOB_FILE_BYTES)
                .setBlobCompressionType(CompressionType.LZ4_COMPRESSION)
                .setEnableBlobGarbageCollection(true).setBlobGarbageCollectionAgeCutoff(0.5);
        records = shared()
                .setWriteBufferSize(Math.min(SMALL_WRITE_BUFFER, config.writeBuffer()))
                .setMaxWriteBufferNumber(WRITE_BUFFERS)
                .setMaxBytesForLevelBase(4 * RECORD_FILE_BYTES)
                .setTargetFileSizeBase(RECORD_FILE_BYTES)
                .setCompressionType(CompressionType.LZ4_COMPRESSION);
        owned.addAll(List.of(content, records, files, bloom, blockCache));
    }

    /** Recovery is not to write data files: there may be no room for them. */
    void saveRoom() {
        saveRoom = true;
    }

    boolean savesRoom() {
        return saveRoom;
    }

    /** From the next opening on. */
    void stopCompactions() {
        content.setDisableAutoCompactions(true);
        records.setDisableAutoCompactions(true);
    }

    ColumnFamilyOptions content() {
        return content;
    }

    ColumnFamilyOptions records() {
        return records;
    }

    /**
     * New options for one opening; the caller closes them.
     *
     * @param logged whether there are logs: RocksDB refuses to verify none, such as the death of a
     *        process leaves that was just making the database
     */
    DBOptions database(boolean logged) {
        boolean sync = config.durability() == SpoolConfig.Durability.SYNC;
        return (logged ? verifyingLogs() : new DBOptions()).setCreateIfMissing(true)
                .setCreateMissingColumnFamilies(true)
                .setWalRecoveryMode(WALRecoveryMode.PointInTimeRecovery)
                // A log file used again is synced without touching the file system's metadata.
                .setRecycleLogFileNum(sync ? 4 : 0)
                .setDbWriteBufferSize(WRITE_BUFFERS * config.writeBuffer())
                // Families that change seldom would keep old logs alive.
                .setMaxTotalWalSize(sync
                        ? LOGS_OF_RECORDS
                        : Math.max(4 * config.writeBuffer(), LOGS_OF_RECORDS))
                .setMaxBackgroundJobs(2).setMaxOpenFiles(512).setSstFileManager(files)
                .setBytesPerSync(1L << 20).setInfoLogLevel(InfoLogLevel.WARN_LEVEL)
                .setMaxLogFileSize(4L << 20).setKeepLogFileNum(3).setStatsDumpPeriodSec(0)
                // What is not in data files is in the logs; the spool decides itself about that.
                .setAvoidFlushDuringShutdown(true).setAvoidFlushDuringRecovery(saveRoom);
    }

    /**
     * Each log says where the one before it ended, so that recovery stops where the end of one is
     * missing instead of going on with the next: none is synced by itself. There is no setter.
     */
    private static DBOptions verifyingLogs() {
        Properties properties = new Properties();
        properties.setProperty("track_and_verify_wals", "true");
        DBOptions options = DBOptions.getDBOptionsFromProps(properties);
        if (options == null) {
            throw new SpoolException("RocksDB does not know track_and_verify_wals");
        }
        return options;
    }

    @Override
    public void close() {
        owned.forEach(RocksObject::close);
    }

    private ColumnFamilyOptions shared() {
        return new ColumnFamilyOptions().setTableFormatConfig(
                new BlockBasedTableConfig().setBlockCache(blockCache).setFilterPolicy(bloom)
                        .setCacheIndexAndFilterBlocks(true).setBlockSize(8 << 10)
                        .setFormatVersion(5));
    }
}
