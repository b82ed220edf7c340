// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One queue: its mail is on disk; a bounded window of it, what is taken, and where the rest begins
 * are here. Any thread; its monitor guards everything and is held for moments only. Nothing is
 * called with it held but {@link SpoolTimer#schedule}.
 */
final class QueueState implements MailQueue {
    /*
     * Each committed envelope of the queue is in exactly one of: window, aside, taken, claimed, or
     * on disk only ("unloaded", which is never counted but is count minus the others).
     *
     * Aside: due mail no server has seen, while such mail is parked. It goes there when it is the
     * first of the window and comes back when the parking ends; when there is no room it stays the
     * first and keeps what is behind it.
     *
     * Frontier: every unloaded envelope stands at the frontier or behind it, so a load begins
     * there. Envelopes that arrive before the frontier go into the window at once, whatever the
     * clocks did. Behind it they go into the window only when due and when nothing unloaded stands
     * before them; then the frontier moves behind them. Envelopes in memory may stand behind the
     * frontier too (after the window was trimmed); a load recognises them.
     *
     * A load reads a snapshot without the monitor. Meanwhile the commit thread may publish:
     * arrivals behind the frontier pull the new frontier back (loadFloor), departures are
     * remembered (gone) so that the snapshot does not bring them back. It may also see what is
     * committed but not published yet; publishing then finds it in memory and leaves it there.
     *
     * Long because all that the one monitor guards is here.
     */
    static final int WINDOW = 1000;
    /** How much mail no server has seen is set aside at most while it is parked. */
    static final int ASIDE = 5000;
    private static final int PARKED_WINDOW = 16;
    private static final long LOAD_RETRY_MILLIS = 1000;
    /** Who has to wait longer finds the bytes of his mail on disk. */
    private static final long SOON_MILLIS = 1000;
    /** What {@link QueueTable#act} is asked to do once the monitor is free. */
    static final int NOTIFY = 1;
    static final int LOAD = 2;

    private final int number;
    private final QueueKey key;
    private final QueueTable table;

    private final TreeMap<Place, Entry> window = new TreeMap<>();
    private final TreeMap<Place, Entry> aside = new TreeMap<>();
    private final Map<Entry.Name, Entry> taken = new HashMap<>();
    /** Taken ones whose settlement is on its way, and envelopes the spool itself settles. */
    private final Set<Entry.Name> claimed = new HashSet<>();
    private final Set<Place> gone = new HashSet<>();
    private Place frontier = Place.FIRST;
    private long diskHeadMillis = Long.MAX_VALUE;
    private @Nullable Place loadFloor;
    private boolean loading;
    private int snapshots;
    private boolean armed = true;
    private long windowBytes;
    private long asideBytes;
    private long timerMillis;
    private long loadAfterMillis;
    private long parkedUntilMillis;
    private String parkedWhy = "";
    private long untriedUntilMillis;
    private String untriedWhy = "";
    private long count;
    private long held;
    private long oldestMillis = Long.MAX_VALUE;
    /** Lower bound of the times at which its mail is given up. */
    private long expiryMillis = Long.MAX_VALUE;
    /** The same of what arrived since a sweep of it began. */
    private long expirySinceSweep = Long.MAX_VALUE;
    private long emptySinceNanos;
    private volatile boolean unreadable;
    /** Whether its name is on disk. Confined to {@code spool-commit}. */
    boolean named;

    QueueState(int number, QueueKey key, QueueTable table) {
        this.number = number;
        this.key = key;
        this.table = table;
        emptySinceNanos = table.nanos();
    }

    /** Takes up what the disk says at start. */
    synchronized void restore(QueueCodec.Count stored, long headDueMillis) {
        named = true;
        count = stored.envelopes();
        held = stored.held();
        oldestMillis = count == 0 ? Long.MAX_VALUE : stored.oldestEpochMillis();
        expiryMillis = count == 0 ? Long.MAX_VALUE : stored.expiryEpochMillis();
        diskHeadMillis = headDueMillis;
        table.counted(count, held);
    }

    @Override
    public QueueKey key() {
        return key;
    }

    @Override
    public long now() {
        return table.now();
    }

    int number() {
        return number;
    }

    @Override
    public List<Envelope> take(int max) {
        List<Envelope> out = new ArrayList<>(Math.clamp(max, 0, 64));
        int wake;
        synchronized (this) {
            long now = table.now();
            while (now >= parkedUntilMillis && out.size() < max && comesDue(now)) {
                Entry entry = window.pollFirstEntry().getValue();
                weigh(-entry.weightBytes());
                taken.put(entry.name(), entry);
                out.add(entry.envelope());
            }
            armed |= out.size() < max;
            wake = consider(now);
        }
        table.act(this, wake);
        return out;
    }

    @Override
    public void putBack(Envelope envelope) {
        int wake;
        synchronized (this) {
            Entry entry = taken.remove(nameOf(envelope));
            if (entry == null) {
                throw new IllegalStateException("put back what was not taken: " + envelope.id());
            }
            long now = table.now();
            place(entry, now);
            wake = consider(now);
        }
        table.act(this, wake);
    }

    @Override
    public void park(long untilEpochMillis, String why) {
        int wake;
        boolean news;
        synchronized (this) {
            long now = table.now();
            long until = table.fromWall(untilEpochMillis);
            // Prolonging for the same reason is no news: it may happen each minute for days.
            news = until > now && !(now < parkedUntilMillis && parkedWhy.equals(why));
            parkedUntilMillis = until > now ? until : 0;
            parkedWhy = until > now ? why : "";
            if (until > now) {
                // A parked queue must not hold memory that others could use.
                emptyAside();
                trim(PARKED_WINDOW);
            } else {
                untriedUntilMillis = 0;
                endAside(now);
            }
            wake = consider(now);
        }
        if (news) {
            table.parked(key, untilEpochMillis, why);
        }
        table.act(this, wake);
    }

    @Override
    public void parkUntried(long untilEpochMillis, String why) {
        int wake;
        boolean news;
        synchronized (this) {
            long now = table.now();
            long until = table.fromWall(untilEpochMillis);
            news = until > now && !(now < untriedUntilMillis && untriedWhy.equals(why));
            untriedUntilMillis = until > now ? until : 0;
            untriedWhy = why;
            endAside(now);
            wake = consider(now);
        }
        if (news) {
            table.parked(key, untilEpochMillis, why);
        }
        table.act(this, wake);
    }

    @Override
    public synchronized QueueStatus status() {
        long now = table.now();
        boolean whole = now < parkedUntilMillis;
        boolean parked = whole || now < untriedUntilMillis;
        long head = headMillis();
        return new QueueStatus(key, count, held, taken.size() + claimed.size(),
                head == Long.MAX_VALUE ? 0 : table.toWall(head),
                count == 0 || oldestMillis > now ? 0 : table.toWall(oldestMillis),
                parked ? table.toWall(whole ? parkedUntilMillis : untriedUntilMillis) : 0,
                !parked ? "" : whole ? parkedWhy : untriedWhy);
    }

    /** Hands a taken envelope to its settlement; nobody else can settle it or put it back. */
    synchronized Entry settling(Envelope envelope) {
        Entry.Name name = nameOf(envelope);
        Entry entry = taken.remove(name);
        if (entry == null) {
            throw new IllegalStateException("settled what was not taken: " + envelope.id());
        }
        claimed.add(name);
        return entry;
    }

    /** A settlement will not be written: the envelope is as it was before the attempt. */
    void unsettled(Entry entry) {
        int wake;
        synchronized (this) {
            long now = table.now();
            claimed.remove(entry.name());
            place(entry, now);
            wake = consider(now);
        }
        table.act(this, wake);
    }

    /** Claims an envelope for the spool itself; false when it is elsewhere already. */
    synchronized boolean claim(Place place) {
        Entry.Name name = new Entry.Name(place.id(), place.ordinal());
        if (gone.contains(place) || taken.containsKey(name) || !claimed.add(name)) {
            return false;
        }
        Entry entry = window.remove(place);
        if (entry != null) {
            weigh(-entry.weightBytes());
        }
        Entry waiting = aside.remove(place);
        if (waiting != null) {
            weighAside(-waiting.weightBytes());
        }
        return true;
    }

    /** Gives a claim up. */
    void unclaim(Place place) {
        int wake;
        synchronized (this) {
            claimed.remove(new Entry.Name(place.id(), place.ordinal()));
            leaveOnDisk(place);
            wake = consider(table.now());
        }
        table.act(this, wake);
    }

    /** Begins reading a snapshot of the disk; departures are remembered until it ends. */
    synchronized void beginSnapshot() {
        snapshots++;
    }

    synchronized void endSnapshot() {
        if (--snapshots == 0) {
            gone.clear();
        }
    }

    /** What a committed batch did to the queue. Called by {@code spool-commit} only. */
    void publish(List<Place> departures, List<Entry> arrivals, int heldChange) {
        int wake;
        synchronized (this) {
            long now = table.now();
            for (Place place : departures) {
                Entry.Name name = new Entry.Name(place.id(), place.ordinal());
                claimed.remove(name);
                count--;
                if (snapshots > 0) {
                    gone.add(place);
                }
            }
            if (count == 0) {
                oldestMillis = Long.MAX_VALUE;
                expiryMillis = Long.MAX_VALUE;
            }
            held += heldChange;
            // It may come back to a place it has left: a changed due time is changed again.
            arrivals.forEach(entry -> gone.remove(entry.place()));
            arrivals.forEach(this::age);
            // Those a load has met already are counted first: they are not on disk only.
            List<Entry> unmet = new ArrayList<>(arrivals.size());
            for (Entry entry : arrivals) {
                if (isKnown(entry.place())) {
                    count++;
                } else {
                    unmet.add(entry);
                }
            }
            for (Entry entry : unmet) {
                count++;
                placeNew(entry, now);
            }
            if (count == 0) {
                emptySinceNanos = table.nanos();
            }
            wake = consider(now);
        }
        table.counted(arrivals.size() - departures.size(), heldChange);
        table.act(this, wake);
    }

    private void age(Entry arriving) {
        long expires = arriving.envelope().expiresEpochMillis();
        oldestMillis = Math.min(oldestMillis, arriving.envelope().agesFrom());
        expiryMillis = Math.min(expiryMillis, expires);
        expirySinceSweep = Math.min(expirySinceSweep, expires);
    }

    /** Its time has come; stale calls are ignored. */
    void timer(long epochMillis) {
        int wake;
        synchronized (this) {
            if (timerMillis != epochMillis) {
                return;
            }
            timerMillis = 0;
            wake = consider(table.now());
        }
        table.act(this, wake);
    }

    /** Looks again whether the listener should be told. */
    void reconsider() {
        int wake;
        synchronized (this) {
            wake = consider(table.now());
        }
        table.act(this, wake);
    }

    synchronized long count() {
        return count;
    }

    synchronized long held() {
        return held;
    }

    synchronized int taken() {
        return taken.size() + claimed.size();
    }

    /**
     * No envelope will be due before this once a batch is on disk. Called by {@code spool-commit}
     * only, before the batch is written.
     */
    synchronized long headAfter(List<Place> departures, List<Entry> arrivals) {
        if (taken.size() + claimed.size() > departures.size()) {
            // What is taken stands in the schedule still, and is due.
            return 0;
        }
        long head = headMillis();
        for (Entry entry : arrivals) {
            head = Math.min(head, entry.place().dueEpochMillis());
        }
        return head;
    }

    /** Rows of it that cannot be read; it goes on with the others. */
    void damaged() {
        unreadable = true;
    }

    boolean isDamaged() {
        return unreadable;
    }

    synchronized long oldestMillis() {
        return oldestMillis;
    }

    synchronized long expiryMillis() {
        return count == 0 ? Long.MAX_VALUE : expiryMillis;
    }

    /** A sweep begins to read the whole queue; one at a time. */
    synchronized void beginSweep() {
        expirySinceSweep = Long.MAX_VALUE;
    }

    /**
     * What it found: what was on disk when it began is not older, and expires not earlier. What
     * arrived meanwhile it may not have seen.
     */
    synchronized void endSweep(long oldest, long expiry) {
        if (count > 0) {
            oldestMillis = Math.max(oldestMillis, oldest);
            expiryMillis = Math.max(expiryMillis, Math.min(expiry, expirySinceSweep));
        }
    }

    synchronized boolean isParked() {
        return table.now() < parkedUntilMillis;
    }

    /** Whether new mail can be sent at once or shortly after, as far as is known here. */
    synchronized boolean sendsSoon(Place arriving) {
        long latest = Math.max(arriving.dueEpochMillis(),
                Math.max(parkedUntilMillis, untriedUntilMillis));
        return latest <= table.now() + SOON_MILLIS;
    }

    /**
     * Nothing in it and nobody waiting for it for that long. Who was told of its mail and has not
     * found it empty since counts on this object: mail of another of its name would wait unseen.
     */
    synchronized boolean idleFor(long nanos) {
        long now = table.now();
        return armed && count == 0 && held == 0 && taken.isEmpty() && claimed.isEmpty()
                && snapshots == 0
                && now >= parkedUntilMillis && now >= untriedUntilMillis
                && table.nanos() - emptySinceNanos >= nanos;
    }

    /** Where a load begins, and for how many envelopes and bytes of them there is room, about. */
    record LoadPlan(Place from, int room, long bytes, int known, long nowMillis) {}

    synchronized LoadPlan beginLoad() {
        snapshots++;
        loadFloor = null;
        int bound = table.windowBound();
        int room = Math.max(bound - window.size(), Math.max(1, bound / 2));
        long bytes = Math.max(QueueTable.MAX_WINDOW_BYTES - windowBytes,
                QueueTable.MAX_WINDOW_BYTES / 2);
        return new LoadPlan(frontier, room, bytes,
                window.size() + aside.size() + taken.size() + claimed.size(), table.now());
    }

    /** Whether a row of the disk is not in memory; asked during a load. */
    synchronized boolean isUnknown(Place place) {
        return !isKnown(place);
    }

    /**
     * Ends a load.
     *
     * @param next the first place not read, null when the queue ends before
     * @param last the last place read, null when there was none
     */
    void loaded(List<Entry> entries, @Nullable Place next, @Nullable Place last) {
        int wake;
        synchronized (this) {
            for (Entry entry : entries) {
                if (!isKnown(entry.place())) {
                    window.put(entry.place(), entry);
                    weigh(entry.weightBytes());
                }
            }
            if (next != null) {
                frontier = next;
                diskHeadMillis = next.dueEpochMillis();
            } else {
                frontier = last == null ? frontier : last.next();
                diskHeadMillis = Long.MAX_VALUE;
            }
            Place floor = loadFloor;
            if (floor != null) {
                frontier = floor.isBefore(frontier) ? floor : frontier;
                diskHeadMillis = Math.min(diskHeadMillis, floor.dueEpochMillis());
            }
            // still as loading: what was read may not be counted yet
            trim(table.windowBound());
            loading = false;
            endSnapshot();
            wake = consider(table.now());
        }
        table.act(this, wake);
    }

    /** A load could not read the disk: it is tried again a little later. */
    synchronized void loadFailed() {
        loading = false;
        loadFloor = null;
        endSnapshot();
        loadAfterMillis = table.now() + LOAD_RETRY_MILLIS;
        timerMillis = loadAfterMillis;
        table.timer().schedule(timerMillis, this);
    }

    private void place(Entry entry, long now) {
        if (!isKnown(entry.place())) {
            placeNew(entry, now);
        }
    }

    private void placeNew(Entry entry, long now) {
        Place place = entry.place();
        boolean inOrder = !loading && place.dueEpochMillis() <= now
                && (unloaded() <= 1 || place.dueEpochMillis() < diskHeadMillis);
        if (!place.isBefore(frontier) && !inOrder) {
            leaveOnDisk(place);
            return;
        }
        window.put(place, entry);
        weigh(entry.weightBytes());
        if (!place.isBefore(frontier)) {
            frontier = place.next();
        }
        trim(table.windowBound());
    }

    private void leaveOnDisk(Place place) {
        if (place.isBefore(frontier)) {
            frontier = place;
        }
        diskHeadMillis = !loading && unloaded() <= 1
                ? place.dueEpochMillis()
                : Math.min(diskHeadMillis, place.dueEpochMillis());
        if (loading && (loadFloor == null || place.isBefore(loadFloor))) {
            loadFloor = place;
        }
    }

    private void trim(int bound) {
        while (window.size() > bound
                || (window.size() > 1 && windowBytes > QueueTable.MAX_WINDOW_BYTES)) {
            Entry last = window.pollLastEntry().getValue();
            weigh(-last.weightBytes());
            leaveOnDisk(last.place());
        }
    }

    /** Decides what follows from the present state. Call after each change. */
    private int consider(long now) {
        int wake = 0;
        if (now >= parkedUntilMillis) {
            if (armed && table.listens() && comesDue(now)) {
                armed = false;
                wake |= NOTIFY;
            }
            if (wantsLoad(now) && loadAfterMillis <= now) {
                loading = true;
                wake |= LOAD;
            }
        }
        long wakeMillis = Math.max(nextMillis(now), parkedUntilMillis);
        if (wakeMillis <= now && wantsLoad(now)) {
            wakeMillis = loadAfterMillis;
        }
        if (wakeMillis > now && wakeMillis != Long.MAX_VALUE
                && (timerMillis == 0 || wakeMillis < timerMillis)) {
            timerMillis = wakeMillis;
            table.timer().schedule(wakeMillis, this);
        }
        return wake;
    }

    /** Whether due mail on disk is to be read: there is room, or it comes before the window. */
    private boolean wantsLoad(long now) {
        return !loading && unloaded() > 0 && diskHeadMillis <= now
                && ((window.size() <= table.windowBound() / 2
                        && windowBytes <= QueueTable.MAX_WINDOW_BYTES / 2)
                        || diskHeadMillis < window.firstKey().dueEpochMillis());
    }

    /** Whether the first of the window can be taken; sets aside what only waits. */
    private boolean comesDue(long now) {
        if (now >= untriedUntilMillis) {
            endAside(now);
            return hasDue(now);
        }
        while (hasDue(now) && !window.firstEntry().getValue().envelope().tried()) {
            if (!roomAside()) {
                return false;
            }
            Entry entry = window.pollFirstEntry().getValue();
            weigh(-entry.weightBytes());
            weighAside(entry.weightBytes());
            aside.put(entry.place(), entry);
        }
        return hasDue(now);
    }

    private boolean roomAside() {
        return aside.size() < ASIDE && asideBytes < QueueTable.MAX_WINDOW_BYTES
                && table.roomAside() && table.windowBound() == WINDOW;
    }

    /** Such mail is parked no more: it is in order again. */
    private void endAside(long now) {
        if (now >= untriedUntilMillis && !aside.isEmpty()) {
            emptyAside();
            trim(table.windowBound());
        }
    }

    private void emptyAside() {
        aside.values().forEach(entry -> {
            weighAside(-entry.weightBytes());
            weigh(entry.weightBytes());
        });
        window.putAll(aside);
        aside.clear();
    }

    private boolean hasDue(long now) {
        return !window.isEmpty() && window.firstKey().dueEpochMillis() <= now;
    }

    /** When something may have to be done; not before what waits aside may go. */
    private long nextMillis(long now) {
        boolean waits = now < untriedUntilMillis && (!aside.isEmpty()
                || (hasDue(now) && !roomAside()));
        long next = aside.isEmpty() && !waits ? headMillis() : headBesideAside(now);
        return waits ? Math.min(next, untriedUntilMillis) : next;
    }

    private long headBesideAside(long now) {
        long disk = unloaded() > 0 && diskHeadMillis > now ? diskHeadMillis : Long.MAX_VALUE;
        return window.isEmpty() || hasDue(now) ? disk
                : Math.min(disk, window.firstKey().dueEpochMillis());
    }

    private long headMillis() {
        long head = unloaded() > 0 ? diskHeadMillis : Long.MAX_VALUE;
        head = window.isEmpty() ? head : Math.min(head, window.firstKey().dueEpochMillis());
        return aside.isEmpty() ? head : Math.min(head, aside.firstKey().dueEpochMillis());
    }

    private long unloaded() {
        return Math.max(0, count - window.size() - aside.size() - taken.size() - claimed.size());
    }

    private boolean isKnown(Place place) {
        Entry.Name name = new Entry.Name(place.id(), place.ordinal());
        return window.containsKey(place) || aside.containsKey(place) || taken.containsKey(name)
                || claimed.contains(name)
                || gone.contains(place);
    }

    private void weigh(int bytes) {
        windowBytes += bytes;
        table.weigh(bytes);
    }

    private void weighAside(int bytes) {
        asideBytes += bytes;
        table.weighAside(bytes);
    }

    private static Entry.Name nameOf(Envelope envelope) {
        return new Entry.Name(envelope.id().value(), envelope.ordinal());
    }
}
