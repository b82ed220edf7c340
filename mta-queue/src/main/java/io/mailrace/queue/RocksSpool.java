// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.Event;
import io.mailrace.core.Metrics;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The spool on RocksDB: see {@link Spool} for its promises and FORMAT.md for its bytes. Opens
 * without reading the mail in it: names and counts of queues, one seek for each queue with mail.
 * Memory grows with the number of queues, of sessions and of taken envelopes, never with the number
 * of messages.
 */
public final class RocksSpool implements Spool {
    private static final Logger LOG = LoggerFactory.getLogger(RocksSpool.class);
    private static final Duration QUEUE_IDLE = Duration.ofMinutes(10);
    private static final Duration ROOM_CHECK = Duration.ofSeconds(1);
    private static final Duration CHORES = Duration.ofMinutes(1);
    private static final Duration TIDY = Duration.ofSeconds(20);
    private static final Duration LOG_SWEEP = Duration.ofMillis(500);
    private static final long ROOM_FOR_BALLAST = 8L * Ballast.BYTES;
    private static final int HEAP_SHARE_FRESH = 8;
    private static final int HEAP_SHARE_WINDOWS = 16;
    private static final long ID_SLACK = 1L << 20;

    private final TimeSource time;
    private final Store store;
    private final SpoolClock clock;
    private final SpoolIds ids;
    private final ReadPool reads = new ReadPool();
    private final SpoolTimer timer;
    private final WalWatch walWatch;
    private final FreshContents fresh;
    private final QueueTable queues;
    private final Journal journal;
    private final MailBuilder builder;
    private final Settler settler;
    private final ExpirySweep sweep;
    private final Admission admission;
    private final CommitThread commits;
    private final KeptSweep keptSweep;
    private final SpoolLog log;
    private final LogSweep logSweep;
    private final SetWorker operations;
    private final RocksCare care;
    private final SpoolMeters meters;
    private final long stallNanos;
    private final long minFree;
    private final Ballast ballast;
    private final StoredMemos memos;
    private final AtomicBoolean looking = new AtomicBoolean();
    private volatile boolean closing;

    /**
     * Opens the spool or makes it, and starts its threads.
     *
     * @throws SpoolException when another process has it, a newer version wrote it, or it is broken
     */
    public static RocksSpool open(QueueConfig config, TimeSource time, Metrics metrics) {
        return open(config, time, metrics, SpoolLog.SLOT_BYTES, true, sink -> sink);
    }

    /**
     * For tests.
     *
     * @param slotBytes after so many another file of the log is written
     * @param late whether the database may come after the log
     * @param disk stands between the spool and its database
     */
    static RocksSpool open(QueueConfig config, TimeSource time, Metrics metrics, int slotBytes,
            boolean late, UnaryOperator<BatchSink> disk) {
        Path directory = config.spool().path();
        WalWatch watch = WalWatch.begin(directory);
        Store store;
        try {
            watch.keepLogs();
            SpoolFolder.refuseHalfRepaired(directory);
            store = openStore(config.spool());
        } catch (SpoolException refused) {
            watch.forgetLogs();
            watch.close();
            throw refused;
        }
        try {
            RocksSpool spool = new RocksSpool(config, time, metrics, store, watch,
                    new SpoolLog(store.log(), slotBytes), late, disk);
            spool.start();
            return spool;
        } catch (SpoolException broken) {
            store.close();
            watch.close();
            throw broken;
        }
    }

    private static Store openStore(SpoolConfig config) {
        Path db = config.path().resolve("db");
        try {
            return Store.open(db, config);
        } catch (SpoolException refused) {
            if (new Ballast(config.path()).drop()) {
                return Store.openOnFullDisk(db, config);
            }
            throw refused;
        }
    }

