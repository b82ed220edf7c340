// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.EventJournal;
import io.mailrace.queue.EventJournal.Recorded;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JsonGenerator;

/**
 * Writes every event of the journal as a JSON line. A cursor: it reads behind the spool on a thread
 * of its own, {@code event-log}, at most {@value #BATCH} events at a time, or fewer that are large,
 * and slows nobody. Its position is saved after the lines are safe, so after a crash some lines
 * come twice and none is missing, unless the journal dropped events that had waited longer than its
 * retention, or they are damaged.
 *
 * <p>A target that fails is tried again once a second; the journal keeps what is not written yet.
 */
final class EventLog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EventLog.class);
    private static final String READER = "event-log";
    private static final int BATCH = 500;
    /** Lets events gather: many lines for one look at the journal. */
    private static final long GATHER_MILLIS = 50;
    private static final long RETRY_MILLIS = 1000;
    private static final long SAVE_EVERY_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final EventJournal journal;
    private final EventTarget target;
    private final TimeSource time;
    private final LongAdder written;
    private final LongAdder failures;
    private final CountDownLatch stopping = new CountDownLatch(1);
    private final Duration closeLimit;
    private final Thread thread;
    private final Lines lines = new Lines();
    private long position;
    private volatile long saved;
    private long savedAtNanos;

    /** The buffer of one batch; what a large one needed is given back when it is written. */
    private static final class Lines extends ByteArrayOutputStream {
        private static final int BYTES = 64 << 10;
        private static final int KEPT_BYTES = 1 << 20;

        Lines() {
            super(BYTES);
        }

        @Override
        public synchronized void reset() {
            super.reset();
            if (buf.length > KEPT_BYTES) {
                buf = new byte[BYTES];
            }
        }

        byte[] array() {
            return buf;
        }
    }

    private EventLog(EventJournal journal, EventTarget target, TimeSource time, Metrics metrics,
            Duration closeLimit) {
        this.journal = journal;
        this.target = target;
        this.time = time;
        this.closeLimit = closeLimit;
        written = metrics.counter("eventlog_lines_total", "Lines written to the event log");
        failures = metrics.counter("eventlog_failures_total",
                "Failed tries to write to the event log");
        position = journal.position(READER);
        saved = position;
        savedAtNanos = time.nanos();
        thread = Thread.ofPlatform().name("event-log").daemon(true).unstarted(this::run);
    }

    /** Starts writing where the last run stopped. */
    static EventLog start(EventJournal journal, EventTarget target, TimeSource time,
            Metrics metrics, Duration closeLimit) {
        EventLog log = new EventLog(journal, target, time, metrics, closeLimit);
        metrics.gauge("eventlog_behind_events", "Events not yet in the event log",
                () -> Math.max(0, journal.newest() - log.saved));
        journal.onGrowth(() -> LockSupport.unpark(log.thread));
        log.thread.start();
        return log;
    }

    private void run() {
        boolean last = false;
        while (true) {
            try {
                long newest = journal.newest();
                int count = copyBatch();
                savePosition(last && count == 0);
                if (count == 0 && last) {
                    return;
                }
                if (count == 0) {
                    LockSupport.parkNanos(SAVE_EVERY_NANOS);
                } else if (position >= newest && !last) {
                    pause(GATHER_MILLIS);
                }
            } catch (IOException | RuntimeException failed) {
                failures.increment();
                LOG.error("event log not written, trying again position={}", position, failed);
                if (last) {
                    return;
                }
                pause(RETRY_MILLIS);
            }
            last = stopping.getCount() == 0;
        }
    }

    private int copyBatch() throws IOException {
        List<Recorded> batch = journal.after(position, BATCH);
        if (batch.isEmpty()) {
            return 0;
        }
        long first = batch.getFirst().sequence();
        if (position > 0 && first > position + 1) {
            LOG.warn("event log leaves out events that are damaged, or waited longer than they are"
                    + " kept count={}", first - position - 1);
        }
        try {
            for (Recorded recorded : batch) {
                try (JsonGenerator json = Json.generator(lines)) {
                    EventJson.write(json, recorded.sequence(), recorded.event());
                }
                lines.write('\n');
            }
            target.write(lines.array(), lines.size());
        } finally {
            lines.reset();
        }
        position = batch.getLast().sequence();
        written.add(batch.size());
        return batch.size();
    }

    /** Syncs first: a saved position promises that the lines before it are there. */
    private void savePosition(boolean now) throws IOException {
        if (position == saved || (!now && time.nanos() - savedAtNanos < SAVE_EVERY_NANOS)) {
            return;
        }
        target.sync();
        journal.savePosition(READER, position);
        savedAtNanos = time.nanos();
        saved = position;
    }

    private void pause(long millis) {
        try {
            stopping.await(millis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            // nobody waits for this thread's work: go on at once
            LOG.debug("event log interrupted");
        }
    }

    /** Writes what is in the journal, saves the position, and closes; bounded by the limit. */
    @Override
    public void close() {
        stopping.countDown();
        LockSupport.unpark(thread);
        try {
            if (!thread.join(closeLimit)) {
                LOG.warn("event log not finished in time; it goes on after the next start");
                return;
            }
            target.close();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
