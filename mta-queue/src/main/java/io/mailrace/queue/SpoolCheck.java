// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads a whole spool that nobody has open and compares its parts; mends it when asked to. Holds
 * about 20 bytes for each message. One thread, used once. Long because each pass builds on what the
 * others found.
 */
final class SpoolCheck {
    /*
     * Order of the passes: names and counts; contents, each with the size its envelopes say, so
     * that it is known which are whole; the schedule and what is held, each with its envelope and
     * content; envelopes, each with its place in schedule, hold or quarantine; messages that lack
     * an envelope, which the journal may know; what is left over. Mending follows one rule:
     * whatever can be delivered becomes due, whatever cannot is set aside with its reason, and only
     * what nothing refers to is removed.
     */
    private static final byte[] FIRST = {};
    private static final byte[] END = {-1};
    private static final int MAX_TOLD = 1000;

    /** What the rows of a queue add up to. */
    private static final class Sum {
        long envelopes;
        long held;
        long oldestMillis = Long.MAX_VALUE;
        long expiryMillis = Long.MAX_VALUE;
        long headMillis = Long.MAX_VALUE;

        QueueCodec.Count count() {
            return new QueueCodec.Count(envelopes, envelopes == 0 ? 0 : oldestMillis, held,
                    headMillis, expiryMillis);
        }
    }

    private final Store store;
    private final QueueConfig config;
    private final Consumer<String> out;
    private final Map<Integer, QueueKey> names = new HashMap<>();
    private final Map<QueueKey, Integer> numbers = new HashMap<>();
    private final Map<Integer, Sum> sums = new HashMap<>();
    private final SlotCheck slots;
    private final LongSet whole = new LongSet();
    private final LongSet placed = new LongSet();
    private final Set<Entry.Name> placedLater = new HashSet<>();
    /** Messages of which an envelope's record is gone, and contents without any envelope. */
    private final Set<Long> bereft = new TreeSet<>();
    private final Map<Long, Integer> nobodys = new HashMap<>();
    private final Map<Long, List<byte[]>> asideOf = new HashMap<>();
    private final Map<Long, List<Runnable>> unlessRebuilt = new HashMap<>();
    private @Nullable SpoolMend mend;
    private long nowEpochMillis;
    private long looked;
    private long problems;
    private long gaps;
    private long liveBytes;
    private long keptBytes;
    private long newestId;
    private long newestEvent;
    private int highestQueue;

    SpoolCheck(Store store, QueueConfig config, Consumer<String> out) {
        this.store = store;
        this.config = config;
        this.out = out;
        slots = new SlotCheck(store);
    }

    /** Envelopes looked at. */
    long looked() {
        return looked;
    }

    long problems() {
        return problems;
    }

    /** Ranges of rows that could not be read. */
    long gaps() {
        return gaps;
    }

    void run() {
        readNames();
        LongSet kept = readKept();
        readContents(kept);
        readSchedule();
        readHeld();
        readQuarantine();
        readEnvelopes();
        readEvents();
        rebuild();
        compareCounts();
        slots.compare((from, to, visitor) -> scan(Store.Family.STATE, from, to, visitor),
                this::problem, mend);
        compareProgress();
    }

    /** As {@link #run}, and mends what it meets. */
    void mend(TimeSource time) {
        nowEpochMillis = time.epochMillis();
        try (SpoolMend mending = new SpoolMend(store)) {
            mend = mending;
            run();
        }
    }

    private void problem(String text) {
        problems++;
        if (problems <= MAX_TOLD) {
            out.accept(text);
        } else if (problems == MAX_TOLD + 1) {
            out.accept("further problems are counted only");
        }
    }

    private void scan(Store.Family family, Store.Visitor visitor) {
        scan(family, FIRST, END, visitor);
    }

    private void scan(Store.Family family, byte[] from, byte[] to, Store.Visitor visitor) {
        store.scanAround(family, from, to, visitor, (after, next, why) -> {
            gaps++;
            problem("rows of \"" + family.title() + "\" cannot be read: " + why.getMessage());
        });
    }

