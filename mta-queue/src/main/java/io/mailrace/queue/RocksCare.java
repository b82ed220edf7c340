// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What operators do to the running spool. Any thread; see {@link SpoolCare} for what blocks. */
final class RocksCare implements SpoolCare {
    private static final Logger LOG = LoggerFactory.getLogger(RocksCare.class);
    private static final long COMPACT_PAUSE_SECONDS = 60;
    /** Below this nobody minds what removed contents still take. */
    private static final long LITTER_BYTES = 64L << 20;

    private final Store store;
    private final SpoolLog log;
    private final FreshContents fresh;
    private final QueueTable queues;
    private final Journal journal;
    private final Admission admission;
    private final CommitThread commits;
    private final SpoolMeters meters;
    private final SpoolConfig config;
    private final AtomicLong compactedNanos = new AtomicLong();
    private final AtomicBoolean compacting = new AtomicBoolean();

    RocksCare(SpoolParts parts, Admission admission, CommitThread commits) {
        store = parts.store();
        log = parts.log();
        fresh = parts.fresh();
        queues = parts.queues();
        journal = parts.journal();
        meters = parts.meters();
        config = parts.config().spool();
        this.admission = admission;
        this.commits = commits;
        compactedNanos.set(parts.time().nanos());
    }

    @Override
    public Statistics statistics() {
        Map<String, Long> families = new LinkedHashMap<>();
        for (Store.Family family : Store.Family.values()) {
            families.put(family.title(), store.fileBytes(family));
        }
        families.put(LogFiles.FOLDER, log.sizeBytes());
        long[] quarantined = {0};
        store.scan(Store.Family.STATE, Keys.kind(Keys.QUARANTINE), Keys.kind(Keys.QUARANTINE + 1),
                (key, value) -> {
                    quarantined[0]++;
                    return true;
                });
        return new Statistics(queues.waiting(), queues.held(), queues.taken(), queues.size(),
                commits.liveBytes(), commits.keptBytes(), admission.sizeBytes(),
                admission.freeBytes(), admission.freeInodes(), journal.oldest(),
                journal.newest(), quarantined[0], meters.lostBatches(), queues.damaged(),
                families);
    }

    @Override
    public synchronized void backup(Path directory) {
        Path db = directory.resolve("db");
        try {
            if (!directory.isAbsolute()) {
                throw new SpoolException("a backup needs an absolute path: " + directory);
            }
            Folders.make(directory);
            try (Stream<Path> inside = Files.list(directory)) {
                if (inside.findAny().isPresent()) {
                    throw new SpoolException("a backup needs a new folder: " + directory
                            + " is not empty");
                }
            }
        } catch (IOException refused) {
            throw SpoolException.ofDisk("no backup in " + directory + ": " + refused, refused);
        }
        Path logs = directory.resolve(LogFiles.FOLDER);
        log.pin();
        try {
            store.checkpoint(db);
            Set<Integer> slots = Store.cutOffLog(db, config);
            log.pin(slots);
            store.log().copy(slots, logs);
            syncAll(db);
            Folders.sync(directory);
        } catch (SpoolException | IOException | UncheckedIOException failed) {
            Folders.remove(db);
            Folders.remove(logs);
            throw failed instanceof SpoolException known
                    ? known
                    : SpoolException.ofDisk("no backup in " + directory + ": " + failed, failed);
        } finally {
            log.unpin();
        }
        LOG.info("backup made directory={}", directory);
    }

    private static void syncAll(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Folders.sync(file);
            }
        }
        Folders.sync(folder);
    }

    @Override
    public void compact() {
        for (Store.Family family : Store.Family.values()) {
            store.compact(family);
        }
    }

    /**
     * Frees the room of removed contents when it is worth it: when nothing waits any more, or when
     * they take several times what lives.
     *
     * @param nowNanos at most one compaction a minute
     */
    void tidy(long nowNanos) {
        long files = store.fileBytes(Store.Family.CONTENT);
        long living = commits.liveBytes() + commits.keptBytes() - log.liveBytes();
        boolean worth = files > LITTER_BYTES && files > 2 * living
                && (queues.waiting() == 0 || files > 4 * living + 16 * LITTER_BYTES);
        if (worth) {
            freeRoom(nowNanos);
        }
    }

    /** The disk is short of room: frees what can be freed, at most once a minute. */
    void freeRoom(long nowNanos) {
        long before = compactedNanos.get();
        // one at a time: each keeps a thread that reads, perhaps for minutes
        if (nowNanos - before >= COMPACT_PAUSE_SECONDS * 1_000_000_000L
                && compacting.compareAndSet(false, true)) {
            try {
                compactedNanos.set(nowNanos);
                store.compact(Store.Family.CONTENT);
            } finally {
                compacting.set(false);
            }
        }
    }

    @Override
    public Optional<Content> content(SpoolId id) {
        long size = sizeOf(id);
        if (size < 0) {
            return Optional.empty();
        }
        boolean there = size == 0 || StoredChunk.isThere(store, id);
        return there
                ? Optional.of(new StoredContent(store, fresh, id.value(), size))
                : Optional.empty();
    }

    /** Negative when nothing is known of the message. */
    private long sizeOf(SpoolId id) {
        long[] size = {-1};
        store.scan(Store.Family.ENVELOPE, Keys.ofMessage(id.value()),
                Keys.ofMessage(id.value() + 1), (key, value) -> {
                    size[0] = EnvelopeCodec.sizeBytes(value);
                    return false;
                });
        if (size[0] >= 0) {
            return size[0];
        }
        List<EventJournal.Recorded> events = journal.ofMessage(id, 1).events();
        return events.isEmpty() || !(events.getFirst().event() instanceof Event.Received received)
                ? -1
                : received.sizeBytes();
    }
}
