// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Where a synced commit goes first (FORMAT.md, "The log"): contents once, and what changes in the
 * database, one after another in a file that is used again and therefore cheap to sync. Written by
 * {@code spool-commit}, but for the slot it gave away for old mail; any thread asks how full it is.
 */
final class SpoolLog implements AutoCloseable {
    /*
     * A slot is written from its start to its end, then another one is. It is free once no content
     * in it is needed and the database has everything on its disk that the slot's batches say: so
     * the database is synced whenever a slot is full, and what is emptied then is used again. The
     * slot with the newest batch is, once the database has it, the anchor of a recovery, which
     * reads on from there; it is left alone until the next turn.
     *
     * A write or sync that failed says nothing of what is on the disk: the slot is left, and the
     * next batch begins another one.
     */
    static final int SLOT_BYTES = 32 << 20;
    /** A batch begins on a page of its own, so that no page is written twice. */
    static final int PAGE_BYTES = 4096;
    /** Slots kept for writing again. */
    static final int SPARE = 4;
    private static final int BUFFER_BYTES = 256 << 10;
    private static final int MAX_REFUSED = 3;
    /** What a chunk takes beside its bytes, about: its head, its part of a batch and of padding. */
    private static final long CHUNK_OVERHEAD = 1024;
    private static final byte[] PADDING = new byte[PAGE_BYTES];

    /** What is needed of one slot. */
    record Live(long chunks, long bytes) {
        static final Live NONE = new Live(0, 0);

        Live plus(Live other) {
            return new Live(chunks + other.chunks, bytes + other.bytes);
        }
    }

    /** The lowest and the highest id of chunks in a slot. */
    record Ids(long lowest, long highest) {
        static final Ids NONE = new Ids(Long.MAX_VALUE, Long.MIN_VALUE);

        private Ids and(long id) {
            return id >= lowest && id <= highest
                    ? this
                    : new Ids(Math.min(lowest, id), Math.max(highest, id));
        }
    }

    private final LogFiles files;
    private final int slotBytes;
    private final Map<Integer, Live> slots = new ConcurrentSkipListMap<>();
    /** Of slots this process wrote and left. */
    private final Map<Integer, Ids> ids = new ConcurrentHashMap<>();
    private Ids headIds = Ids.NONE;
    private volatile boolean pinsAll;
    private volatile Set<Integer> pinned = Set.of();
    private final long run = Progress.LogMark.newRun();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private @Nullable FileChannel out;
    private volatile int head = -1;
    /** Where mail that waits is written to meanwhile, by somebody else. */
    private volatile int oldMail = -1;
    /** Where the newest committed batch stands: that slot is the anchor, when it is in one. */
    private Progress.LogMark newest = Progress.LogMark.NONE;
    /** Highest number given out: one that was removed does not come back, a reader may have it. */
    private int highest = -1;
    /** Slots the disk refused lately. */
    private final Set<Integer> refused = new HashSet<>();
    private long written;
    private boolean unsynced;
    /** Of all that was put since the end of the last batch. */
    private final CRC32C sum = new CRC32C();
    private final byte[] small = new byte[LogEntry.HEAD_BYTES];

    SpoolLog(LogFiles files, int slotBytes) {
        this.files = files;
        this.slotBytes = slotBytes;
    }

    /**
     * Begins with what the database says.
     *
     * @param stored the slots of which something is needed
     */
    void start(Map<Integer, Live> stored, Progress progress) {
        for (int slot : files.slots()) {
            slots.put(slot, Live.NONE);
        }
        slots.putAll(stored);
        highest = slots.keySet().stream().mapToInt(slot -> slot).max().orElse(-1);
        newest = progress.log();
    }

    /** The slots in which something is needed, as a database has it. */
    static Map<Integer, Live> stored(Store store) {
        Map<Integer, Live> slots = new TreeMap<>();
        store.scan(Store.Family.STATE, Keys.kind(Keys.SLOT), Keys.kind(Keys.SLOT + 1),
                (key, value) -> {
                    Live live = QueueCodec.live(value);
                    if (live.chunks() > 0) {
                        slots.put(Keys.intAt(key, 1), live);
                    }
                    return true;
                });
        return slots;
    }

    /** Where the end of the batch being made is going to stand. */
    Progress.LogMark mark() {
        return new Progress.LogMark(run, head, position());
    }

    /** What a batch has that is not written to the log. */
    Progress.LogMark noMark() {
        return Progress.LogMark.outside(run);
    }

