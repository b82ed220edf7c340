// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Event;
import io.mailrace.core.Metrics;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.SourceGate.Wait;
import io.mailrace.delivery.WarmupTrack.Action;
import io.mailrace.delivery.WarmupTrack.Decision;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import io.mailrace.queue.SpoolException;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Warm-up at work: a {@link WarmupTrack} for each source that is warmed up and each provider it has
 * mail for, on disk. What may be sent is written before it is sent, so a crash can waste a fiftieth
 * of a cap but never exceed it; what became of it is counted in the batch of its settlement; each
 * decision stands in the batch of its event. Any thread; never blocks after the start. As many
 * tracks as there are such sources times providers. Long because what is written, counted and
 * decided of a track is one thing under one lock.
 */
final class Warmup implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Warmup.class);
    private static final String TRACK = "warmup/track/";
    private static final String COUNT = "warmup/count/";
    private static final String VOLUME = "warmup/volume/";
    private static final int MAX_WHY = 500;
    private static final int KEPT_DAYS = 60;
    private static final long WRITING_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    private static final long PART_NANOS = TimeUnit.MINUTES.toNanos(1);
    /** Mail under way is not counted yet: so much more may begin. */
    private static final long AHEAD = 100;
    private static final long FAILED_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** A source at a provider. */
    record Key(String source, String provider) {
        /** Not to be confused, whatever is in the names. */
        private String memo() {
            return source.length() + ":" + source + "/" + provider;
        }
    }

    /** The right to begin one message, taken from a track. */
    record Pass(Key key, WarmupTrack.Ticket ticket) {}

    /**
     * How many messages may begin now.
     *
     * @param others of them, mail of other recipients than engaged ones
     */
    record Room(long all, long others) {
        static final Room NONE = new Room(0, 0);
    }

    /** A track with what is needed around it. Guards the track. */
    private static final class Place {
        final Key key;
        final WarmupTrack track;
        final double part;
        AtomicLong volume = new AtomicLong();
        long volumeDay = Long.MIN_VALUE;
        boolean writing;
        long failedUntilNanos;
        boolean failed;

        Place(Key key, WarmupTrack track, double part) {
            this.key = key;
            this.part = part;
            this.track = track;
        }
    }

    private final TimeSource time;
    private final Memos memos;
    private final WarmupMeters meters;
    private final WarmupSources sources;
    private final Map<Key, Place> places = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> volumes = new ConcurrentHashMap<>();
    private volatile Runnable changed = () -> {};

    /** Takes up what is on disk: blocks. */
    Warmup(DeliveryConfig config, TimeSource time, Memos memos, Metrics metrics,
            WarmupGate gate) {
        this.time = time;
        this.memos = memos;
        meters = new WarmupMeters(metrics);
        sources = new WarmupSources(config, time, memos, gate);
        forgetOld();
        memos.beginningWith(VOLUME).forEach((name, value) -> volumes.put(name, new AtomicLong(
                numbers(value).stream().findFirst().orElse(0L))));
        Map<String, byte[]> tracks = memos.beginningWith(TRACK);
        for (String source : config.sources().keySet()) {
            for (String provider : config.providers().names()) {
                byte[] stored = tracks.get(TRACK + new Key(source, provider).memo());
                if (stored != null && sources.plan(source).isPresent()) {
                    restore(new Key(source, provider), stored);
                }
            }
        }
    }

    private static List<Long> numbers(byte[] value) {
        return Memos.Addition.numbers(value);
    }

    private void restore(Key key, byte[] stored) {
        Map<String, byte[]> counts = memos.beginningWith(COUNT + key.memo() + "/");
        Function<Long, List<Long>> ofDay = day -> numbers(counts.getOrDefault(countOf(key, day),
                new byte[0]));
        WarmupPlan plan = sources.plan(key.source()).orElseThrow();
        Optional<WarmupTrack.Restored> restored = WarmupTrack.decode(stored, plan, key.provider(),
                ofDay);
        if (restored.isEmpty()) {
            LOG.error("warm-up not understood, begins anew source={} provider={}", key.source(),
                    key.provider());
            return;
        }
        Place place = add(key, restored.get().track());
        restored.get().changed().ifPresent(decision -> {
            synchronized (place) {
                decided(place, List.of(decision));
            }
        });
    }

    /** The counts of days long gone. */
    private void forgetOld() {
        List<Memos.Change> old = new ArrayList<>();
        long first = Math.floorDiv(time.epochMillis(), TimeUnit.DAYS.toMillis(1)) - KEPT_DAYS;
        for (String prefix : List.of(COUNT, VOLUME)) {
            memos.each(prefix, (name, value) -> {
                String day = name.substring(name.lastIndexOf('/') + 1);
                if (old.size() < 10_000 && Long.parseLong(day) < first) {
                    old.add(Memos.Change.remove(name));
                }
            });
        }
        if (!old.isEmpty()) {
            write(old, List.of());
        }
    }

    private Place add(Key key, WarmupTrack track) {
        Place made = new Place(key, track, sources.part(key.source()));
        track.offered(day -> (long) (made.part * volume(key.provider(), track.plan().hours(),
                day)));
        Place known = places.putIfAbsent(key, made);
        if (known == null) {
            meters.track(key, () -> read(made, () -> track.cap(volume(made))),
                    () -> read(made, () -> today(made).used()),
                    () -> read(made, () -> today(made).accepted()),
                    () -> read(made, () -> track.step() + 1L),
                    () -> read(made, () -> track.paused(time.epochMillis()) ? 1L : 0L));
        }
        return known == null ? made : known;
    }

    private static long read(Place place, LongSupplier value) {
        synchronized (place) {
            return value.getAsLong();
        }
    }

    private WarmupDay today(Place place) {
        return place.track.day(place.track.plan().hours().dayOf(time.epochMillis()));
    }

    WarmupSources sources() {
        return sources;
    }

    /** Runs {@code listener}, on any thread, when an operator or a gate changed something. */
    void onChange(Runnable listener) {
        changed = listener;
        sources.onChange(listener);
    }

    /** Asks the gate about sources that wait for it. Now and then. */
    void sweep() {
        sources.ask();
    }

    // ------------------------------------------------------------------ for dispatchers

    /** Whether there is anything to ask about at all. */
    boolean idle() {
        return sources.none();
    }

    /** Whether a source is not warm yet at a provider. */
    boolean cold(String source, String provider) {
        if (sources.plan(source).isEmpty()) {
            return false;
        }
        Place place = place(new Key(source, provider));
        synchronized (place) {
            turn(place);
            return !place.track.warm();
        }
    }

    /** Whether mail of that tag goes first from that source. */
    boolean engaged(String source, String tag) {
        return sources.plan(source).filter(plan -> plan.engaged(tag)).isPresent();
    }

    private Place place(Key key) {
        Place known = places.get(key);
        if (known != null) {
            return known;
        }
        WarmupPlan plan = sources.plan(key.source()).orElseThrow();
        Place place = add(key, new WarmupTrack(plan, key.provider()));
        synchronized (place) {
            if (!place.writing && place.track.days().isEmpty() && place.track.step() == 0) {
                decided(place, List.of(new Decision(Action.BEGIN, plan.steps(key.provider())
                        + " steps")));
            }
        }
        return place;
    }

    /** How many first attempts may begin from a cold source now. */
    Room room(String source, String provider) {
        if (!sources.admitted(source)) {
            return Room.NONE;
        }
        Place place = place(new Key(source, provider));
        synchronized (place) {
            turn(place);
            long now = time.epochMillis();
            long all = Math.min(place.track.room(now, volume(place)), ofItsPart(place));
            WarmupPlan plan = place.track.plan();
            if (all < 1 || plan.engaged().isEmpty()) {
                return new Room(all, all);
            }
            int hour = plan.hours().hourOf(now);
            long begun = plan.byShare() ? today(place).used() : today(place).used(hour);
            return new Room(all, Math.clamp(place.track.evenly(now, volume(place)) - begun, 0,
                    all));
        }
    }

    /** Whether mail of certain tags goes first from that source. */
    boolean prefers(String source) {
        return sources.plan(source).filter(plan -> !plan.engaged().isEmpty()).isPresent();
    }

    /** Why mail that servers have seen may not go by a cold source; null: it may. */
    @Nullable
    Wait waitAgain(String source, String provider) {
        if (!sources.admitted(source)) {
            return new Wait(TimeUnit.MILLISECONDS.toNanos(sources.waitMillis(source)),
                    sources.whyNot(source));
        }
        Place place = place(new Key(source, provider));
        synchronized (place) {
            turn(place);
            long now = time.epochMillis();
            return place.track.paused(now)
                    ? new Wait(TimeUnit.MILLISECONDS.toNanos(Math.clamp(
                            place.track.pausedUntil() - now, 1, TimeUnit.HOURS.toMillis(1))),
                            sentence(place))
                    : null;
        }
    }

    /** Why no first attempt may begin from a cold source; null: one may. */
    @Nullable
    Wait wait(String source, String provider) {
        if (!sources.admitted(source)) {
            return new Wait(TimeUnit.MILLISECONDS.toNanos(sources.waitMillis(source)),
                    sources.whyNot(source));
        }
        Place place = place(new Key(source, provider));
        synchronized (place) {
            turn(place);
            long now = time.epochMillis();
            if (place.track.room(now, volume(place)) < 1) {
                long millis = Math.clamp(place.track.nextRoom(now) - now, 1,
                        TimeUnit.HOURS.toMillis(1));
                return new Wait(TimeUnit.MILLISECONDS.toNanos(millis), sentence(place));
            }
            if (ofItsPart(place) < 1) {
                return new Wait(PART_NANOS, "source " + source + " has its part of the mail to "
                        + provider);
            }
            long failed = place.failedUntilNanos - time.nanos();
            if (place.failed && failed > 0) {
                return new Wait(failed, "the warm-up of source " + source
                        + " cannot be counted: the disk refuses it");
            }
            grant(place);
            int hour = place.track.plan().hours().hourOf(now);
            return today(place).spare(hour) > 0 ? null
                    : new Wait(WRITING_NANOS, "the warm-up of source " + source
                            + " is being counted");
        }
    }

    /** What is left of what a warm source would get of today's mail, and some more to begin. */
    private long ofItsPart(Place place) {
        if (place.part >= 1 || place.track.plan().byShare()) {
            return Long.MAX_VALUE;
        }
        return Math.max(0, (long) (place.part * volume(place)) + AHEAD + place.track.cap(0) / 20
                - today(place).used());
    }

    /** Messages it may send today; 0: it is warm, or not warmed up. */
    long cap(Key key) {
        Place place = places.get(key);
        return place == null ? 0 : read(place, () -> place.track.cap(volume(place)));
    }

    /** Takes the right to begin a first attempt from a cold source; null: there is none now. */
    @Nullable
    Pass take(String source, String provider) {
        if (!sources.admitted(source)) {
            return null;
        }
        Place place = place(new Key(source, provider));
        synchronized (place) {
            turn(place);
            if (ofItsPart(place) < 1) {
                return null;
            }
            grant(place);
            WarmupTrack.Ticket ticket = place.track.take(time.epochMillis(), volume(place));
            grant(place); // so that the next one need not wait for the disk
            return ticket == null ? null : new Pass(place.key, ticket);
        }
    }

    /** The message did not begin after all. */
    void giveBack(Pass pass) {
        Place place = places.get(pass.key());
        if (place != null) {
            synchronized (place) {
                place.track.giveBack(pass.ticket());
            }
        }
    }

    /** A reply to mail from a source says that the provider blocks it. */
    void blocked(String source, String provider, String reply) {
        Place place = places.get(new Key(source, provider));
        if (place == null) {
            return;
        }
        synchronized (place) {
            place.track.blocked(time.epochMillis(), Ascii.clean(reply, MAX_WHY))
                    .ifPresent(decision -> {
                        meters.alert();
                        decided(place, List.of(decision));
                    });
        }
        changed.run();
    }

    /**
     * An attempt is over: what is to be counted in the batch of its settlement.
     *
     * @param source it went by; empty: none
     * @param outcome empty when nothing was tried
     */
    List<Memos.Addition> finished(String source, String provider, boolean first,
            Optional<Pass> pass, Optional<WarmupDay.Outcome> outcome) {
        if (sources.none()) {
            return List.of();
        }
        if (outcome.isEmpty()) {
            pass.ifPresent(this::giveBack);
            return List.of();
        }
        List<Memos.Addition> additions = new ArrayList<>(3);
        if (first && !provider.isEmpty()) {
            long now = time.epochMillis();
            for (WarmupPlan.Hours hours : sources.zones()) {
                String name = volumeOf(provider, hours, hours.dayOf(now));
                volumes.computeIfAbsent(name, key -> new AtomicLong()).incrementAndGet();
                additions.add(new Memos.Addition(name, List.of(1L)));
            }
        }
        Place place = pass.isPresent() ? places.get(pass.get().key())
                : places.get(new Key(source, provider));
        if (place != null) {
            synchronized (place) {
                count(place, pass, outcome.get(), additions);
            }
        }
        return additions;
    }

    private void count(Place place, Optional<Pass> pass, WarmupDay.Outcome outcome,
            List<Memos.Addition> additions) {
        if (pass.isEmpty()) {
            if (place.track.warm() && place.track.touch(time.epochMillis())) {
                write(List.of(change(place)), List.of());
            }
            return;
        }
        place.track.finished(pass.get().ticket(), outcome).ifPresent(decision -> decided(place,
                List.of(decision)));
        additions.add(new Memos.Addition(countOf(place.key, pass.get().ticket().day()),
                outcome.one()));
        meters.finished(place.key, outcome);
    }

    /** One line for people on a cold source. */
    String sentence(String source, String provider) {
        if (!sources.admitted(source)) {
            return sources.whyNot(source);
        }
        Place place = place(new Key(source, provider));
        synchronized (place) {
            turn(place);
            return sentence(place);
        }
    }

    /** Whether mail waits for that reason because of a warm-up. */
    static boolean isWhy(String why) {
        return why.startsWith("the warm-up of source ") || (why.startsWith("source ")
                && why.contains(" warms up at "));
    }

    private String sentence(Place place) {
        WarmupTrack track = place.track;
        String subject = "source " + place.key.source() + " warms up at " + place.key.provider();
        long now = time.epochMillis();
        if (track.paused(now)) {
            return subject + ": paused" + (track.pausedUntil() == WarmupTrack.FOR_GOOD ? ""
                    : " until " + Instant.ofEpochMilli(track.pausedUntil()).toString()
                            .replaceFirst("\\.[0-9]+Z", "Z"))
                    + ": " + track.pausedWhy();
        }
        long volume = volume(place);
        WarmupDay day = today(place);
        int hour = track.plan().hours().hourOf(now);
        return subject + ": step " + (track.step() + 1) + " of plan " + track.plan().name() + ", "
                + day.used() + " of " + track.cap(volume) + " sent today"
                + (hour < 0 ? ", and not at this hour"
                        : track.plan().byShare() ? ""
                                : ", " + day.used(hour) + " of " + track.hourCap(now, volume)
                                        + " this hour");
    }

    // ------------------------------------------------------------------ on disk

    private static String countOf(Key key, long day) {
        return COUNT + key.memo() + "/" + day;
    }

    private static String volumeOf(String provider, WarmupPlan.Hours hours, long day) {
        return VOLUME + hours.zone() + "/" + provider + "/" + day;
    }

    /** First attempts of all sources at the provider today. */
    private long volume(Place place) {
        WarmupPlan.Hours hours = place.track.plan().hours();
        long day = hours.dayOf(time.epochMillis());
        if (day != place.volumeDay) {
            place.volumeDay = day;
            place.volume = volumes.computeIfAbsent(volumeOf(place.key.provider(), hours, day),
                    key -> new AtomicLong());
        }
        return place.volume.get();
    }

    /** First attempts of all sources at a provider on a day. */
    long volume(String provider, WarmupPlan.Hours hours, long day) {
        AtomicLong count = volumes.get(volumeOf(provider, hours, day));
        return count == null ? 0 : count.get();
    }

    private void turn(Place place) {
        List<Decision> decisions = place.track.turn(time.epochMillis(), time.nanos());
        if (!decisions.isEmpty()) {
            decided(place, decisions);
        }
    }

    private Memos.Change change(Place place) {
        return Memos.Change.put(TRACK + place.key.memo(), place.track.encode());
    }

    private void decided(Place place, List<Decision> decisions) {
        List<Event> events = new ArrayList<>();
        for (Decision one : decisions) {
            WarmupTrack track = place.track;
            events.add(new Event.WarmupStep(time.epochMillis(), place.key.source(),
                    place.key.provider(), track.plan().name(), one.action().word(),
                    track.step() + 1, track.cap(volume(place)), Ascii.clean(one.why(),
                            MAX_WHY)));
            meters.decided(one.action());
        }
        // said when written: event loops wait for the lock of a place, which is held here
        memos.write(List.of(change(place)), events, Runnable::run, new CommitListener() {
            @Override
            public void committed() {
                events.forEach(Warmup::say);
            }

            @Override
            public void failed(SpoolException why) {
                events.forEach(Warmup::say);
                notWritten(why);
            }
        });
    }

    private static void say(Event event) {
        if (!(event instanceof Event.WarmupStep step)) {
            return;
        }
        boolean alert = step.action().equals(Action.BLOCK.word());
        LOG.atLevel(alert ? Level.WARN : Level.INFO).log(
                "warm-up source={} provider={} action={} step={} reason=\"{}\"", step.source(),
                step.provider(), step.action(), step.step(), step.why());
    }

    /** Has more written ahead when little is left. Changes of one track are in order: its lock. */
    private void grant(Place place) {
        if (place.writing || (place.failed && place.failedUntilNanos - time.nanos() > 0)) {
            return;
        }
        WarmupTrack.Grant grant = place.track.wanted(time.epochMillis(), volume(place));
        if (grant == null) {
            return;
        }
        place.writing = true;
        memos.write(List.of(change(place)), List.of(), Runnable::run, new CommitListener() {
            @Override
            public void committed() {
                synchronized (place) {
                    place.writing = false;
                    place.failed = false;
                    place.track.granted(grant);
                }
            }

            @Override
            public void failed(SpoolException why) {
                synchronized (place) {
                    place.writing = false;
                    place.failed = true;
                    place.failedUntilNanos = time.nanos() + FAILED_NANOS;
                    place.track.refused(grant);
                }
                LOG.warn("warm-up not counted, nothing goes meanwhile source={} reason=\"{}\"",
                        place.key.source(), why.getMessage());
            }
        });
    }

    private void write(List<Memos.Change> changes, List<Event> events) {
        memos.write(changes, events, Runnable::run,
                CommitListener.onFailure(Warmup::notWritten));
    }

    private static void notWritten(SpoolException why) {
        LOG.error("warm-up decided but not on disk: a restart decides again reason=\"{}\"",
                why.getMessage());
    }

    // ------------------------------------------------------------------ for operators

    /** What is done to tracks; the answer is what it decided. */
    interface Order {
        Decision on(WarmupTrack track);
    }

    /** Does something to the tracks of a source, at one provider or at all; how many. */
    int order(String source, String provider, Order order) {
        int done = 0;
        for (Place place : places.values()) {
            if (place.key.source().equals(source)
                    && (provider.isEmpty() || place.key.provider().equals(provider))) {
                synchronized (place) {
                    turn(place);
                    decided(place, List.of(order.on(place.track)));
                }
                done++;
            }
        }
        changed.run();
        return done;
    }

    /** Begins a source by an operator's word, without asking the gate when it says so. */
    void start(String source, String plan, Optional<LocalDate> first, boolean unasked) {
        sources.join(source, plan, first, unasked);
        changed.run();
    }

    /** Messages of today that recipients called spam. */
    boolean complained(String source, String provider, long count) {
        Place place = places.get(new Key(source, provider));
        if (place == null) {
            return false;
        }
        synchronized (place) {
            place.track.complained(place.track.plan().hours().dayOf(time.epochMillis()), count);
            write(List.of(change(place)), List.of());
        }
        return true;
    }

    /** What a visitor is shown: a copy of each track, in order of source and provider. */
    interface Visitor {
        void track(Key key, WarmupTrack track, long volume);
    }

    /** Shows each track, up to date. The visitor may take its time: no lock is held. */
    void each(Visitor visitor) {
        Map<String, Place> sorted = new TreeMap<>();
        places.forEach((key, place) -> sorted.put(key.source() + " " + key.provider(), place));
        for (Place place : sorted.values()) {
            WarmupTrack track;
            long volume;
            synchronized (place) {
                turn(place);
                track = place.track.copy();
                volume = volume(place);
            }
            visitor.track(place.key, track, volume);
        }
    }

    long now() {
        return time.epochMillis();
    }

    /** Writes what is not used of what was written ahead. The spool must still take writes. */
    @Override
    public void close() {
        for (Place place : places.values()) {
            synchronized (place) {
                if (!place.writing) {
                    place.track.settleGrants();
                    write(List.of(change(place)), List.of());
                }
            }
        }
    }
}