    private void readNames() {
        scan(Store.Family.STATE, Keys.kind(Keys.QUEUE_NAME), Keys.kind(Keys.QUEUE_NAME + 1),
                (key, value) -> {
                    int number = Keys.intAt(key, 1);
                    highestQueue = Math.max(highestQueue, number);
                    try {
                        QueueKey name = QueueCodec.name(value);
                        names.put(number, name);
                        numbers.put(name, number);
                        sums.put(number, new Sum());
                    } catch (SpoolException damaged) {
                        problem("name of queue " + number + ": " + damaged.getMessage());
                        if (mend != null) {
                            mend.delete(Store.Family.STATE, key);
                        }
                    }
                    return true;
                });
    }

    private LongSet readKept() {
        LongSet kept = new LongSet();
        scan(Store.Family.KEPT, (key, value) -> {
            long id = Keys.longAt(key, 8);
            kept.add(id);
            keptBytes += QueueCodec.number(value, "kept content");
            return true;
        });
        return kept;
    }

    // ------------------------------------------------------------------ contents

    /** A content being looked at. */
    private static final class Group {
        long id = -1;
        long size;
        int chunks;
        String wrong = "";
        boolean needed;
        boolean arriving;
    }

    private void readContents(LongSet kept) {
        for (Store.Family family : Store.CONTENTS) {
            Group group = new Group();
            scan(family, (key, value) -> {
                long id = Keys.longAt(key, 0);
                if (id != group.id) {
                    finish(group);
                    begin(group, id, kept);
                }
                chunk(group, Keys.intAt(key, 8), family == Store.Family.IN_LOG
                        ? slots.chunk(id, Keys.intAt(key, 8), value)
                        : value);
                return true;
            });
            finish(group);
        }
    }

    private void begin(Group group, long id, LongSet kept) {
        group.id = id;
        group.chunks = 0;
        group.wrong = "";
        newestId = Math.max(newestId, id);
        group.arriving = store.get(Store.Family.STATE, Keys.marker(new SpoolId(id))) != null;
        group.size = sizeByEnvelope(id);
        group.needed = group.size >= 0;
        if (!group.needed && kept.contains(id)) {
            group.needed = true;
            group.size = -1;
        }
    }

    /** What the first envelope of the message says; negative when there is none to ask. */
    private long sizeByEnvelope(long id) {
        long[] size = {-1};
        scan(Store.Family.ENVELOPE, Keys.ofMessage(id), Keys.ofMessage(id + 1), (key, value) -> {
            try {
                size[0] = EnvelopeCodec.sizeBytes(value);
            } catch (SpoolException damaged) {
                return true;
            }
            return false;
        });
        return size[0];
    }

    private void chunk(Group group, int index, byte[] value) {
        if (index != group.chunks) {
            group.wrong = "chunk " + group.chunks + " is missing";
        }
        group.chunks = index + 1;
        if (group.size < 0 || !group.wrong.isEmpty()) {
            return;
        }
        long length = Math.min(Content.CHUNK_BYTES,
                group.size - (long) index * Content.CHUNK_BYTES);
        try {
            if (length <= 0) {
                throw new SpoolException("content is longer than its envelope says");
            }
            store.seal().open(group.id, index, value, (int) length);
        } catch (SpoolException damaged) {
            group.wrong = String.valueOf(damaged.getMessage());
        }
    }

    private void finish(Group group) {
        if (group.id < 0 || group.arriving) {
            return;
        }
        SpoolId id = new SpoolId(group.id);
        if (!group.needed) {
            nobodys.put(group.id, group.chunks);
            return;
        }
        if (group.wrong.isEmpty() && group.size >= 0
                && group.chunks != Content.chunksOf(group.size)) {
            group.wrong = "its end is missing";
        }
        if (group.wrong.isEmpty()) {
            whole.add(group.id);
            liveBytes += Math.max(0, group.size);
        } else {
            problem("content " + id + ": " + group.wrong);
        }
    }

    // ------------------------------------------------------------------ envelopes and their places

    private void readSchedule() {
        scan(Store.Family.SCHEDULE, (key, value) -> {
            looked++;
            int number = Keys.intAt(key, 0);
            highestQueue = Math.max(highestQueue, number);
            Place place = Keys.placeOf(key);
            try {
                Schedule schedule = Schedule.decode(value);
                String wrong = wrong(number, place.id(), place.ordinal());
                if (wrong.isEmpty()) {
                    Sum sum = sum(number);
                    sum.envelopes++;
                    sum.oldestMillis = Math.min(sum.oldestMillis, schedule.sinceEpochMillis());
                    sum.expiryMillis = Math.min(sum.expiryMillis, schedule.expiresEpochMillis());
                    sum.headMillis = Math.min(sum.headMillis, place.dueEpochMillis());
                } else {
                    setAside(Store.Family.SCHEDULE, key, value, wrong);
                }
            } catch (SpoolException damaged) {
                setAside(Store.Family.SCHEDULE, key, value,
                        String.valueOf(damaged.getMessage()));
            }
            return true;
        });
    }

