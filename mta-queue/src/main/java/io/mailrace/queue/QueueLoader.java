// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads due envelopes from disk into the window of their queue: one seek, then as many rows as
 * there is room for. Runs on {@code spool-read}, at most once at a time for each queue.
 */
final class QueueLoader {
    private static final Logger LOG = LoggerFactory.getLogger(QueueLoader.class);

    /** One row of the schedule. */
    @SuppressWarnings("ArrayRecordComponent")
    record Row(Place place, byte[] value) {}

    /** What was read of the schedule, and the first place that was not. */
    private static final class Read {
        final List<Row> rows = new ArrayList<>();
        @Nullable
        Place next;
        @Nullable
        Place last;
    }

    private final Store store;
    private final SpoolMeters meters;
    private final Consumer<Operation> commits;

    QueueLoader(Store store, SpoolMeters meters, Consumer<Operation> commits) {
        this.store = store;
        this.meters = meters;
        this.commits = commits;
    }

    void load(QueueState queue) {
        QueueState.LoadPlan plan = queue.beginLoad();
        try {
            Read read = rows(queue, plan);
            List<Entry> entries = new ArrayList<>(read.rows.size());
            long bytes = 0;
            for (Row row : read.rows) {
                if (bytes >= plan.bytes()) {
                    read.next = row.place();
                    break;
                }
                Entry entry = entry(queue, row);
                if (entry != null) {
                    entries.add(entry);
                    bytes += entry.weightBytes();
                }
            }
            queue.loaded(entries, read.next, read.last);
        } catch (SpoolException unreadable) {
            queue.loadFailed();
            LOG.error("queue not loaded queue={} reason=\"{}\"", queue.key(),
                    unreadable.getMessage());
        }
    }

    private Read rows(QueueState queue, QueueState.LoadPlan plan) {
        Read read = new Read();
        int most = plan.room() + plan.known();
        int[] seen = {0};
        store.scanAround(Store.Family.SCHEDULE, Keys.schedule(queue.number(), plan.from()),
                Keys.queue(queue.number() + 1), (key, value) -> {
                    Place place = Keys.placeOf(key);
                    if (place.dueEpochMillis() > plan.nowMillis()
                            || read.rows.size() >= plan.room() || seen[0]++ >= most) {
                        read.next = place;
                        return false;
                    }
                    read.last = place;
                    if (queue.isUnknown(place)) {
                        read.rows.add(new Row(place, value));
                    }
                    return true;
                }, (after, next, why) -> damaged(queue, why));
        return read;
    }

    /** Mail whose rows cannot be read stays where it is; the rest of the queue goes on. */
    void damaged(QueueState queue, SpoolException why) {
        if (!queue.isDamaged()) {
            LOG.error("part of a queue cannot be read, the rest goes on; stop Mailrace and run:"
                    + " mailrace spool check --repair queue={} reason=\"{}\"", queue.key(),
                    why.getMessage());
        }
        queue.damaged();
        meters.damaged();
    }

    /** The envelope of a row; null when it was damaged and goes into quarantine. */
    private @Nullable Entry entry(QueueState queue, Row row) {
        try {
            return read(queue, row.place(), Schedule.decode(row.value()));
        } catch (SpoolException damaged) {
            if (damaged.mayPass()) {
                throw damaged;
            }
            if (queue.claim(row.place())) {
                quarantine(queue, row, String.valueOf(damaged.getMessage()));
            }
            return null;
        }
    }

    /** The schedule of a row; null when it was damaged and goes into quarantine. */
    @Nullable
    Schedule schedule(QueueState queue, Row row) {
        try {
            return Schedule.decode(row.value());
        } catch (SpoolException damaged) {
            if (queue.claim(row.place())) {
                quarantine(queue, row, String.valueOf(damaged.getMessage()));
            }
            return null;
        }
    }

    Entry read(QueueState queue, Place place, Schedule schedule) {
        byte[] record = store.get(Store.Family.ENVELOPE,
                Keys.envelope(new SpoolId(place.id()), place.ordinal()));
        if (record == null) {
            throw new SpoolException("envelope record is missing");
        }
        return EnvelopeCodec.decode(record, queue.key(), place, schedule);
    }

    /** Sets a claimed envelope aside that cannot be read: the rest of the queue goes on. */
    void quarantine(QueueState queue, Row row, String why) {
        LOG.error("envelope damaged, set aside id={} envelope={} queue={} reason=\"{}\"",
                new SpoolId(row.place().id()), row.place().ordinal(), queue.key(), why);
        meters.quarantined();
        commits.accept(new Operation.Quarantine(queue, row.place(), row.value(), why));
    }
}