    /** Whether {@link #turn} must come before the next batch. */
    boolean isFull() {
        return out == null || position() >= slotBytes;
    }

    /**
     * Goes on in another slot. Only after the database was synced.
     *
     * @param first number of the batch that comes next
     * @param before number of the newest committed batch
     * @param not these are left alone: batches are in them that may be alive
     * @throws SpoolException when what was written lately cannot be synced, or there is no file
     */
    void turn(long first, long before, Set<Integer> not) {
        if (out != null && unsynced) {
            sync();
        }
        closeSlot();
        int next = next(not);
        try {
            out = files.write(next);
        } catch (IOException why) {
            avoid(next);
            throw SpoolException.ofDisk("no file for the spool's log: " + why, why);
        }
        head = next;
        headIds = Ids.NONE;
        written = 0;
        unsynced = false;
        buffer.clear();
        sum.reset();
        head(new LogEntry(LogEntry.Kind.SLOT, LogEntry.RUN_BYTES, first, before, run));
        ByteBuffer.wrap(small).putLong(newest.run());
        put(small, LogEntry.RUN_BYTES);
    }

    /**
     * Gives a slot to whoever moves old mail; the one given before is a slot like others from now
     * on. Only after the database was synced, and when no batch that puts something into the old
     * one is on its way, or was refused and may be alive all the same.
     *
     * @param lastRefused whether the disk refused the one before
     */
    int takeForOldMail(boolean lastRefused) {
        int last = oldMail;
        oldMail = -1;
        if (lastRefused && last >= 0) {
            avoid(last);
        }
        int taken = next(Set.of());
        oldMail = taken;
        return taken;
    }

    /** The ids of what was put into a slot that is left; empty when nobody knows. Any thread. */
    Optional<Ids> ids(int slot) {
        return Optional.ofNullable(ids.get(slot));
    }

    private int next(Set<Integer> not) {
        for (Map.Entry<Integer, Live> slot : slots.entrySet()) {
            int number = slot.getKey();
            if (isFree(slot) && !isPinned(number) && !isAnchor(number) && !not.contains(number)
                    && !refused.contains(number)) {
                ids.remove(number);
                return number;
            }
        }
        highest++;
        slots.put(highest, Live.NONE);
        return highest;
    }

    /** Others come first. When several are refused it is not the slot: then all may come again. */
    private void avoid(int slot) {
        if (refused.size() == MAX_REFUSED) {
            refused.clear();
        }
        refused.add(slot);
    }

    /**
     * Adds a stored chunk to the batch being made.
     *
     * @throws SpoolException when the disk refuses
     */
    LogPlace append(long id, int chunk, StoredChunk value) {
        headIds = headIds.and(id);
        LogPlace place = new LogPlace(head, (int) position(), value.length());
        head(new LogEntry(LogEntry.Kind.CHUNK, value.length(), id, chunk, run));
        put(value.bytes(), value.bytes().length);
        if (value.summed()) {
            ByteBuffer.wrap(small).putInt(value.sum());
            put(small, RecordWriter.CRC_BYTES);
        }
        return place;
    }

    /** Bytes of the slot being written, with what is in memory still. */
    private long position() {
        return written + buffer.position();
    }

    /**
     * Ends the batch with what is going to change in the database.
     *
     * @param before number of the newest committed batch
     * @param sync whether all of it is on disk when this returns
     * @throws SpoolException when the disk refuses
     */
    void commit(long number, long before, byte[] changes, boolean sync) {
        head(new LogEntry(LogEntry.Kind.BATCH, changes.length + RecordWriter.CRC_BYTES, number,
                before, run));
        put(changes, changes.length);
        ByteBuffer.wrap(small).putInt((int) sum.getValue());
        put(small, RecordWriter.CRC_BYTES);
        put(PADDING, (int) (-position() & (PAGE_BYTES - 1)));
        sum.reset();
        flush();
        if (sync) {
            sync();
        }
    }

    private void sync() {
        try {
            open().force(false);
            unsynced = false;
        } catch (IOException why) {
            throw failed(why);
        }
    }

    private boolean isAnchor(int slot) {
        return newest.isInLog() && newest.slot() == slot;
    }

    /** The batch that stands there is committed: this is needed from now on. */
    void committed(Progress.LogMark mark, Map<Integer, Live> changes) {
        newest = mark;
        changes.forEach((slot, change) -> slots.merge(slot, change, Live::plus));
    }

