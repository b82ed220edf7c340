// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes slots of the log free in which little is still needed, by writing that again at its end:
 * mail that waits for hours between mail that is long delivered. Gives back the room of slots too
 * many. One run at a time, on {@code spool-read}.
 */
final class LogSweep {
    private static final Logger LOG = LoggerFactory.getLogger(LogSweep.class);
    /** So much may lie in the log for nothing; beyond it the emptiest slots are cleared. */
    private static final int WASTED_SLOTS = 8;
    /** At most in one run, so that others get their turn. */
    private static final int SLOTS_A_RUN = 16;
    /** So many bytes are moved in one batch. */
    private static final int BYTES_AT_ONCE = 512 << 10;
    private static final int ON_THEIR_WAY = 4;

    private final Store store;
    private final SpoolLog log;
    private final boolean logged;
    private final BooleanSupplier roomShort;
    private final Consumer<Operation> commits;
    private final CommitSlots onTheirWay;
    private final AtomicBoolean busy = new AtomicBoolean();
    /** Slots that could not be read to their end. */
    private final Set<Integer> unreadable = new HashSet<>();

    /** @param logged whether contents go into the log: else nothing is written there again */
    LogSweep(Store store, SpoolLog log, boolean logged, TimeSource time,
            BooleanSupplier roomShort, Consumer<Operation> commits) {
        this.store = store;
        this.log = log;
        this.logged = logged;
        this.roomShort = roomShort;
        this.commits = commits;
        onTheirWay = new CommitSlots(ON_THEIR_WAY, time);
    }

    void run() {
        if (!busy.compareAndSet(false, true)) {
            return;
        }
        try {
            boolean isShort = roomShort.getAsBoolean();
            if (logged) {
                unreadable.removeIf(slot -> log.live(slot).chunks() == 0);
                clear(isShort ? 1 : WASTED_SLOTS);
            }
            int keep = isShort ? 1 : SpoolLog.SPARE;
            if (log.hasSpare(keep)) {
                commits.accept(new Operation.TrimLog(keep));
            }
        } catch (SpoolException unusable) {
            LOG.error("log of the spool not cleared reason=\"{}\"", unusable.getMessage());
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        } finally {
            busy.set(false);
        }
    }

    private void clear(int wasted) throws InterruptedException {
        Set<Integer> not = new HashSet<>(unreadable);
        for (int slots = 0; slots < SLOTS_A_RUN; slots++) {
            Optional<Integer> sparse = log.sparse(wasted, not);
            if (sparse.isEmpty() || !clearSlot(sparse.get())) {
                return;
            }
            // Free now, or for another run.
            not.add(sparse.get());
        }
    }

    /** Has all that is needed of a slot written elsewhere; false when the disk takes no writes. */
    private boolean clearSlot(int slot) throws InterruptedException {
        AtomicInteger written = new AtomicInteger();
        LogEntry life = store.log().head(slot, 0);
        int given = 0;
        long offset = 0;
        boolean read = true;
        while (read) {
            List<Operation.Moving> moving = new ArrayList<>();
            offset = collect(slot, offset, moving);
            read = offset >= 0;
            if (moving.isEmpty()) {
                break;
            }
            try {
                commits.accept(new Operation.Relocate(moving,
                        onTheirWay.take(written::incrementAndGet, () -> {})));
            } catch (SpoolException stalled) {
                return false;
            }
            given++;
        }
        if (!onTheirWay.settled() || written.get() < given) {
            return false;
        }
        boolean used = !Objects.equals(life, store.log().head(slot, 0));
        if (read && !used && log.live(slot).chunks() > 0 && unreadable.add(slot)) {
            LOG.error("slot of the log holds {} chunks that were not found in it slot={}",
                    log.live(slot).chunks(), slot);
        }
        return true;
    }

    /**
     * Adds chunks that are needed, from an offset on, until there are enough for one batch.
     *
     * @return where to go on; negative when the slot cannot be read
     */
    private long collect(int slot, long from, List<Operation.Moving> moving) {
        long offset = from;
        int bytes = 0;
        try {
            for (LogEntry head = store.log().head(slot, offset); head != null
                    && bytes < BYTES_AT_ONCE; head = store.log().head(slot, offset)) {
                Operation.Moving chunk = chunk(slot, offset, head);
                if (chunk != null) {
                    moving.add(chunk);
                    bytes += chunk.value().length();
                }
                offset = head.end(offset);
            }
            return offset;
        } catch (SpoolException unreadableHere) {
            LOG.error("slot of the log cannot be read slot={} reason=\"{}\"", slot,
                    unreadableHere.getMessage());
            if (!unreadableHere.mayPass()) {
                unreadable.add(slot);
            }
            return -1;
        }
    }

    /** The chunk of an entry, when this is the place it is to be found at. */
    private Operation.@Nullable Moving chunk(int slot, long offset, LogEntry head) {
        if (head.kind() != LogEntry.Kind.CHUNK) {
            return null;
        }
        SpoolId id = new SpoolId(head.number());
        int index = (int) head.second();
        LogPlace place = new LogPlace(slot, (int) offset, head.length());
        byte[] row = store.get(Store.Family.IN_LOG, Keys.content(id, index));
        if (row == null || !LogPlace.decode(row).equals(place)) {
            return null;
        }
        byte[] value = store.log().chunk(place, id.value(), index);
        return value == null
                ? null
                : new Operation.Moving(id, index, place, StoredChunk.whole(value));
    }
}