    private RocksSpool(QueueConfig config, TimeSource time, Metrics metrics, Store store,
            WalWatch walWatch, SpoolLog log, boolean late, UnaryOperator<BatchSink> disk) {
        this.time = time;
        this.log = log;
        this.store = store;
        this.walWatch = walWatch;
        meters = new SpoolMeters(metrics);
        Progress progress = store.progress();
        log.start(SpoolLog.stored(store), progress);
        long heap = Runtime.getRuntime().maxMemory();
        clock = new SpoolClock(time, progress, config.retry().longestAge().toMillis());
        ids = new SpoolIds(time, progress.newestId() == 0 ? 0 : progress.newestId() + ID_SLACK);
        timer = new SpoolTimer(time, clock);
        fresh = new FreshContents(Math.min(config.spool().freshCache(), heap / HEAP_SHARE_FRESH),
                time);
        QueueLoader loader = new QueueLoader(store, meters, this::submit);
        queues = new QueueTable(time, clock, timer, reads, loader, this::record,
                heap / HEAP_SHARE_WINDOWS);
        journal = new Journal(store, time, config, progress.newestEvent(), this::submit, meters);
        RetrySchedule retry = new RetrySchedule(config.retry());
        builder = new MailBuilder(time, clock, new Router(config.routes(), config.lint()), retry,
                store.seal());
        Notifier notifier = new Notifier(config.hostname(), config.dsn(), time, clock, ids, builder,
                meters);
        settler = new Settler(time, clock, retry, config.spool().keep().contentFor(), notifier,
                reads, this::content, this::submit, meters);
        sweep = new ExpirySweep(store, clock, time, queues, loader, settler);
        admission = new Admission(store.directory(), config.spool(),
                () -> store.unwrittenBytes() + log.liveBytes());
        SpoolParts parts = new SpoolParts(config, time, clock, ids, store, log, walWatch, fresh,
                queues, journal, meters);
        commits = new CommitThread(parts, disk.apply(store), progress, late);
        memos = new StoredMemos(store, this::submit);
        minFree = config.spool().minFree();
        ballast = new Ballast(config.spool().path());
        stallNanos = config.spool().stallLimit().toNanos();
        care = new RocksCare(parts, admission, commits);
        keptSweep = new KeptSweep(store, clock, time, config.spool().keep(), commits::keptBytes,
                () -> admission.refusal().isPresent(), this::submit);
        logSweep = new LogSweep(store, log,
                config.spool().durability() == SpoolConfig.Durability.SYNC, time,
                () -> admission.refusal().isPresent(), this::submit);
        operations = new SetWorker(store, clock, time, queues, loader, journal,
                new SetChange(store, clock, settler, this::submit));
        reportGap(config, walWatch.missing(progress.batch()));
        gauges(metrics);
    }

    private void reportGap(QueueConfig config, long missing) {
        if (missing > 0) {
            meters.lostBatches(missing);
            LOG.error("spool lost {} committed batches: its log is damaged before its end; the log"
                    + " was kept in {}/wal-kept-*", missing, config.spool().path());
        }
    }

    private void gauges(Metrics metrics) {
        metrics.gauge("queue_envelopes_waiting", "Envelopes in all queues", queues::waiting);
        metrics.gauge("queue_envelopes_held", "Envelopes an operator holds", queues::held);
        metrics.gauge("queue_envelopes_taken", "Envelopes on their way out", queues::taken);
        metrics.gauge("spool_content_live_bytes", "Contents of mail that waits",
                commits::liveBytes);
        metrics.gauge("spool_content_kept_bytes", "Contents kept after their mail was settled",
                commits::keptBytes);
        metrics.gauge("spool_free_inodes", "Files that can still be made on the spool's disk",
                admission::freeInodes);
        metrics.gauge("spool_write_stall_millis", "How long the write under way has taken",
                () -> commits.stalledNanos() / 1_000_000);
        metrics.gauge("queue_queues_damaged", "Queues with mail that cannot be read",
                queues::damaged);
        metrics.gauge("queue_queues", "Queues known", queues::size);
        metrics.gauge("spool_fresh_content_bytes", "Contents held for their first attempt",
                fresh::bytes);
        metrics.gauge("spool_size_bytes", "Data files, and contents that are needed in the log",
                admission::sizeBytes);
        metrics.gauge("spool_log_bytes", "Files of the spool's log", log::sizeBytes);
        metrics.gauge("spool_log_live_bytes", "Contents in the spool's log that are needed",
                log::liveBytes);
        metrics.gauge("spool_free_bytes", "Free space on the spool's disk", admission::freeBytes);
        metrics.gauge("spool_commit_waiting", "Operations waiting for the commit thread",
                commits::waiting);
        metrics.gauge("journal_newest_sequence", "Sequence of the newest event", journal::newest);
    }