    private void readHeld() {
        scan(Store.Family.HELD, (key, value) -> {
            looked++;
            int number = Keys.intAt(key, 0);
            long id = Keys.longAt(key, 4);
            try {
                Held held = Held.decode(value);
                String wrong = wrong(number, id, Keys.intAt(key, 12));
                if (wrong.isEmpty()) {
                    sum(number).held++;
                } else {
                    setAside(Store.Family.HELD, key, held.schedule().encode(), wrong);
                }
            } catch (SpoolException damaged) {
                setAside(Store.Family.HELD, key, FIRST, String.valueOf(damaged.getMessage()));
            }
            return true;
        });
    }

    /** Why an envelope cannot be delivered from this place; empty when it can. */
    private String wrong(int queueNumber, long id, int ordinal) {
        if (!names.containsKey(queueNumber)) {
            return "queue " + queueNumber + " has no name";
        }
        byte[] record = store.get(Store.Family.ENVELOPE, Keys.envelope(new SpoolId(id), ordinal));
        if (record == null) {
            return "envelope record is missing";
        }
        if (EnvelopeCodec.sizeBytes(record) > 0 && !whole.contains(id)) {
            return "content is damaged or missing";
        }
        if (!place(id, ordinal)) {
            return "envelope has two places";
        }
        return "";
    }

    private Sum sum(int queueNumber) {
        return sums.computeIfAbsent(queueNumber, number -> new Sum());
    }

    private boolean place(long id, int ordinal) {
        return ordinal == 0 ? placed.add(id) : placedLater.add(new Entry.Name(id, ordinal));
    }

    private boolean hasPlace(long id, int ordinal) {
        return ordinal == 0
                ? placed.contains(id)
                : placedLater.contains(new Entry.Name(id, ordinal));
    }

    /**
     * Takes a row out. When its envelope can be delivered all the same, {@link #readEnvelopes}
     * makes it due; else it is set aside for a person.
     */
    private void setAside(Store.Family family, byte[] key, byte[] schedule, String why) {
        long id = Keys.longAt(key, family == Store.Family.HELD ? 4 : 12);
        int ordinal = Keys.intAt(key, family == Store.Family.HELD ? 12 : 20);
        problem("envelope " + ordinal + " of message " + new SpoolId(id) + ": " + why);
        if (!hasRecord(id, ordinal)) {
            bereft.add(id);
        }
        if (mend == null) {
            place(id, ordinal);
            return;
        }
        mend.removeRow(family, key);
        if (!deliverable(id, ordinal) && schedule.length > 0) {
            SpoolMend mending = mend;
            Runnable aside = () -> mending.setAside(new Place(0, id, ordinal),
                    Keys.intAt(key, 0), schedule, why);
            if (bereft.contains(id)) {
                unlessRebuilt.computeIfAbsent(id, of -> new ArrayList<>()).add(aside);
            } else {
                aside.run();
            }
            place(id, ordinal);
        }
    }

    private boolean deliverable(long id, int ordinal) {
        try {
            byte[] record = store.get(Store.Family.ENVELOPE,
                    Keys.envelope(new SpoolId(id), ordinal));
            return record != null
                    && (EnvelopeCodec.sizeBytes(record) == 0 || whole.contains(id));
        } catch (SpoolException damaged) {
            return false;
        }
    }

    /** Whether an envelope's record can be read. */
    private boolean hasRecord(long id, int ordinal) {
        try {
            byte[] record = store.get(Store.Family.ENVELOPE,
                    Keys.envelope(new SpoolId(id), ordinal));
            return record != null && EnvelopeCodec.sizeBytes(record) >= 0;
        } catch (SpoolException damaged) {
            if (damaged.mayPass()) {
                throw damaged;
            }
            return false;
        }
    }

