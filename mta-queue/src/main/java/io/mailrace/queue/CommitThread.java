// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.Status;
import org.rocksdb.WriteBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread {@code spool-commit}: the only one that changes what is stored; copies of old mail
 * ({@link LogSweep}) count once it says so. Takes what waits,
 * at most {@value #MAX_OPERATIONS} operations or about {@value #MAX_BYTES} bytes, writes it as
 * one batch, syncs once, then changes memory and tells everybody. What waits is bounded by its
 * senders: one chunk or message for each session, one settlement for each taken envelope.
 * Long because the order of log, memory and database, and the way back when one refuses, are one.
 */
final class CommitThread implements AutoCloseable {
    /*
     * Synced batches go to the log and wait for the database a while (LateRows): most rows of mail
     * that is delivered at once are gone by then. The log has them until the database has.
     *
     * When the disk refuses a batch: messages not yet acknowledged fail at once and their clients
     * come again; what is about acknowledged mail (settlements) is kept and written first when the
     * disk takes writes again. Its listeners wait so long, so delivery comes to rest by itself
     * instead of sending the same mail again and again. RocksDB stays read-only after most errors:
     * a plain write is tried each second, and the database is reopened when that does not help. A
     * failed write may be on disk all the same (the sync failed, not the write): the number of the
     * batch the database has after reopening tells, and if it is one of those that failed, that
     * counts as committed.
     *
     * Damage found by a compaction makes RocksDB read-only too, again after each reopening. Mail
     * goes on all the same: the database is opened without compactions until it is repaired.
     */
    private static final Logger LOG = LoggerFactory.getLogger(CommitThread.class);
    static final int MAX_OPERATIONS = 256;
    static final int MAX_BYTES = 4 << 20;
    private static final int RECORD_OVERHEAD = 512;
    /**
     * Nobody waits for a settlement, but whoever sends mail waits for the sync that it would begin:
     * so long others may come and share it.
     */
    private static final long LINGER_NANOS = TimeUnit.MICROSECONDS.toNanos(250);
    /** So long, or until so much waits, the database comes after the log: see {@link LateRows}. */
    private static final long LATE_NANOS = Duration.ofSeconds(1).toNanos();
    private static final int LATE_BYTES = 1 << 20;
    private static final long IDLE_MILLIS = 1000;
    private static final long BROKEN_PAUSE_MILLIS = 100;
    private static final long RETRY_NANOS = Duration.ofSeconds(1).toNanos();
    private static final int WRITES_BEFORE_REOPEN = 5;
    /** Reopening on a full or read-only disk would fail and end reading too. */
    private static final long FREE_FOR_REOPEN = 16L << 20;
    private static final int MAX_BACKOFF = 10;
    private static final int MAX_ATTEMPTS = 32;

    private final LinkedBlockingQueue<Operation> input = new LinkedBlockingQueue<>();
    /** Contents that are live though their commit was reported as failed; at most a batch full. */
    private final Set<SpoolId> revived = new HashSet<>();
    private final Thread thread = new Thread(this::run, "spool-commit");
    private final SpoolParts parts;
    private final TimeSource time;
    private final BatchSink sink;
    private final MessageCounts counts;
    private final SpoolLog log;
    private final boolean syncEach;
    private final long syncIntervalNanos;

    private final Deque<Operation> kept = new ArrayDeque<>();
    private long batchNumber;
    /** The newest that is in the database, or in the log and on its way there. */
    private long committedNumber;
    /** Whether the database has a batch of this run on its disk: from there the log goes on. */
    private boolean anchored;
    private long newestEvent;
    private int nextQueueNumber;
    private long unsyncedSinceNanos;
    private boolean unsynced;
    private final boolean late;
    private long lateSinceNanos;
    /** Batches the database may have though it refused them. */
    private final List<Batch> attempts = new ArrayList<>();
    private int failedTries;
    private boolean databaseFailed;
    private boolean damaged;
    private long liveBytes;
    private long keptBytes;
    private volatile long liveBytesNow;
    private volatile long keptBytesNow;
    private long nextTryNanos;
    private boolean stopping;
    private volatile String brokenWhy = "";
    private volatile int failures;
    private volatile long askedNanos;
    private volatile boolean asking;
    private volatile long turnedNanos;
    private volatile boolean closed;
    private volatile boolean lingering;

    /** @param late whether the database may come after the log */
    CommitThread(SpoolParts parts, BatchSink sink, Progress stored, boolean late) {
        this.parts = parts;
        this.sink = sink;
        time = parts.time();
        counts = new MessageCounts(parts.store());
        SpoolConfig config = parts.config().spool();
        syncEach = config.durability() == SpoolConfig.Durability.SYNC;
        syncIntervalNanos = config.asyncSyncInterval().toNanos();
        this.late = late && syncEach;
        log = parts.log();
        batchNumber = stored.batch();
        committedNumber = batchNumber;
        newestEvent = stored.newestEvent();
        nextQueueNumber = stored.nextQueueNumber();
        liveBytes = stored.liveBytes();
        keptBytes = stored.keptBytes();
        liveBytesNow = liveBytes;
        keptBytesNow = keptBytes;
        turnedNanos = time.nanos();
        thread.setDaemon(true);
        thread.setUncaughtExceptionHandler((self, error) -> {
            LOG.error("commit thread has died", error);
            brokenWhy = "the commit thread has died: " + error;
            closed = true;
        });
    }

    void start() {
        turnedNanos = time.nanos();
        thread.start();
    }

    /** Hands an operation over. Any thread; does not block. */
    void submit(Operation operation) {
        input.add(operation);
        if (lingering && !(operation instanceof Operation.Settle)) {
            LockSupport.unpark(thread);
        }
        if (closed && input.remove(operation)) {
            CommitNews.tell(List.of(operation), new SpoolException("spool is closed"));
        }
    }

    /** Why nothing can be written at the moment; empty when all is well. */
    String brokenWhy() {
        return brokenWhy;
    }

    /** How often the disk refused a write since the start. */
    int failures() {
        return failures;
    }

    int waiting() {
        return input.size();
    }

    /** For how long the disk has not answered what was asked of it; 0 when nothing is asked. */
    long stalledNanos() {
        return asking ? Math.max(0, time.nanos() - askedNanos) : 0;
    }

    /**
     * For how long the thread has not come around, whatever holds it or ended it; about a second
     * when it has nothing to do.
     */
    long silentNanos() {
        return Math.max(0, time.nanos() - turnedNanos);
    }

    /** Bytes of contents of mail that waits, as committed. */
    long liveBytes() {
        return liveBytesNow;
    }

    /** Bytes of contents kept after their mail was settled, as committed. */
    long keptBytes() {
        return keptBytesNow;
    }

    /** Commits what was handed over and ends. */
    @Override
    public void close() {
        input.add(new Operation.Stop());
        try {
            thread.join();
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
        closed = true;
        List<Operation> late = new ArrayList<>();
        input.drainTo(late);
        late.addAll(kept);
        kept.clear();
        CommitNews.tell(late, new SpoolException("spool is closed"));
    }

    @SuppressWarnings("CatchingUnchecked")
    private void run() {
        while (!stopping
                || (brokenWhy.isEmpty() && !(input.isEmpty() && kept.isEmpty()))) {
            turnedNanos = time.nanos();
            try {
                List<Operation> operations = collect();
                asksDisk();
                if (!brokenWhy.isEmpty()) {
                    whileBroken(operations);
                } else if (!operations.isEmpty()) {
                    commit(operations);
                }
                writeLateIfDue();
                syncIfDue();
            } catch (Exception unexpected) {
                LOG.error("commit thread failed, going on", unexpected);
            } finally {
                // in this order, or for a moment it would seem to hang in something else
                turnedNanos = time.nanos();
                asking = false;
            }
        }
        asksDisk();
        sync();
        asking = false;
    }

    /** From here to the end of the turn it is the disk that may keep the thread. */
    private void asksDisk() {
        askedNanos = time.nanos();
        asking = true;
    }

    /** What goes into the next batch; empty when nothing came for a while. */
    private List<Operation> collect() throws InterruptedException {
        List<Operation> operations = new ArrayList<>();
        int bytes = 0;
        while (brokenWhy.isEmpty() && !kept.isEmpty() && operations.size() < MAX_OPERATIONS) {
            operations.add(kept.remove());
        }
        Operation next = operations.isEmpty()
                ? input.poll(pauseMillis(), TimeUnit.MILLISECONDS)
                : input.peek() instanceof Operation.DropQueue ? null : input.poll();
        boolean settled = true;
        boolean lingered = false;
        while (next != null) {
            stopping |= next instanceof Operation.Stop;
            settled &= next instanceof Operation.Settle;
            operations.add(next);
            bytes += next.bytes() + RECORD_OVERHEAD;
            if (settled && !lingered && input.isEmpty()) {
                lingered = true;
                linger();
            }
            boolean full = operations.size() >= MAX_OPERATIONS || bytes >= MAX_BYTES;
            next = full || !together(next, input.peek()) ? null : input.poll();
        }
        return operations;
    }

    /** Until somebody comes who waits, at most so long. */
    private void linger() {
        lingering = true;
        if (input.isEmpty()) {
            LockSupport.parkNanos(LINGER_NANOS);
        }
        lingering = false;
    }

    /** A queue is only dropped when nothing else of the same batch can use it. */
    private static boolean together(Operation one, @Nullable Operation other) {
        return one instanceof Operation.DropQueue == other instanceof Operation.DropQueue;
    }

    private long pauseMillis() {
        if (!brokenWhy.isEmpty()) {
            return stopping ? 0 : BROKEN_PAUSE_MILLIS;
        }
        if (unsynced) {
            return millisUntil(unsyncedSinceNanos + syncIntervalNanos);
        }
        return sink.lateBytes() > 0 ? millisUntil(lateSinceNanos + LATE_NANOS) : IDLE_MILLIS;
    }

    private long millisUntil(long nanos) {
        return Math.clamp((nanos - time.nanos()) / 1_000_000, 0, IDLE_MILLIS);
    }

    private void commit(List<Operation> operations) {
        long begun = time.nanos();
        Batch batch;
        try {
            batch = build(operations);
        } catch (SpoolException refused) {
            broken(null, refused);
            keepOrFail(operations, refused);
            return;
        }
        try {
            write(batch);
        } catch (RocksDBException | RuntimeException refused) {
            broken(batch, refused);
            return;
        }
        committed(batch);
        operations.forEach(this::forgetRevived);
        parts.meters().committed(batch.operations().size(), batch.acceptedMails(),
                time.nanos() - begun);
    }

    /**
     * An operation that cannot even be put into a batch is a bug: it fails alone.
     *
     * @param operations those that fail are told and taken out: nobody may tell them again
     */
    private Batch build(List<Operation> operations) {
        turnIfFull();
        while (true) {
            Batch batch = new Batch(parts.store(), new Batch.BatchLog(log, syncEach), this::queue,
                    counts, newestEvent);
            Operation bad = addAll(batch, operations);
            if (bad == null) {
                return batch;
            }
            counts.forget();
            operations.remove(bad);
        }
    }

    /** What the log holds so far is in the database and on its disk before another slot is used. */
    private void turnIfFull() {
        if (syncEach && log.isFull()) {
            syncDatabase();
            Set<Integer> perhaps = new HashSet<>();
            attempts.forEach(batch -> perhaps.add(batch.mark().slot()));
            log.turn(batchNumber + 1, committedNumber, perhaps);
        }
    }

    private void syncDatabase() {
        asksDisk();
        try {
            sink.sync();
        } catch (RocksDBException refused) {
            throw SpoolException.ofDisk(String.valueOf(refused.getMessage()), refused);
        }
    }

    /** What is to be done to slots before the batch is written. */
    private void prepare(Operation operation) {
        if (operation instanceof Operation.TrimLog trim) {
            // one that waited may find that another did it
            if (log.hasSpare(trim.keep())) {
                syncDatabase();
                log.trim(trim.keep());
            }
        } else if (operation instanceof Operation.TakeSlot take) {
            syncDatabase();
            take.slot().set(log.takeForOldMail(take.lastRefused()));
        }
    }

    @SuppressWarnings("CatchingUnchecked")
    private @Nullable Operation addAll(Batch batch, List<Operation> operations) {
        for (Operation operation : operations) {
            if (operation instanceof Operation.Discard late && revived.contains(late.id())) {
                continue;
            }
            if (operation instanceof Operation.Accept accept && accept.mail().firstChunk() > 0
                    && accept.failuresBefore() != failures) {
                CommitNews.tell(List.of(operation),
                        new SpoolException("its first chunks may be lost"));
                return operation;
            }
            try {
                prepare(operation);
                batch.add(operation);
            } catch (SpoolException closed) {
                throw closed;
            } catch (Exception unexpected) {
                LOG.error("operation cannot be written kind={}",
                        operation.getClass().getSimpleName(), unexpected);
                CommitNews.tell(List.of(operation),
                        new SpoolException("cannot be written", unexpected));
                return operation;
            }
        }
        return null;
    }

    private void write(Batch batch) throws RocksDBException {
        SpoolClock clock = parts.clock();
        boolean sync = syncEach && batch.mustSync();
        long now = clock.now();
        Progress.LogMark mark = syncEach ? log.mark() : log.noMark();
        Rows rows = batch.seal(new Progress(++batchNumber, batch.newestEvent(), now,
                parts.ids().newest(), clock.steppedAt(), clock.stepMillis(), nextQueueNumber,
                liveBytes + batch.liveBytes(), keptBytes + batch.keptBytes(),
                mark));
        batch.written(batchNumber, mark);
        byte[] changes = rows.serialized(parts.store()::number);
        asksDisk();
        if (syncEach) {
            log.commit(batchNumber, committedNumber, changes, sync);
        }
        if (late && anchored && !rows.hasRanges()) {
            if (sink.lateBytes() == 0) {
                lateSinceNanos = time.nanos();
            }
            sink.later(rows, committedNumber, batchNumber);
        } else {
            try (WriteBatch whole = new WriteBatch(changes)) {
                sink.write(whole, syncEach && !anchored);
            }
        }
        anchored = true;
        if (sync) {
            parts.walWatch().committed(batchNumber);
        } else if (!syncEach && !unsynced) {
            unsynced = true;
            unsyncedSinceNanos = time.nanos();
        }
    }

    @SuppressWarnings("CatchingUnchecked")
    private void committed(Batch batch) {
        newestEvent = batch.newestEvent();
        countBytes(batch);
        try {
            batch.publish(parts.fresh(), parts.queues(), log);
        } catch (Exception unexpected) {
            // It is on disk, so whatever went wrong here must not look like a failed write.
            LOG.error("batch not published", unexpected);
        }
        parts.journal().published(newestEvent);
        CommitNews.tell(batch.operations(), null);
        if (batch.hasEvents()) {
            parts.journal().tellReaders();
        }
    }

    private void countBytes(Batch batch) {
        committedNumber = batch.number();
        liveBytes += batch.liveBytes();
        keptBytes += batch.keptBytes();
        liveBytesNow = liveBytes;
        keptBytesNow = keptBytes;
    }

    private void writeLateIfDue() {
        long bytes = sink.lateBytes();
        if (!brokenWhy.isEmpty() || (bytes < LATE_BYTES
                && (bytes == 0 || time.nanos() - lateSinceNanos < LATE_NANOS))) {
            return;
        }
        asksDisk();
        try {
            sink.writeLate();
        } catch (RocksDBException | SpoolException refused) {
            broken(null, refused);
        }
    }

    private void syncIfDue() {
        if (unsynced && time.nanos() - unsyncedSinceNanos >= syncIntervalNanos) {
            sync();
        }
    }

    private void sync() {
        unsynced = false;
        asksDisk();
        try {
            sink.sync();
            parts.walWatch().committed(committedNumber);
        } catch (RocksDBException | SpoolException refused) {
            broken(null, refused);
        }
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private void broken(@Nullable Batch batch, Exception refused) {
        counts.forget();
        if (brokenWhy.isEmpty()) {
            failedTries = 0;
            LOG.error("spool cannot be written reason=\"{}\"", refused.getMessage());
        }
        parts.meters().writeFailed();
        failures = failures + 1;
        // The next batch is synced in the database too: the log may end before this one.
        anchored = false;
        RocksDBException rocks = ofDatabase(refused);
        databaseFailed |= rocks != null;
        if (rocks != null && isDamage(rocks)) {
            if (!damaged) {
                LOG.error("files of the spool are damaged: they are not compacted any more; stop"
                        + " Mailrace and run: mailrace spool check --repair");
            }
            damaged = true;
            failedTries = WRITES_BEFORE_REOPEN;
        }
        brokenWhy = "spool cannot be written: " + refused.getMessage();
        nextTryNanos = time.nanos() + RETRY_NANOS * Math.min(MAX_BACKOFF, 1 + failedTries);
        if (batch == null) {
            return;
        }
        keepOrFail(batch.operations(), new SpoolException(brokenWhy, refused));
        failed(batch);
    }

    private void failed(Batch batch) {
        if (attempts.size() == MAX_ATTEMPTS) {
            attempts.removeLast();
        }
        attempts.add(batch);
    }

    /** Null when it was not the database that refused. */
    private static @Nullable RocksDBException ofDatabase(Exception refused) {
        if (refused instanceof RocksDBException rocks) {
            return rocks;
        }
        return refused.getCause() instanceof RocksDBException cause ? cause : null;
    }

    /** New mail fails at once; what concerns acknowledged mail waits for better times. */
    private void keepOrFail(List<Operation> operations, SpoolException why) {
        List<Operation> failed = new ArrayList<>();
        for (Operation operation : operations) {
            (operation.isKept() ? kept : failed).add(operation);
        }
        CommitNews.tell(failed, why);
    }

    private void whileBroken(List<Operation> operations) {
        keepOrFail(operations, new SpoolException(brokenWhy));
        if (time.nanos() - nextTryNanos >= 0) {
            tryAgain();
        }
    }

    private void tryAgain() {
        List<Operation> first = new ArrayList<>();
        Batch batch = null;
        try {
            if (++failedTries >= WRITES_BEFORE_REOPEN && databaseFailed
                    && sink.freeBytes() >= FREE_FOR_REOPEN && sink.takesFiles()) {
                reopen();
            }
            while (!kept.isEmpty() && first.size() < MAX_OPERATIONS) {
                first.add(kept.remove());
            }
            batch = build(first);
            write(batch);
        } catch (RocksDBException | RuntimeException refused) {
            for (Operation operation : first.reversed()) {
                kept.addFirst(operation);
            }
            if (batch != null) {
                failed(batch);
            }
            broken(null, refused);
            return;
        }
        brokenWhy = "";
        databaseFailed = false;
        attempts.clear();
        LOG.info("spool can be written again");
        committed(batch);
        first.forEach(this::forgetRevived);
    }

    /** @throws SpoolException when the database cannot be opened either, or has lost something */
    private void reopen() {
        if (damaged) {
            sink.stopCompactions();
        }
        sink.reopen(committedNumber);
        long found = parts.store().progress().batch();
        if (found != committedNumber) {
            Batch alive = attempts.stream().filter(batch -> batch.number() == found).findFirst()
                    .orElseThrow(() -> new SpoolException("the database has batch " + found
                            + ", which nobody knows: stop Mailrace and start it again"));
            kept.removeAll(alive.operations());
            newestEvent = Math.max(newestEvent, alive.newestEvent());
            countBytes(alive);
            alive.publish(parts.fresh(), parts.queues(), log);
            alive.operations().forEach(this::remember);
            CommitNews.tell(alive.operations().stream().filter(Operation::isKept).toList(), null);
        }
        attempts.clear();
    }

    /** Its submitter was told that it failed and is going to discard the chunks of a live mail. */
    private void remember(Operation operation) {
        if (operation instanceof Operation.Accept accept && accept.mail().firstChunk() > 0) {
            revived.add(accept.mail().id());
        }
    }

    /** Its discarding was left out of what is written now. */
    private void forgetRevived(Operation operation) {
        if (operation instanceof Operation.Discard late) {
            revived.remove(late.id());
        }
    }

    /** Queue of that key; made when new. Its name goes to the disk with the batch that uses it. */
    private QueueState queue(QueueKey key) {
        QueueTable queues = parts.queues();
        QueueState known = queues.get(key);
        if (known == null) {
            known = new QueueState(nextQueueNumber++, key, queues);
            queues.add(known);
        }
        return known;
    }

    /** Whether RocksDB says that what is on disk is damaged. */
    static boolean isDamage(RocksDBException refused) {
        Status status = refused.getStatus();
        return status != null && status.getCode() == Status.Code.Corruption;
    }
}
