// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Metrics;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** The counters of the spool. Any thread. */
final class SpoolMeters {
    private final LongAdder commits;
    private final LongAdder operations;
    private final LongAdder accepted;
    private final LongAdder commitNanos;
    private final LongAdder writeErrors;
    private final LongAdder dsnFailed;
    private final LongAdder dsnDelayed;
    private final LongAdder dsnRelayed;
    private final LongAdder dsnOmitted;
    private final LongAdder expired;
    private final LongAdder eventsDropped;
    private final LongAdder quarantined;
    private final LongAdder lostBatches;
    private final LongAdder damaged;

    SpoolMeters(Metrics metrics) {
        commits = metrics.counter("spool_commits_total", "Batches written");
        operations = metrics.counter("spool_operations_total", "Operations in those batches");
        accepted = metrics.counter("spool_messages_accepted_total",
                "Messages made durable, DSNs included");
        commitNanos = metrics.counter("spool_commit_nanos_total",
                "Time spent building, writing and syncing batches");
        writeErrors = metrics.counter("spool_write_errors_total", "Batches the disk refused");
        String dsn = "Delivery status notifications";
        dsnFailed = metrics.counter("queue_dsn_total", dsn, Map.of("action", "failed"));
        dsnDelayed = metrics.counter("queue_dsn_total", dsn, Map.of("action", "delayed"));
        dsnRelayed = metrics.counter("queue_dsn_total", dsn, Map.of("action", "relayed"));
        dsnOmitted = metrics.counter("queue_dsn_total", dsn, Map.of("action", "omitted"));
        expired = metrics.counter("queue_envelopes_expired_total",
                "Envelopes given up because of their age");
        eventsDropped = metrics.counter("journal_events_dropped_total",
                "Loose events dropped because too many waited");
        quarantined = metrics.counter("spool_envelopes_quarantined_total",
                "Envelopes set aside because their record was damaged");
        lostBatches = metrics.counter("spool_lost_batches_total",
                "Committed batches missing after a start");
        damaged = metrics.counter("spool_damaged_reads_total",
                "Reads of the spool that met damaged data");
    }

    void committed(int operationCount, int messages, long nanos) {
        commits.increment();
        operations.add(operationCount);
        accepted.add(messages);
        commitNanos.add(nanos);
    }

    void writeFailed() {
        writeErrors.increment();
    }

    void dsnSent(DsnWriter.Action action) {
        switch (action) {
            case FAILED -> dsnFailed.increment();
            case DELAYED -> dsnDelayed.increment();
            case RELAYED -> dsnRelayed.increment();
        }
    }

    void dsnOmitted() {
        dsnOmitted.increment();
    }

    void expired() {
        expired.increment();
    }

    void eventDropped() {
        eventsDropped.increment();
    }

    void quarantined() {
        quarantined.increment();
    }

    void lostBatches(long count) {
        lostBatches.add(count);
    }

    long lostBatches() {
        return lostBatches.sum();
    }

    void damaged() {
        damaged.increment();
    }
}