    private void start() {
        restoreQueues();
        restoreReaders();
        admission.look();
        commits.start();
        cleanOrphans();
        timer.every(ROOM_CHECK, () -> onReaders(this::watchRoom));
        timer.every(CHORES, () -> onReaders(sweep::run));
        timer.every(CHORES, () -> onReaders(journal::trim));
        timer.every(CHORES, () -> onReaders(keptSweep::run));
        timer.every(TIDY, () -> onReaders(this::tidy));
        timer.every(LOG_SWEEP, () -> onReaders(logSweep::run));
        timer.every(CHORES, this::dropIdleQueues);
        timer.start();
    }

    /** Two walks over names and counts; of the mail itself at most one row for each queue. */
    private void restoreQueues() {
        Map<Integer, QueueState> found = new HashMap<>();
        store.scan(Store.Family.STATE, Keys.kind(Keys.QUEUE_NAME), Keys.kind(Keys.QUEUE_NAME + 1),
                (key, value) -> {
                    int number = Keys.intAt(key, 1);
                    found.put(number, new QueueState(number, QueueCodec.name(value), queues));
                    return true;
                });
        Map<Integer, QueueCodec.Count> counts = new HashMap<>();
        store.scan(Store.Family.STATE, Keys.kind(Keys.QUEUE_COUNT),
                Keys.kind(Keys.QUEUE_COUNT + 1), (key, value) -> {
                    counts.put(Keys.intAt(key, 1), QueueCodec.count(value));
                    return true;
                });
        for (QueueState queue : found.values()) {
            QueueCodec.Count count = counts.getOrDefault(queue.number(), QueueCodec.Count.NONE);
            queue.restore(count, head(queue, count));
            queues.add(queue);
        }
    }

    private long head(QueueState queue, QueueCodec.Count count) {
        if (count.envelopes() == 0) {
            return Long.MAX_VALUE;
        }
        return count.knowsHead() ? count.headDueEpochMillis() : headDue(queue);
    }

    private long headDue(QueueState queue) {
        long[] due = {Long.MAX_VALUE};
        store.scan(Store.Family.SCHEDULE, Keys.queue(queue.number()),
                Keys.queue(queue.number() + 1), (key, value) -> {
                    due[0] = Keys.placeOf(key).dueEpochMillis();
                    return false;
                });
        return due[0];
    }

    private void restoreReaders() {
        store.scan(Store.Family.STATE, Keys.kind(Keys.READER), Keys.kind(Keys.READER + 1),
                (key, value) -> {
                    journal.restore(Keys.readerName(key),
                            QueueCodec.number(value, "reader position"));
                    return true;
                });
    }

    /** Chunks of messages whose submission died with the last run. */
    private void cleanOrphans() {
        List<Long> marked = new ArrayList<>();
        store.scan(Store.Family.STATE, Keys.kind(Keys.MARKER), Keys.kind(Keys.MARKER + 1),
                (key, value) -> {
                    marked.add(Keys.longAt(key, 1));
                    return true;
                });
        for (long id : marked) {
            int[] chunks = {0};
            for (Store.Family family : Store.CONTENTS) {
                store.scan(family, Keys.ofMessage(id), Keys.ofMessage(id + 1), (key, value) -> {
                    chunks[0] = Math.max(chunks[0], Keys.intAt(key, 8) + 1);
                    return true;
                });
            }
            submit(new Operation.Discard(new SpoolId(id), chunks[0]));
        }
        if (!marked.isEmpty()) {
            LOG.info("removed {} contents whose submission was cut off", marked.size());
        }
    }

    @Override
    public IncomingContent newContent(Executor loop, Runnable writable) {
        return new ContentWriter(ids.next(), loop, writable, builder, this::submit,
                commits::failures);
    }

