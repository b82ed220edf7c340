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
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
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
    private static final int MAX_WHY = 500;
    /** Stands for all providers in events about a whole source. */
    private static final String EVERYWHERE = "*";
    private static final long WRITING_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    private static final long PART_NANOS = TimeUnit.MINUTES.toNanos(1);
    /** Mail under way is not counted yet: so much more may begin. */
    private static final long AHEAD = 100;
    private static final long FAILED_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** A source at a provider. */
    record Key(String source, String provider) {
        /** Not to be confused, whatever is in the names. */
        String memo() {
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

    /** A track of a source whose plan is gone; what was warm by it is warm. */
    private record Shelved(WarmupDisk.Stored stored, boolean warm) {}

    private final TimeSource time;
    private final Memos memos;
    private final WarmupMeters meters;
    private final WarmupSources sources;
    private final WarmupDisk disk;
    private final WarmupVolumes volumes;
    private final Map<Key, WarmupPlace> places = new ConcurrentHashMap<>();
    /** Of sources whose plan is gone: until they get another one. */
    private final Map<Key, Shelved> shelved = new ConcurrentHashMap<>();
    private volatile Runnable opened = () -> {};
    private volatile Runnable closed = () -> {};

    /** Takes up what is on disk: blocks. */
    Warmup(DeliveryConfig config, TimeSource time, Memos memos, Metrics metrics,
            WarmupGate gate) {
        this.time = time;
        this.memos = memos;
        meters = new WarmupMeters(metrics);
        sources = new WarmupSources(config, time, memos, gate);
        disk = new WarmupDisk(memos, time.epochMillis());
        write(disk.removeOld(), List.of());
        volumes = new WarmupVolumes(memos, disk.firstDay());
        Map<String, String> moved = sources.moved();
        for (String source : sources.names()) {
            Map<Key, WarmupDisk.Stored> tracks = disk.tracks(source, config.providers().names());
            if (moved.containsKey(source)) {
                beginAnew(source, tracks, moved.get(source));
            } else if (sources.plan(source).isPresent()) {
                WarmupPlan plan = sources.plan(source).get();
                tracks.forEach((key, stored) -> restore(key, stored, plan));
            } else {
                tracks.forEach((key, stored) -> shelved.put(key, new Shelved(stored,
                        stored.warm(key, sources.anyPlan()))));
            }
        }
    }

    /** The source sends from an address no receiver knows: as if nothing had been sent. */
    private void beginAnew(String source, Map<Key, WarmupDisk.Stored> tracks, String why) {
        List<Memos.Change> changes = new ArrayList<>(List.of(sources.change(source)));
        List<Event> events = new ArrayList<>();
        tracks.forEach((key, stored) -> {
            changes.addAll(stored.removal(key));
            sources.plan(source).ifPresent(plan -> {
                WarmupPlace place = add(key, new WarmupTrack(plan, key.provider()));
                synchronized (place) {
                    place.begun = true;
                    events.addAll(told(place, List.of(new Decision(Action.RESET, why))));
                    changes.add(change(place));
                }
            });
        });
        LOG.warn("warm-up begins anew source={} reason=\"{}\"", source, why);
        write(changes, events);
    }

    private void restore(Key key, WarmupDisk.Stored stored, WarmupPlan plan) {
        Optional<WarmupTrack.Restored> restored = WarmupTrack.decode(stored.track(), plan,
                key.provider(), stored::countsOf);
        if (restored.isEmpty()) {
            LOG.error("warm-up not understood, begins anew source={} provider={}", key.source(),
                    key.provider());
            return;
        }
        WarmupPlace place = add(key, restored.get().track());
        synchronized (place) {
            place.begun = true;
            restored.get().changed().ifPresent(decision -> decided(place, List.of(decision)));
        }
    }

    private WarmupPlace add(Key key, WarmupTrack track) {
        WarmupPlace made = new WarmupPlace(key, track, sources.part(key.source()),
                meters.outcomes(key));
        track.offered(day -> (long) (made.part * volume(key.provider(), track.plan().hours(),
                day)));
        WarmupPlace known = places.putIfAbsent(key, made);
        if (known == null) {
            meters.track(key, () -> read(key, place -> place.track.cap(volume(place))),
                    () -> read(key, place -> today(place).used()),
                    () -> read(key, place -> today(place).accepted()),
                    () -> read(key, place -> place.track.step() + 1L),
                    () -> read(key, place -> sources.paused(key.source())
                            || place.track.paused(time.epochMillis()) ? 1L : 0L));
        }
        return known == null ? made : known;
    }

    private long read(Key key, ToLongFunction<WarmupPlace> value) {
        WarmupPlace place = places.get(key);
        if (place == null) {
            return 0;
        }
        synchronized (place) {
            return value.applyAsLong(place);
        }
    }

    private WarmupDay today(WarmupPlace place) {
        return place.track.day(place.track.plan().hours().dayOf(time.epochMillis()));
    }

    WarmupSources sources() {
        return sources;
    }

    /**
     * What to do, on any thread, when something was decided beside the course of days.
     *
     * @param opens an operator or a gate: mail that waited may go
     * @param closes a receiver blocked a source: less may go than was thought
     */
    void onChange(Runnable opens, Runnable closes) {
        opened = opens;
        closed = closes;
        sources.onChange(opens);
    }

    /** Asks the gate about sources that wait for it, and forgets old days. Now and then. */
    void sweep() {
        sources.ask();
        long before = disk.firstDay();
        List<Memos.Change> old = disk.trim(time.epochMillis(), places.keySet());
        if (disk.firstDay() != before) {
            old.addAll(volumes.trim(disk.firstDay()));
            write(old, List.of());
        }
    }

    // ------------------------------------------------------------------ for dispatchers

    /** Whether there is anything to ask about at all. */
    boolean idle() {
        return sources.none();
    }

    /** Whether a source is not warm yet at a provider. */
    boolean cold(String source, String provider) {
        if (!sources.has(source)) {
            return false;
        }
        Key key = new Key(source, provider);
        WarmupPlace place = place(key);
        if (place == null) {
            Shelved known = shelved.get(key);
            return sources.has(source) && (known == null || !known.warm());
        }
        synchronized (place) {
            turn(place);
            return !place.track.warm();
        }
    }

    /** Whether mail of that tag goes first from that source. */
    boolean engaged(String source, String tag) {
        return sources.plan(source).filter(plan -> plan.engaged(tag)).isPresent();
    }

    /** Null: its source is not warmed up, or its plan is gone. */
    private @Nullable WarmupPlace place(Key key) {
        WarmupPlace known = places.get(key);
        Optional<WarmupPlan> plan = known != null ? Optional.empty() : sources.plan(key.source());
        if (plan.isEmpty()) {
            return known;
        }
        WarmupPlace made = add(key, new WarmupTrack(plan.get(), key.provider()));
        if (!sources.has(key.source())) {
            places.remove(key, made);
            return null;
        }
        return made;
    }

    /** It begins when its source does; not before. */
    private void begin(WarmupPlace place) {
        String source = place.key.source();
        if (place.begun || !(sources.sends(source) || sources.complete(source))) {
            return;
        }
        place.begun = true;
        WarmupTrack track = place.track;
        int steps = track.plan().steps(place.key.provider());
        if (sources.complete(source)) {
            decided(place, List.of(track.step(steps, "it is complete at all providers")));
            return;
        }
        String why = steps + " steps";
        int to = track.step() > 0 || track.warm() ? 0 : stepOfDefault(place.key, track);
        if (to > 0) {
            track.step(to, why);
            why += ", on as far as it came at " + WarmupPlan.DEFAULT
                    + ", where this mail was counted before";
        }
        decided(place, List.of(new Decision(Action.BEGIN, why)));
    }

    /** How far it came while there was no such provider; the lock of that one is the inner one. */
    private int stepOfDefault(Key key, WarmupTrack track) {
        WarmupPlace base = sources.isNewer(key.provider(), key.source())
                ? places.get(new Key(key.source(), WarmupPlan.DEFAULT))
                : null;
        if (base == null || key.equals(base.key)) {
            return 0;
        }
        synchronized (base) {
            turn(base);
            int steps = track.plan().steps(key.provider());
            if (base.track.warm() || base.track.step() == 0) {
                return base.track.warm() ? steps : 0;
            }
            long size = base.track.plan().size(WarmupPlan.DEFAULT, base.track.step());
            int to = 0;
            while (to < steps - 1 && track.plan().size(key.provider(), to + 1) <= size) {
                to++;
            }
            return to;
        }
    }

    /** As below, where others can take the rest. */
    Room room(String source, String provider) {
        return room(source, provider, false);
    }

    /**
     * How many first attempts may begin from a cold source now.
     *
     * @param alone no warm source can take what it leaves, so its weight is no bound; the same
     *        below
     */
    Room room(String source, String provider, boolean alone) {
        WarmupPlace place = sources.sends(source) ? place(new Key(source, provider)) : null;
        if (place == null) {
            return Room.NONE;
        }
        synchronized (place) {
            turn(place);
            long now = time.epochMillis();
            long all = Math.min(place.track.room(now, volume(place)), ofItsPart(place, alone));
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
        WarmupPlace place = sources.sends(source) ? place(new Key(source, provider)) : null;
        if (place == null) {
            return new Wait(TimeUnit.MILLISECONDS.toNanos(sources.waitMillis(source)),
                    sources.whyNot(source));
        }
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

    /** As below, where others can take the rest. */
    @Nullable
    Wait wait(String source, String provider) {
        return wait(source, provider, false);
    }

    /** Why no first attempt may begin from a cold source; null: one may. */
    @Nullable
    Wait wait(String source, String provider, boolean alone) {
        WarmupPlace place = sources.sends(source) ? place(new Key(source, provider)) : null;
        if (place == null) {
            return new Wait(TimeUnit.MILLISECONDS.toNanos(sources.waitMillis(source)),
                    sources.whyNot(source));
        }
        synchronized (place) {
            turn(place);
            long now = time.epochMillis();
            if (place.track.room(now, volume(place)) < 1) {
                long millis = Math.clamp(place.track.nextRoom(now) - now, 1,
                        TimeUnit.HOURS.toMillis(1));
                return new Wait(TimeUnit.MILLISECONDS.toNanos(millis), sentence(place));
            }
            if (ofItsPart(place, alone) < 1) {
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
    private long ofItsPart(WarmupPlace place, boolean alone) {
        if (alone || place.part >= 1 || place.track.plan().byShare()) {
            return Long.MAX_VALUE;
        }
        long ahead = AHEAD + place.track.cap(0) / 20;
        return Math.max(0, (long) Math.ceil(place.part * (volume(place) + ahead))
                - today(place).used());
    }

    /** Messages it may send today; 0: it is warm, or not warmed up. */
    long cap(Key key) {
        return read(key, place -> place.track.cap(volume(place)));
    }

    /** As below, where others can take the rest. */
    @Nullable
    Pass take(String source, String provider) {
        return take(source, provider, false);
    }

    /** Takes the right to begin a first attempt from a cold source; null: there is none now. */
    @Nullable
    Pass take(String source, String provider, boolean alone) {
        WarmupPlace place = sources.sends(source) ? place(new Key(source, provider)) : null;
        if (place == null) {
            return null;
        }
        synchronized (place) {
            turn(place);
            if (place.gone || ofItsPart(place, alone) < 1) {
                return null;
            }
            grant(place);
            WarmupTrack.Ticket ticket = place.track.take(time.epochMillis(), volume(place));
            grant(place); // so that the next one need not wait for the disk
            return ticket == null ? null : new Pass(place.key, ticket);
        }
    }

    /** Whether a right that was taken still holds: in its hour, unless the source was stopped. */
    boolean holds(Pass pass) {
        WarmupPlace place = sources.sends(pass.key().source()) ? places.get(pass.key()) : null;
        if (place == null) {
            return false;
        }
        synchronized (place) {
            turn(place);
            long now = time.epochMillis();
            WarmupPlan.Hours hours = place.track.plan().hours();
            return !place.gone && !place.track.paused(now)
                    && pass.ticket().day() == hours.dayOf(now)
                    && pass.ticket().hour() == hours.hourOf(now);
        }
    }

    /** The message did not begin after all. */
    void giveBack(Pass pass) {
        WarmupPlace place = places.get(pass.key());
        if (place != null) {
            synchronized (place) {
                place.track.giveBack(pass.ticket());
            }
        }
    }

    /**
     * A reply to mail from a source says that the provider blocks it.
     *
     * @param site at the default provider nothing is decided before so many of them say so
     */
    void blocked(String source, String provider, String site, String reply) {
        WarmupPlace place = places.get(new Key(source, provider));
        if (place == null) {
            return;
        }
        synchronized (place) {
            String why = provider.equals(WarmupPlan.DEFAULT) && !place.track.warm()
                    ? place.blockedBySeveral(site, reply, time.epochMillis())
                    : reply;
            Optional<Decision> decision = why.isEmpty() ? Optional.empty()
                    : place.track.blocked(time.epochMillis(), Ascii.clean(why, MAX_WHY));
            if (decision.isEmpty()) {
                return;
            }
            meters.alert();
            decided(place, List.of(decision.get()));
        }
        closed.run();
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
                additions.add(volumes.add(provider, hours, now));
            }
        }
        WarmupPlace place = pass.isPresent() ? places.get(pass.get().key())
                : places.get(new Key(source, provider));
        if (place != null) {
            synchronized (place) {
                count(place, pass, outcome.get(), additions);
            }
        }
        return additions;
    }

    private void count(WarmupPlace place, Optional<Pass> pass, WarmupDay.Outcome outcome,
            List<Memos.Addition> additions) {
        if (pass.isEmpty()) {
            if (place.track.warm() && place.track.touch(time.epochMillis())) {
                write(List.of(change(place)), List.of());
            }
            return;
        }
        place.track.finished(pass.get().ticket(), outcome).ifPresent(decision -> decided(place,
                List.of(decision)));
        additions.add(new Memos.Addition(WarmupDisk.countOf(place.key,
                pass.get().ticket().day()), outcome.one()));
        Objects.requireNonNull(place.outcomes.get(outcome)).increment();
    }

    /** One line for people on a cold source. */
    String sentence(String source, String provider) {
        WarmupPlace place = sources.sends(source) ? place(new Key(source, provider)) : null;
        if (place == null) {
            return sources.whyNot(source);
        }
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

    private String sentence(WarmupPlace place) {
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

    /** First attempts of all sources at the provider today. */
    private long volume(WarmupPlace place) {
        WarmupPlan.Hours hours = place.track.plan().hours();
        long day = hours.dayOf(time.epochMillis());
        if (day != place.volumeDay) {
            place.volumeDay = day;
            place.volume = volumes.counter(place.key.provider(), hours, day);
        }
        return place.volume.get();
    }

    /** First attempts of all sources at a provider on a day. */
    long volume(String provider, WarmupPlan.Hours hours, long day) {
        return volumes.of(provider, hours, day);
    }

    /** What the day, the plan of its source and the word of its gate make of a track. */
    private void turn(WarmupPlace place) {
        WarmupPlan plan = sources.plan(place.key.source()).orElse(place.track.plan());
        if (!plan.equals(place.track.plan())) {
            follow(place, plan);
        }
        begin(place);
        List<Decision> decisions = place.track.turn(time.epochMillis(), time.nanos());
        if (!decisions.isEmpty()) {
            decided(place, decisions);
        }
    }

    /** One that has not begun yet begins with the first step of the other plan. */
    private void follow(WarmupPlace place, WarmupPlan plan) {
        boolean first = !place.begun && place.track.step() == 0 && !place.track.warm();
        place.volumeDay = Long.MIN_VALUE;
        Optional<Decision> decision = place.track.follow(plan);
        if (first) {
            place.track.step(0, "");
        } else {
            decision.ifPresent(one -> decided(place, List.of(one)));
        }
    }

    private static Memos.Change change(WarmupPlace place) {
        return Memos.Change.put(WarmupDisk.trackOf(place.key), place.track.encode());
    }

    private void decided(WarmupPlace place, List<Decision> decisions) {
        if (!place.gone) {
            write(List.of(change(place)), told(place, decisions));
        }
    }

    private List<Event> told(WarmupPlace place, List<Decision> decisions) {
        List<Event> events = new ArrayList<>();
        for (Decision one : decisions) {
            WarmupTrack track = place.track;
            events.add(event(place.key.source(), place.key.provider(), track.plan().name(),
                    new Decision(one.action(), Ascii.clean(
                            one.why(), MAX_WHY)),
                    track.step(), track.cap(volume(place))));
        }
        return events;
    }

    private Event event(String source, String provider, String plan, Decision of, int step,
            long cap) {
        meters.decided(of.action());
        return new Event.WarmupStep(time.epochMillis(), source, provider, plan,
                of.action().word(), step + 1, cap, of.why());
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
    private void grant(WarmupPlace place) {
        if (place.writing || place.gone
                || (place.failed && place.failedUntilNanos - time.nanos() > 0)) {
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
        if (changes.isEmpty() && events.isEmpty()) {
            return;
        }
        // said when written: event loops wait for the lock of a place, which may be held here
        memos.write(changes, events, Runnable::run, new CommitListener() {
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

    private static void notWritten(SpoolException why) {
        LOG.error("warm-up decided but not on disk: a restart decides again reason=\"{}\"",
                why.getMessage());
    }

    // ------------------------------------------------------------------ for operators

    /** What is done to tracks; the answer is what it decided. */
    interface Order {
        Decision on(WarmupTrack track);
    }

    /** Does something to the track of a source at a provider, which is made if need be. */
    boolean order(String source, String provider, Order order) {
        WarmupPlace place = place(new Key(source, provider));
        if (place != null) {
            order(place, order);
            opened.run();
        }
        return place != null;
    }

    private void order(WarmupPlace place, Order order) {
        synchronized (place) {
            turn(place);
            decided(place, List.of(order.on(place.track)));
        }
    }

    /** Does something to all tracks of a source that there are. */
    void orderAll(String source, Order order) {
        of(source).forEach(place -> order(place, order));
        opened.run();
    }

    private List<WarmupPlace> of(String source) {
        return places.values().stream().filter(place -> place.key.source().equals(source))
                .toList();
    }

    /** Pauses a source at all providers, now and later, or ends that. */
    void pause(String source, boolean on, String why) {
        sources.pause(source, on ? Optional.of(why) : Optional.empty());
        tell(source, new Decision(on ? Action.PAUSE : Action.RESUME, why));
        opened.run();
    }

    /** Of a whole source. */
    private void tell(String source, Decision decision) {
        LOG.info("warm-up source={} action={} reason=\"{}\"", source, decision.action().word(),
                decision.why());
        write(List.of(), List.of(event(source, EVERYWHERE, sources.planName(source), decision, 0,
                0)));
    }

    /** A source is warm at all providers, now and later. */
    void complete(String source, String why) {
        sources.complete(source, true);
        tell(source, new Decision(Action.FINISH, why));
        for (WarmupPlace place : of(source)) {
            synchronized (place) {
                turn(place);
                if (!place.track.warm()) {
                    decided(place, List.of(place.track.step(place.track.plan().steps(
                            place.key.provider()), why)));
                }
            }
        }
        opened.run();
    }

    /** At providers it gets mail for later it begins as if it had not been complete. */
    void notComplete(String source) {
        sources.complete(source, false);
    }

    /** Begins a source by an operator's word, without asking the gate when it says so. */
    void start(String source, String plan, Optional<LocalDate> first, boolean unasked) {
        // before it has its plan: from then on an event loop would begin a track that is not there
        sources.planOf(plan).ifPresent(by -> shelved.forEach((key, known) -> {
            if (key.source().equals(source) && shelved.remove(key, known)) {
                restore(key, known.stored(), by);
            }
        }));
        sources.join(source, plan, first, unasked);
        opened.run();
    }

    /** A source is not warmed up any more: what is known of it is forgotten. */
    void stop(String source, String why) {
        tell(source, new Decision(Action.STOP, why));
        sources.leave(source);
        List<Memos.Change> changes = new ArrayList<>();
        for (WarmupPlace place : of(source)) {
            synchronized (place) {
                place.gone = true;
                places.remove(place.key, place);
                changes.addAll(WarmupDisk.removal(place.key, place.track.days().stream().map(
                        WarmupDay::day).toList()));
            }
        }
        shelved.forEach((key, known) -> {
            if (key.source().equals(source) && shelved.remove(key, known)) {
                changes.addAll(known.stored().removal(key));
            }
        });
        write(changes, List.of());
        opened.run();
    }

    /** Messages of today that recipients called spam. */
    boolean complained(String source, String provider, long count) {
        WarmupPlace place = places.get(new Key(source, provider));
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
        Map<String, WarmupPlace> sorted = new TreeMap<>();
        places.forEach((key, place) -> sorted.put(key.source() + " " + key.provider(), place));
        for (WarmupPlace place : sorted.values()) {
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
        for (WarmupPlace place : places.values()) {
            synchronized (place) {
                if (!place.writing && place.begun) {
                    place.track.settleGrants();
                    write(List.of(change(place)), List.of());
                }
            }
        }
    }
}
