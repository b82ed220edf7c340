// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes contents that were kept after their mail was settled: when their time is over, the oldest
 * also when there are too many bytes of them or the disk runs short. One run at a time, on
 * {@code spool-read}.
 */
final class KeptSweep {
    private static final Logger LOG = LoggerFactory.getLogger(KeptSweep.class);
    private static final int PAGE = 256;

    /** One kept content. */
    private record Row(long untilEpochMillis, long id, long sizeBytes) {}

    private final Store store;
    private final SpoolClock clock;
    private final SpoolConfig.Keep config;
    private final LongSupplier keptBytes;
    private final BooleanSupplier roomShort;
    private final Consumer<Operation> commits;
    private final CommitSlots slots;
    private final AtomicBoolean busy = new AtomicBoolean();

    KeptSweep(Store store, SpoolClock clock, TimeSource time, SpoolConfig.Keep config,
            LongSupplier keptBytes,
            BooleanSupplier roomShort, Consumer<Operation> commits) {
        this.store = store;
        this.clock = clock;
        this.config = config;
        this.keptBytes = keptBytes;
        this.roomShort = roomShort;
        this.commits = commits;
        slots = new CommitSlots(PAGE, time);
    }

    void run() {
        if (keptBytes.getAsLong() == 0 || !busy.compareAndSet(false, true)) {
            return;
        }
        try {
            long now = clock.now();
            // When the configured time became shorter, what was promised more goes too.
            remove(now + config.contentFor().toMillis() + 1, Long.MAX_VALUE, Long.MAX_VALUE);
            remove(0, now, Long.MAX_VALUE);
            remove(0, Long.MAX_VALUE, keptBytes.getAsLong() - config.maxSize());
            if (roomShort.getAsBoolean()) {
                // Room is looked at again before the next run.
                forget(page(0, Long.MAX_VALUE), Long.MAX_VALUE);
            }
        } catch (SpoolException unusable) {
            LOG.error("kept contents not removed reason=\"{}\"", unusable.getMessage());
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        } finally {
            busy.set(false);
        }
    }

    /** Removes those kept until between two times, oldest first, until that many bytes are gone. */
    private void remove(long from, long to, long bytes) throws InterruptedException {
        long left = bytes;
        long at = from;
        while (left > 0) {
            List<Row> page = page(at, to);
            left = forget(page, left);
            if (page.size() < PAGE) {
                return;
            }
            at = page.getLast().untilEpochMillis();
        }
    }

    /** Removes contents until that many bytes are gone; returns how many are not. */
    private long forget(List<Row> page, long bytes) throws InterruptedException {
        long left = bytes;
        for (Row row : page) {
            if (left <= 0) {
                break;
            }
            commits.accept(new Operation.Forget(row.untilEpochMillis(), new SpoolId(row.id()),
                    row.sizeBytes(), slots.take(() -> {}, () -> {})));
            left -= row.sizeBytes();
        }
        if (!slots.settled()) {
            throw new SpoolException("the disk takes no writes");
        }
        return left;
    }

    private List<Row> page(long from, long to) {
        List<Row> page = new ArrayList<>();
        store.scanAround(Store.Family.KEPT, Keys.kept(from, 0), Keys.kept(to, Long.MAX_VALUE),
                (key, value) -> {
                    page.add(new Row(Keys.longAt(key, 0), Keys.longAt(key, 8),
                            QueueCodec.number(value, "kept content")));
                    return page.size() < PAGE;
                }, (after, next, why) -> LOG.error("kept contents not readable reason=\"{}\"",
                        why.getMessage()));
        return page;
    }
}