    @Override
    public void settle(Settlement settlement, Executor where, CommitListener listener) {
        QueueState queue = queues.get(settlement.envelope().queue());
        if (queue == null) {
            throw new IllegalStateException(
                    "settled in a queue that is not there: " + settlement.envelope().queue());
        }
        settler.settle(queue, settlement, new Operation.Told(where, listener));
    }

    @Override
    public Content content(Envelope envelope) {
        return new StoredContent(store, fresh, envelope.id().value(),
                envelope.facts().sizeBytes());
    }

    @Override
    public Executor readers() {
        return reads;
    }

    @Override
    public MailQueues queues() {
        return queues;
    }

    @Override
    public EventJournal journal() {
        return journal;
    }

    @Override
    public SetOperations operations() {
        return operations;
    }

    @Override
    public Memos memos() {
        return memos;
    }

    @Override
    public SpoolCare care() {
        return care;
    }

    @Override
    public Optional<String> refusal() {
        if (closing) {
            return Optional.of("the spool is closing");
        }
        String broken = commits.brokenWhy();
        if (!broken.isEmpty()) {
            return Optional.of(broken);
        }
        long stalled = commits.stalledNanos();
        return stalled > stallNanos
                ? Optional.of("the spool's disk has not answered for "
                        + TimeUnit.NANOSECONDS.toSeconds(stalled) + " s")
                : admission.refusal();
    }

    @Override
    public Optional<String> stuck(Duration limit) {
        if (closing) {
            return Optional.empty();
        }
        if (commits.silentNanos() > limit.toNanos()) {
            return Optional.of("spool-commit");
        }
        return timer.silentNanos() > limit.toNanos()
                ? Optional.of("spool-timer")
                : Optional.empty();
    }

    @Override
    public Duration stalled() {
        return Duration.ofNanos(commits.stalledNanos());
    }

    @Override
    public int freshPercent() {
        return fresh.percent();
    }

    @Override
    public SpoolPressure pressure() {
        return queues.backlog().withCommits(commits.waiting());
    }

    @Override
    public void close() {
        if (closing) {
            return;
        }
        closing = true;
        // first: a compaction may be what a thread that reads is at
        store.endTasks();
        timer.close();
        operations.close();
        reads.close();
        logSweep.close();
        commits.close();
        walWatch.close();
        log.close();
        try {
            store.settleLogs();
        } catch (SpoolException refused) {
            LOG.warn("the next start takes longer reason=\"{}\"", refused.getMessage());
        }
        store.close();
    }

    private void record(Event event) {
        journal.append(event);
    }

    /** What its parts and tests ask for. */
    void submit(Operation operation) {
        commits.submit(operation);
    }

    /** Looks at the room on the disk; when it is short, has the room of settled mail freed. */
    private void watchRoom() {
        if (!looking.compareAndSet(false, true)) {
            return;
        }
        try {
            admission.look();
            if (admission.freeBytes() > minFree + ROOM_FOR_BALLAST) {
                ballast.load();
            }
            if (admission.refusal().isPresent()) {
                keptSweep.run();
                care.freeRoom(time.nanos());
            }
        } catch (SpoolException refused) {
            LOG.warn("room not freed reason=\"{}\"", refused.getMessage());
        } finally {
            looking.set(false);
        }
    }

    private void tidy() {
        try {
            care.tidy(time.nanos());
        } catch (SpoolException refused) {
            LOG.warn("room not freed reason=\"{}\"", refused.getMessage());
        }
    }

    private void dropIdleQueues() {
        for (QueueState queue : queues.all()) {
            if (queue.idleFor(QUEUE_IDLE.toNanos())) {
                submit(new Operation.DropQueue(queue));
            }
        }
    }

    /** Whether nothing is being read; for tests. */
    boolean readsNothing() {
        return reads.idle();
    }

    private void onReaders(Runnable chore) {
        try {
            reads.own(chore);
        } catch (RejectedExecutionException closed) {
            LOG.debug("chore dropped, spool is closing");
        }
    }
}