    /** Rows set aside earlier: those that can be delivered now become due again. */
    private void readQuarantine() {
        scan(Store.Family.STATE, Keys.kind(Keys.QUARANTINE), Keys.kind(Keys.QUARANTINE + 1),
                (key, value) -> {
                    long id = Keys.longAt(key, 13);
                    int ordinal = Keys.intAt(key, 21);
                    if (hasPlace(id, ordinal)) {
                        return true;
                    }
                    if (!hasRecord(id, ordinal)) {
                        bereft.add(id);
                        asideOf.computeIfAbsent(id, of -> new ArrayList<>()).add(key);
                    }
                    problem("envelope " + ordinal + " of message " + new SpoolId(id)
                            + " was set aside" + (deliverable(id, ordinal)
                                    ? ", but can be delivered"
                                    : " and cannot be delivered"));
                    if (mend != null && deliverable(id, ordinal)) {
                        mend.delete(Store.Family.STATE, key);
                    } else {
                        place(id, ordinal);
                    }
                    return true;
                });
    }

    private void readEnvelopes() {
        scan(Store.Family.ENVELOPE, (key, value) -> {
            long id = Keys.longAt(key, 0);
            int ordinal = Keys.intAt(key, 8);
            newestId = Math.max(newestId, id);
            if (!hasPlace(id, ordinal)) {
                looked++;
                problem("envelope " + ordinal + " of message " + new SpoolId(id)
                        + " has no due time");
                if (mend != null) {
                    giveDueTime(id, ordinal, value);
                }
            }
            return true;
        });
    }

    private void giveDueTime(long id, int ordinal, byte[] record) {
        SpoolMend mending = Objects.requireNonNull(mend);
        EnvelopeCodec.Stored stored;
        try {
            stored = EnvelopeCodec.read(record);
        } catch (SpoolException damaged) {
            mending.setAside(new Place(0, id, ordinal), 0,
                    Schedule.fresh(0, 0).encode(),
                    String.valueOf(damaged.getMessage()));
            return;
        }
        long accepted = stored.acceptedEpochMillis();
        long since = Math.max(accepted, stored.options().releaseEpochMillis());
        long due = Math.max(nowEpochMillis, since);
        // However old it is: it was not its fault that nobody tried.
        long expires = due + config.retry().of(stored.queue().lane()).maxAge().toMillis();
        Schedule schedule = Schedule.fresh(since, expires);
        if (stored.facts().sizeBytes() > 0 && !whole.contains(id)) {
            mending.setAside(new Place(0, id, ordinal), 0, schedule.encode(),
                    "content is damaged or missing");
            return;
        }
        int number = queue(mending, stored.queue());
        add(sum(number), since, expires);
        mending.put(Store.Family.SCHEDULE,
                Keys.schedule(number, new Place(due, id, ordinal)), schedule.encode());
    }

    /** Number of a queue, a new one when it has none. */
    private int queue(SpoolMend mending, QueueKey key) {
        Integer known = numbers.get(key);
        if (known != null) {
            return known;
        }
        int number = ++highestQueue;
        names.put(number, key);
        numbers.put(key, number);
        mending.put(Store.Family.STATE, Keys.state(Keys.QUEUE_NAME, number),
                QueueCodec.name(key));
        return number;
    }

    // ------------------------------------------------------------------ what is left over

    private void readEvents() {
        scan(Store.Family.EVENT, (key, value) -> {
            newestEvent = Math.max(newestEvent, Keys.longAt(key, 0));
            try {
                EventCodec.decode(value);
            } catch (SpoolException damaged) {
                problem("event " + Keys.longAt(key, 0) + ": " + damaged.getMessage());
                if (mend != null) {
                    mend.delete(Store.Family.EVENT, key);
                }
            }
            return true;
        });
    }

    /** Gives messages the envelopes they lack, as far as the journal knows for whom they are. */
    private void rebuild() {
        bereft.addAll(nobodys.keySet());
        EnvelopeRebuild lost = new EnvelopeRebuild(store, config, newestEvent);
        for (long id : bereft) {
            List<Operation.NewEnvelope> found = lost.missing(id, nowEpochMillis);
            String message = "message " + new SpoolId(id);
            if (!found.isEmpty()) {
                problem(message + " lacks " + found.size() + " envelopes, which the journal knows");
                rebuild(id, found);
                continue;
            }
            unlessRebuilt.getOrDefault(id, List.of()).forEach(Runnable::run);
            if (nobodys.containsKey(id) && !asideOf.containsKey(id)
                    && !unlessRebuilt.containsKey(id)) {
                problem("content of " + message + " is nobody's");
                if (mend != null) {
                    slots.leave(new SpoolId(id), nobodys.get(id));
                    mend.removeContent(new SpoolId(id), nobodys.get(id));
                }
            } else {
                problem(message + " lacks an envelope that the journal does not know");
            }
        }
    }

