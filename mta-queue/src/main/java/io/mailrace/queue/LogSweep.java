// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes slots of the log free in which little is still needed, by writing that to a slot for old
 * mail: mail that waits for hours between mail that is long delivered. Gives back the room of slots
 * too many. One run at a time, on {@code spool-read}.
 */
final class LogSweep implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LogSweep.class);
    /** So much may lie in the log for nothing; beyond it the emptiest slots are cleared. */
    private static final int WASTED_SLOTS = 3;
    /** At most in one run, so that others get their turn. */
    private static final int SLOTS_A_RUN = 16;
    /** So many change their place at once, so that what comes in need not wait long. */
    private static final int CHUNKS_A_BATCH = 128;
    private static final int ON_THEIR_WAY = 4;
    private static final long ASKED_AGAIN_NANOS = Duration.ofMinutes(1).toNanos();
    private static final long PAUSE_NANOS = Duration.ofSeconds(10).toNanos();

    private final Store store;
    private final SpoolLog log;
    private final boolean logged;
    private final BooleanSupplier roomShort;
    private final Consumer<Operation> commits;
    private final CommitSlots onTheirWay;
    private final TimeSource time;
    private final AtomicBoolean busy = new AtomicBoolean();
    /** Slots that could not be read to their end. */
    private final Set<Integer> unreadable = new HashSet<>();
    /** Slots of which the disk did not give an answer: it is asked again later. */
    private final Set<Integer> silent = new HashSet<>();
    private long silentSinceNanos;
    /** Until then nothing is moved, after the disk took no copies. */
    private long pausedUntilNanos;
    private final OldMailSlot oldMail;

    /** @param logged whether contents go into the log: else nothing is written there again */
    LogSweep(Store store, SpoolLog log, boolean logged, TimeSource time,
            BooleanSupplier roomShort, Consumer<Operation> commits) {
        this.store = store;
        this.log = log;
        this.logged = logged;
        this.roomShort = roomShort;
        this.commits = commits;
        this.time = time;
        silentSinceNanos = time.nanos();
        pausedUntilNanos = silentSinceNanos;
        onTheirWay = new CommitSlots(ON_THEIR_WAY, time);
        oldMail = new OldMailSlot(store.log(), log.slotBytes());
    }

    void run() {
        if (!busy.compareAndSet(false, true)) {
            return;
        }
        try {
            boolean isShort = roomShort.getAsBoolean();
            if (logged && time.nanos() - pausedUntilNanos >= 0) {
                unreadable.removeIf(slot -> log.live(slot).chunks() == 0);
                if (time.nanos() - silentSinceNanos > ASKED_AGAIN_NANOS) {
                    silent.clear();
                    silentSinceNanos = time.nanos();
                }
                clear(isShort ? 1 : WASTED_SLOTS);
            }
            int keep = isShort ? 1 : SpoolLog.SPARE;
            if (log.hasSpare(keep)) {
                commits.accept(new Operation.TrimLog(keep));
            }
        } catch (SpoolException unusable) {
            pause();
            LOG.error("log of the spool not cleared reason=\"{}\"", unusable.getMessage());
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
        } finally {
            busy.set(false);
        }
    }

    private void clear(int wasted) throws InterruptedException {
        Set<Integer> not = new HashSet<>(unreadable);
        not.addAll(silent);
        for (int slots = 0; slots < SLOTS_A_RUN; slots++) {
            Optional<Integer> sparse = log.sparse(wasted, not);
            if (sparse.isEmpty()) {
                return;
            }
            if (!clearSlot(sparse.get())) {
                pause();
                return;
            }
            // Free now, or for another run.
            not.add(sparse.get());
        }
    }

    private void pause() {
        pausedUntilNanos = time.nanos() + PAUSE_NANOS;
    }

    /** Has all that is needed of a slot written elsewhere; false when the disk takes no writes. */
    private boolean clearSlot(int slot) throws InterruptedException {
        Optional<LogEntry> life = headOf(slot);
        LiveChunks chunks = new LiveChunks(store, slot, log.ids(slot), log.live(slot).chunks(),
                LiveChunks.PAGE_CHUNKS);
        AtomicBoolean refused = new AtomicBoolean();
        boolean more = true;
        while (more && !refused.get()) {
            if (!hasSlot()) {
                return false;
            }
            List<Operation.Moving> moving = new ArrayList<>();
            more = copyPage(chunks, slot, moving);
            oldMail.sync();
            for (int at = 0; at < moving.size(); at += CHUNKS_A_BATCH) {
                relocate(moving.subList(at, Math.min(moving.size(), at + CHUNKS_A_BATCH)),
                        refused);
            }
        }
        if (log.live(slot).chunks() > 0) {
            // What is counted there may be gone, in a batch that is written just now.
            relocate(List.of(), refused);
        }
        if (!onTheirWay.settled() || refused.get()) {
            return false;
        }
        long left = log.live(slot).chunks();
        if (left > 0 && !silent.contains(slot) && life.equals(headOf(slot))
                && unreadable.add(slot)) {
            LOG.error("slot of the log holds {} chunks that were not found in it slot={}", left,
                    slot);
        }
        return true;
    }

    private void relocate(List<Operation.Moving> moving, AtomicBoolean refused)
            throws InterruptedException {
        commits.accept(new Operation.Relocate(moving,
                onTheirWay.take(() -> {}, () -> refused.set(true), () -> {})));
    }

    /** With what a slot begins, which tells one use of it from others; empty where none can say. */
    private Optional<LogEntry> headOf(int slot) {
        try {
            return Optional.ofNullable(store.log().head(slot, 0));
        } catch (SpoolException unusable) {
            cannotRead(slot, unusable);
            return Optional.empty();
        }
    }

    private void cannotRead(int slot, SpoolException why) {
        if ((why.mayPass() ? silent : unreadable).add(slot)) {
            LOG.error("slot of the log cannot be read slot={} reason=\"{}\"", slot,
                    why.getMessage());
        }
    }

    /** Sees to a slot for old mail with room in it; false when the disk takes no writes. */
    private boolean hasSlot() throws InterruptedException {
        if (!oldMail.isFull()) {
            return true;
        }
        // Whatever became of the last one: what still goes into it is committed, or never will be.
        if (!onTheirWay.settled()) {
            return false;
        }
        AtomicInteger taken = new AtomicInteger();
        AtomicBoolean refused = new AtomicBoolean();
        commits.accept(new Operation.TakeSlot(oldMail.isRefused(), taken,
                onTheirWay.take(() -> {}, () -> refused.set(true), () -> {})));
        if (!onTheirWay.settled() || refused.get()) {
            return false;
        }
        oldMail.begin(taken.get());
        return true;
    }

    /**
     * Copies those of the next page that are still there and can be read.
     *
     * @param moving gets what was copied
     * @return whether there may be more
     * @throws SpoolException when the copies cannot be written
     */
    private boolean copyPage(LiveChunks chunks, int slot, List<Operation.Moving> moving) {
        List<LiveChunks.Chunk> page;
        try {
            page = chunks.next();
        } catch (SpoolException unusable) {
            cannotRead(slot, unusable);
            return false;
        }
        for (LiveChunks.Chunk chunk : page) {
            try {
                LogPlace to = oldMail.add(chunk.place(), chunk.id().value(), chunk.index());
                if (to != null) {
                    moving.add(new Operation.Moving(chunk.id(), chunk.index(), chunk.place(), to));
                }
            } catch (SpoolException unusable) {
                if (!oldMail.isOpen()) {
                    throw unusable;
                }
                cannotRead(slot, unusable);
            }
        }
        return !page.isEmpty();
    }

    /** Once nothing runs any more; where something runs all the same its file stays open. */
    @Override
    public void close() {
        if (busy.compareAndSet(false, true)) {
            oldMail.close();
        }
    }
}