    /** What is needed of a slot, as committed. */
    Live live(int slot) {
        return slots.getOrDefault(slot, Live.NONE);
    }

    /** Whether nothing was ever put into it that is needed. */
    boolean isEmpty() {
        return slots.isEmpty();
    }

    /** What is needed of all slots, as committed. */
    long liveBytes() {
        return slots.values().stream().mapToLong(Live::bytes).sum();
    }

    /** After so many another slot is written. */
    int slotBytes() {
        return slotBytes;
    }

    /** Bytes of all files, about. */
    long sizeBytes() {
        return (long) slots.size() * slotBytes;
    }

    /**
     * The slot of which least is needed, but for those that are free or written. Empty when nothing
     * is to be won: when there is not so much room with nothing in it, or half of each is needed.
     *
     * @param wasted slots that may hold nothing, all in all
     * @param not these
     */
    Optional<Integer> sparse(int wasted, Set<Integer> not) {
        int emptiest = -1;
        long least = Long.MAX_VALUE;
        long waste = 0;
        for (Map.Entry<Integer, Live> slot : slots.entrySet()) {
            long bytes = Math.min(slotBytes, slot.getValue().bytes()
                    + CHUNK_OVERHEAD * slot.getValue().chunks());
            if (isFree(slot) || isWritten(slot.getKey()) || not.contains(slot.getKey())) {
                continue;
            }
            waste += slotBytes - bytes;
            if (bytes < least) {
                least = bytes;
                emptiest = slot.getKey();
            }
        }
        return waste > (long) wasted * slotBytes && least <= slotBytes / 2
                ? Optional.of(emptiest)
                : Optional.empty();
    }

    /** Whether more files than are kept for writing again have nothing in them. */
    boolean hasSpare(int keep) {
        return slots.entrySet().stream().filter(this::isFree)
                .filter(slot -> !isPinned(slot.getKey())).count() > keep + 1;
    }

    /** Removes files nothing of which is needed, but for some. Only when the database is synced. */
    void trim(int keep) {
        List<Integer> free = new ArrayList<>();
        slots.entrySet().stream().filter(this::isFree).filter(slot -> !isAnchor(slot.getKey()))
                .filter(slot -> !isPinned(slot.getKey()))
                .forEach(slot -> free.add(slot.getKey()));
        while (free.size() > keep) {
            int last = free.removeLast();
            files.remove(last);
            slots.remove(last);
            ids.remove(last);
        }
    }

    /** Until {@link #unpin}, no slot that is freed is written again or removed. Any thread. */
    void pin() {
        pinsAll = true;
    }

    /** These only, from now on. */
    void pin(Set<Integer> some) {
        pinned = Set.copyOf(some);
        pinsAll = false;
    }

    void unpin() {
        pin(Set.of());
    }

    private boolean isPinned(int slot) {
        return pinsAll || pinned.contains(slot);
    }

    private boolean isFree(Map.Entry<Integer, Live> slot) {
        return slot.getValue().chunks() <= 0 && !isWritten(slot.getKey());
    }

    private boolean isWritten(int slot) {
        return slot == head || slot == oldMail;
    }

    private void head(LogEntry entry) {
        entry.write(ByteBuffer.wrap(small));
        put(small, LogEntry.HEAD_BYTES);
    }

    /** Only a full buffer is written before the batch ends: whole pages. */
    private void put(byte[] bytes, int length) {
        sum.update(bytes, 0, length);
        int at = 0;
        while (at < length) {
            if (!buffer.hasRemaining()) {
                flush();
            }
            int part = Math.min(buffer.remaining(), length - at);
            buffer.put(bytes, at, part);
            at += part;
        }
    }

    private void flush() {
        unsynced = true;
        buffer.flip();
        try {
            while (buffer.hasRemaining()) {
                written += open().write(buffer, written);
            }
        } catch (IOException why) {
            throw failed(why);
        }
        buffer.clear();
    }

    private FileChannel open() {
        FileChannel channel = out;
        if (channel == null) {
            throw new IllegalStateException("no slot is being written");
        }
        return channel;
    }

    private SpoolException failed(IOException why) {
        avoid(head);
        closeSlot();
        return SpoolException.ofDisk("log of the spool cannot be written: " + why.getMessage(),
                why);
    }

    private void closeSlot() {
        LogFiles.end(out);
        out = null;
        if (head >= 0) {
            ids.put(head, headIds);
        }
        head = -1;
        buffer.clear();
    }

    @Override
    public void close() {
        closeSlot();
    }
}