    private void rebuild(long id, List<Operation.NewEnvelope> found) {
        if (nobodys.containsKey(id)) {
            liveBytes += found.getFirst().entry().envelope().facts().sizeBytes();
        }
        SpoolMend mending = mend;
        if (mending == null) {
            return;
        }
        asideOf.getOrDefault(id, List.of())
                .forEach(key -> mending.delete(Store.Family.STATE, key));
        for (Operation.NewEnvelope one : found) {
            Envelope envelope = one.entry().envelope();
            int number = queue(mending, envelope.queue());
            add(sum(number), envelope.agesFrom(), envelope.expiresEpochMillis());
            mending.put(Store.Family.ENVELOPE, Keys.envelope(envelope.id(), envelope.ordinal()),
                    Objects.requireNonNull(one.record()));
            mending.put(Store.Family.SCHEDULE, Keys.schedule(number, one.entry().place()),
                    one.schedule());
        }
    }

    /** Counts an envelope that is due now. */
    private void add(Sum sum, long sinceEpochMillis, long expiresEpochMillis) {
        sum.envelopes++;
        sum.oldestMillis = Math.min(sum.oldestMillis, sinceEpochMillis);
        sum.expiryMillis = Math.min(sum.expiryMillis, expiresEpochMillis);
        sum.headMillis = Math.min(sum.headMillis, nowEpochMillis);
    }

    private void compareCounts() {
        sums.forEach((number, sum) -> {
            byte[] stored = store.get(Store.Family.STATE,
                    Keys.state(Keys.QUEUE_COUNT, number));
            QueueCodec.Count said = QueueCodec.Count.NONE;
            boolean right = true;
            try {
                said = stored == null ? said : QueueCodec.count(stored);
                right = said.envelopes() == sum.envelopes && said.held() == sum.held
                        && (sum.envelopes == 0 || (said.oldestEpochMillis() <= sum.oldestMillis
                                && said.headDueEpochMillis() <= sum.headMillis
                                && said.expiryEpochMillis() <= sum.expiryMillis));
            } catch (SpoolException damaged) {
                right = false;
            }
            if (!right) {
                problem("queue " + names.get(number) + " is said to have " + said.envelopes()
                        + " envelopes and " + said.held() + " held ones, it has " + sum.envelopes
                        + " and " + sum.held);
                if (mend != null) {
                    mend.put(Store.Family.STATE, Keys.state(Keys.QUEUE_COUNT, number),
                            QueueCodec.count(sum.count()));
                }
            }
        });
    }

    private void compareProgress() {
        Progress said = Progress.NONE;
        boolean right = false;
        try {
            byte[] stored = store.get(Store.Family.STATE, Keys.PROGRESS);
            said = stored == null ? Progress.NONE : Progress.decode(stored);
            right = said.liveBytes() == liveBytes && said.keptBytes() == keptBytes
                    && said.newestEvent() >= newestEvent && said.newestId() >= newestId;
        } catch (SpoolException damaged) {
            out.accept("progress: " + damaged.getMessage());
        }
        if (!right) {
            problem("progress does not fit: " + said.liveBytes() + " bytes of contents are said"
                    + " to wait, " + liveBytes + " do");
        }
        if (mend != null) {
            mend.put(Store.Family.STATE, Keys.PROGRESS, new Progress(said.batch() + 1,
                    Math.max(newestEvent, said.newestEvent()),
                    Math.max(nowEpochMillis, said.spoolEpochMillis()),
                    Math.max(newestId, said.newestId()), said.steppedAtEpochMillis(),
                    said.stepMillis(), Math.max(highestQueue + 1, said.nextQueueNumber()),
                    liveBytes, keptBytes,
                    Progress.LogMark.outside(Progress.LogMark.newRun())).encode());
        }
    }
}
