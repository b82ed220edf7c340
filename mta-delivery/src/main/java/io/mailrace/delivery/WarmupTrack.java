// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * How far one source has come at one provider, and how much it may send now: the state machine of
 * warm-up. Does no I/O and asks no clock; each time is told to it, and may go either way. Knows at
 * most {@value #MAX_DAYS} days. Not thread-safe: guarded by its user. Long because what moves it,
 * what it answers and what is written of it are about the same few fields.
 */
final class WarmupTrack {
    /*
     * Days. A day is judged once, when a later one has come: so a clock that runs ahead and comes
     * back takes no more than one step for each day that had mail, and finds the counts of a day
     * again. A leap forward over days without mail takes none. The day not used for longest makes
     * room for a new one: the furthest from a wrong date would be the right one. Only a clock that
     * comes back to a day after sixteen others finds it unused.
     *
     * Hours. By the end of the n-th of N sending hours at most n/N of the day's cap is used, and in
     * one hour at most twice an even share: what an hour leaves goes to the next ones, but never
     * all at once. Counts are kept for each hour, so going back an hour gives nothing twice.
     *
     * Doubt. That weeks have gone by without mail can be a leap of the clock, or true: the process
     * slept, or did not run. Until the clock has said so for an hour of time that cannot leap, it
     * sends as in its first step, which is right in both cases, but nothing is decided: no step is
     * taken or lost, no pause ends. The same hour must pass before a pause that is longer than
     * pauses are, begun under a date to come, is cut short.
     */
    private static final int VERSION = 2;
    private static final int UNSIZED_VERSION = 1;
    static final int MAX_DAYS = 16;
    /** Until an operator says so. */
    static final long FOR_GOOD = Long.MAX_VALUE;
    private static final int ADVANCES = 50;
    private static final long HOUR_MILLIS = 3_600_000;
    private static final long HOUR_NANOS = HOUR_MILLIS * 1_000_000;

    /** What happened to a track; part of the event. */
    enum Action {
        BEGIN, ADVANCE, FINISH, HOLD, STEP_BACK, CUT, BLOCK, PAUSE, RESUME, SET_STEP, RESET,
        DOUBT, RE_WARM, PLAN_CHANGED, STOP;

        String word() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /** One decision with its reasons. */
    record Decision(Action action, String why) {}

    /** The right to begin one message, taken on a day in an hour. */
    record Ticket(long day, int hour) {}

    /** What is to be written ahead: for that hour of that day so much may be used. */
    record Grant(long day, int hour, long upTo) {}

    /** Something the clock says, believed when it has said so for an hour of time that is sure. */
    private static final class Doubt {
        private boolean on;
        private long sinceNanos;

        boolean outlasted(long nanos) {
            if (!on) {
                on = true;
                sinceNanos = nanos;
            }
            return nanos - sinceNanos >= HOUR_NANOS;
        }

        void end() {
            on = false;
        }
    }

    private WarmupPlan plan;
    private final String provider;
    /** That of least recent use first. */
    private final List<WarmupDay> days = new ArrayList<>();
    private final Doubt idle = new Doubt();
    private final Doubt longPause = new Doubt();
    private LongUnaryOperator offered = day -> 0;
    private int step;
    private int bad;
    private boolean warm;
    private boolean cut;
    private long pausedUntil;
    private String pausedWhy = "";
    private long lastUsed;

    WarmupTrack(WarmupPlan plan, String provider) {
        this.plan = plan;
        this.provider = provider;
    }

    /** @param ofDay tells the source's part of the first attempts of a day at the provider */
    void offered(LongUnaryOperator ofDay) {
        offered = ofDay;
    }

    // ------------------------------------------------------------------ what it says

    WarmupPlan plan() {
        return plan;
    }

    /** From 0. */
    int step() {
        return idle.on ? 0 : step;
    }

    /** Through with the plan: it sends as any other. */
    boolean warm() {
        return warm && !idle.on;
    }

    boolean paused(long now) {
        return pausedUntil > now || (pausedUntil != 0 && idle.on);
    }

    long pausedUntil() {
        return pausedUntil;
    }

    String pausedWhy() {
        return pausedWhy;
    }

    /** Whether bounces have cut the cap. */
    boolean cut() {
        return cut;
    }

    int badDays() {
        return bad;
    }

    /** The day as counted so far; an empty one when nothing was. */
    WarmupDay day(long day) {
        WarmupDay known = find(day);
        return known == null ? new WarmupDay(day) : known;
    }

    List<WarmupDay> days() {
        return List.copyOf(days);
    }

    private @Nullable WarmupDay find(long day) {
        for (WarmupDay one : days) {
            if (one.day() == day) {
                return one;
            }
        }
        return null;
    }

    /** @param volume first attempts of all sources at the provider on that day */
    long cap(long volume) {
        if (warm()) {
            return 0;
        }
        long whole = plan.byShare() ? 1 + (long) (plan.shares().get(step()) * volume)
                : plan.cap(provider, step());
        return cut ? Math.max(1, (long) (whole * plan.rules().cutTo())) : whole;
    }

    /** How many messages may begin at this moment. */
    long room(long now, long volume) {
        int hour = plan.hours().hourOf(now);
        if (warm() || paused(now) || hour < 0) {
            return 0;
        }
        WarmupDay day = day(plan.hours().dayOf(now));
        long cap = cap(volume);
        long left = cap - day.used();
        if (plan.byShare()) {
            return Math.max(0, left);
        }
        return Math.max(0, Math.min(left, plan.ofHour(hour, cap, day.used(0, hour))
                - day.used(hour)));
    }

    /** The cap of the present hour; 0 outside the sending hours. */
    long hourCap(long now, long volume) {
        int hour = plan.hours().hourOf(now);
        return hour < 0 || warm() || plan.byShare() ? 0
                : Math.max(0, plan.ofHour(hour, cap(volume), day(plan.hours().dayOf(now))
                        .used(0, hour)));
    }

    /**
     * How many of the present hour's messages may have begun by now when they come evenly; of the
     * day's by share, which comes evenly by itself.
     */
    long evenly(long now, long volume) {
        return plan.byShare() ? cap(volume)
                : Math.ceilDiv(hourCap(now, volume) * (plan.hours().intoHour(now) + 1),
                        HOUR_MILLIS);
    }

    /** When there may be room again though there is none now. */
    long nextRoom(long now) {
        if (paused(now)) {
            return Math.max(pausedUntil, now + (idle.on ? 60_000 : 0));
        }
        return plan.byShare() && plan.hours().hourOf(now) >= 0 ? now + 60_000
                : plan.hours().nextHour(now);
    }

    // ------------------------------------------------------------------ sending

    /** Takes the right to begin a message; null when there is no room or none on disk yet. */
    @Nullable
    Ticket take(long now, long volume) {
        if (room(now, volume) < 1) {
            return null;
        }
        WarmupDay day = open(plan.hours().dayOf(now));
        int hour = plan.hours().hourOf(now);
        if (day.spare(hour) < 1) {
            return null;
        }
        sent(day, volume);
        day.use(hour);
        return new Ticket(day.day(), hour);
    }

    /**
     * What must be written before more can be taken, or soon; null: nothing. Not to be asked while
     * an earlier grant is on its way: what other hours have left is given up.
     */
    @Nullable
    Grant wanted(long now, long volume) {
        int hour = plan.hours().hourOf(now);
        long room = room(now, volume);
        if (room < 1) {
            return null;
        }
        WarmupDay day = open(plan.hours().dayOf(now));
        long advance = Math.max(1, cap(volume) / ADVANCES);
        if (day.spare(hour) > advance / 2) {
            return null;
        }
        long upTo = day.used(hour) + Math.min(room, advance);
        if (upTo <= day.promised(hour)) {
            return null;
        }
        day.closeOthers(hour);
        sent(day, volume);
        day.promise(hour, upTo);
        return new Grant(day.day(), hour, upTo);
    }

    private void sent(WarmupDay day, long volume) {
        day.under(cap(volume), plan.size(provider, step()));
        if (!idle.on) {
            lastUsed = Math.max(lastUsed, day.day());
        }
    }

    /** It is on disk. */
    void granted(Grant grant) {
        WarmupDay day = find(grant.day());
        if (day != null) {
            day.grant(grant.hour(), grant.upTo());
        }
    }

    /** The disk refused: what was promised may be asked for again. */
    void refused(Grant grant) {
        WarmupDay day = find(grant.day());
        if (day != null) {
            day.refuse(grant.hour());
        }
    }

    /** The message did not begin after all. */
    void giveBack(Ticket ticket) {
        WarmupDay day = find(ticket.day());
        if (day != null) {
            day.giveBack(ticket.hour());
        }
    }

    /** What became of a message; a decision when bounces cut the cap. */
    Optional<Decision> finished(Ticket ticket, WarmupDay.Outcome outcome) {
        WarmupDay day = find(ticket.day());
        if (day == null) {
            return Optional.empty();
        }
        day.count(outcome);
        if (cut || warm || !WarmupJudge.tooManyBounces(plan, day)) {
            return Optional.empty();
        }
        cut = true;
        return Optional.of(new Decision(Action.CUT, "bounces " + WarmupPlan.percent(
                day.share(day.bounced())) + " above "
                + WarmupPlan.percent(plan.rules().cutBounces()) + ": the cap is cut to "
                + WarmupPlan.percent(plan.rules().cutTo())));
    }

    /** A warm source sent something: it is not idle. True when that was not known of the day. */
    boolean touch(long now) {
        long day = plan.hours().dayOf(now);
        boolean news = day > lastUsed;
        lastUsed = Math.max(lastUsed, day);
        return news;
    }

    /** People called so many messages of a day spam. */
    void complained(long day, long count) {
        open(day).complain(count);
    }

    private WarmupDay open(long day) {
        WarmupDay known = find(day);
        if (known != null && known == days.getLast()) {
            return known;
        }
        if (known != null) {
            days.remove(known);
        } else if (days.size() >= MAX_DAYS) {
            days.removeFirst();
        }
        WarmupDay latest = known == null ? new WarmupDay(day) : known;
        days.add(latest);
        return latest;
    }

    // ------------------------------------------------------------------ deciding

    /**
     * Time goes by: judges the days that are over.
     *
     * @param nanos of a clock that cannot leap
     */
    List<Decision> turn(long now, long nanos) {
        long today = plan.hours().dayOf(now);
        long gone = lastUsed == 0 ? 0 : today - lastUsed;
        if (gone < plan.rules().idleDays()) {
            idle.end();
        } else {
            boolean known = idle.on;
            if (!idle.outlasted(nanos)) {
                return known || (!warm && step == 0) ? List.of()
                        : List.of(new Decision(Action.DOUBT, "no mail for " + gone
                                + " days, so says the clock: as in the first step until it has"
                                + " said so for an hour"));
            }
        }
        long pause = plan.rules().blockPause().toMillis();
        if (pausedUntil == FOR_GOOD || pause == 0 || pausedUntil - now <= pause) {
            longPause.end();
        } else if (longPause.outlasted(nanos)) {
            pausedUntil = now + pause;
        }
        return turn(now);
    }

    /** As {@link #turn(long, long)} when the time is sure, as that of a copy is. */
    List<Decision> turn(long now) {
        idle.end();
        List<Decision> decisions = new ArrayList<>(1);
        long today = plan.hours().dayOf(now);
        if (pausedUntil != 0 && pausedUntil <= now) {
            decisions.add(resume("the pause is over"));
        }
        judgeDaysBefore(today, decisions);
        long gone = today - lastUsed;
        if (lastUsed > 0 && gone >= plan.rules().idleDays()) {
            lastUsed = 0;
            if (warm || step > 0) {
                begin(0);
                decisions.add(new Decision(Action.RE_WARM, "no mail for " + gone
                        + " days: from the first step again"));
            }
        }
        return decisions;
    }

    private void judgeDaysBefore(long today, List<Decision> decisions) {
        List<WarmupDay> over = new ArrayList<>(0);
        for (WarmupDay day : days) {
            if (day.day() < today && !day.judged()) {
                over.add(day);
            }
        }
        over.sort(Comparator.comparingLong(WarmupDay::day));
        for (WarmupDay day : over) {
            day.judge();
            if (!warm && day.used() > 0) {
                decisions.add(judge(day));
            }
        }
    }

    private Decision judge(WarmupDay day) {
        String date = java.time.LocalDate.ofEpochDay(day.day()) + ": ";
        if (day.mixed()) {
            return new Decision(Action.HOLD, date + "the step was another one for a part of it");
        }
        List<String> ills = ills(day);
        if (!ills.isEmpty()) {
            return bad(date + String.join(", ", ills));
        }
        bad = 0;
        if (cut) {
            cut = WarmupJudge.tooManyBounces(plan, day);
            return new Decision(Action.HOLD, date + "bounces " + WarmupPlan.percent(day.share(
                    day.bounced())) + (cut ? ": the cap stays cut" : ": the cap is whole again"));
        }
        if (!day.allAt(plan.size(provider, step))) {
            return new Decision(Action.HOLD, date + "its mail was sent in another step");
        }
        WarmupJudge.Use use = WarmupJudge.use(plan, day, offered.applyAsLong(day.day()));
        if (!use.enough()) {
            return new Decision(Action.HOLD, date + use.words());
        }
        String why = date + use.words() + ", " + WarmupJudge.health(day);
        step++;
        if (step >= plan.steps(provider)) {
            step = plan.steps(provider) - 1;
            warm = true;
            return new Decision(Action.FINISH, why);
        }
        return new Decision(Action.ADVANCE, why);
    }

    private Decision bad(String why) {
        bad++;
        if (bad < plan.badDays()) {
            return new Decision(Action.HOLD, why + "; bad day " + bad + " of " + plan.badDays());
        }
        begin(lower());
        return new Decision(Action.STEP_BACK, why + "; " + plan.badDays() + " bad days in a row");
    }

    /** What was wrong with a day; nothing: it was good. */
    List<String> ills(WarmupDay day) {
        return WarmupJudge.ills(plan, day);
    }

    /** The last step that is smaller than the present one. */
    private int lower() {
        long size = plan.size(provider, step);
        int lower = step;
        while (lower > 0 && plan.size(provider, lower) >= size) {
            lower--;
        }
        return lower;
    }

    private void begin(int at) {
        step = at;
        bad = 0;
        warm = false;
        cut = false;
    }

    /** A reply says that the source is blocked; empty when that is known already. */
    Optional<Decision> blocked(long now, String reply) {
        open(plan.hours().dayOf(now)).block();
        if (paused(now) || warm) {
            return Optional.empty();
        }
        begin(lower());
        long pause = plan.rules().blockPause().toMillis();
        pausedUntil = pause == 0 ? FOR_GOOD : now + pause;
        pausedWhy = "blocked: " + reply;
        return Optional.of(new Decision(Action.BLOCK, pausedWhy));
    }

    // ------------------------------------------------------------------ operators

    Decision pause(String why) {
        pausedUntil = FOR_GOOD;
        pausedWhy = why;
        return new Decision(Action.PAUSE, why);
    }

    Decision resume(String why) {
        pausedUntil = 0;
        pausedWhy = "";
        return new Decision(Action.RESUME, why);
    }

    /** To a step, from 0; beyond the last one it is warm. */
    Decision step(int to, String why) {
        int last = plan.steps(provider) - 1;
        chosen(Math.min(to, last));
        warm = to > last;
        return new Decision(warm ? Action.FINISH : Action.SET_STEP, why);
    }

    Decision reset(String why) {
        chosen(0);
        pausedUntil = 0;
        pausedWhy = "";
        return new Decision(Action.RESET, why);
    }

    private void chosen(int to) {
        begin(to);
        days.forEach(WarmupDay::mix);
        idle.end();
        lastUsed = 0;
    }

    /** Goes on by another plan, at the step of at most the same size. */
    Optional<Decision> follow(WarmupPlan other) {
        String name = plan.name();
        boolean byShare = plan.byShare();
        long size = plan.size(provider, step);
        plan = other;
        return adopt(name, byShare, size);
    }

    // ------------------------------------------------------------------ what would be

    /** One that can be asked what would be if, and changes nothing here. */
    WarmupTrack copy() {
        WarmupTrack copy = new WarmupTrack(plan, provider);
        days.forEach(day -> copy.days.add(day.copy()));
        copy.step = step;
        copy.bad = bad;
        copy.warm = warm;
        copy.cut = cut;
        copy.pausedUntil = pausedUntil;
        copy.pausedWhy = pausedWhy;
        copy.lastUsed = lastUsed;
        copy.offered = offered;
        copy.idle.on = idle.on;
        copy.idle.sinceNanos = idle.sinceNanos;
        return copy;
    }

    /** As if so many messages had been sent and accepted on a day. */
    void suppose(long day, long messages) {
        if (messages > 0) {
            WarmupDay made = open(day);
            made.under(cap(messages), plan.size(provider, step()));
            made.suppose(plan.hours().from(), messages);
            lastUsed = Math.max(lastUsed, day);
        }
    }

    // ------------------------------------------------------------------ on disk

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeByte(VERSION);
            out.writeUTF(plan.name());
            out.writeBoolean(plan.byShare());
            out.writeLong(plan.size(provider, step));
            out.writeInt(step);
            out.writeInt(bad);
            out.writeBoolean(warm);
            out.writeBoolean(cut);
            out.writeLong(pausedUntil);
            out.writeUTF(pausedWhy);
            out.writeLong(lastUsed);
            out.writeInt(days.size());
            for (WarmupDay day : days) {
                day.write(out);
            }
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return bytes.toByteArray();
    }

    /** A track as it was written, with the plan that holds now. */
    record Restored(WarmupTrack track, Optional<Decision> changed) {}

    /**
     * Reads what {@link #encode} wrote; empty when it cannot be read.
     *
     * @param plan that holds now: in another one it goes on at the step of at most the same size
     * @param counts of a day
     */
    static Optional<Restored> decode(byte[] stored, WarmupPlan plan, String provider,
            Function<Long, List<Long>> counts) {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(stored))) {
            int version = in.readByte();
            if (version != VERSION && version != UNSIZED_VERSION) {
                return Optional.empty();
            }
            WarmupTrack track = new WarmupTrack(plan, provider);
            String name = in.readUTF();
            boolean byShare = in.readBoolean();
            long size = in.readLong();
            track.step = in.readInt();
            track.bad = in.readInt();
            track.warm = in.readBoolean();
            track.cut = in.readBoolean();
            track.pausedUntil = in.readLong();
            track.pausedWhy = in.readUTF();
            track.lastUsed = in.readLong();
            for (int left = in.readInt(); left > 0; left--) {
                WarmupDay day = WarmupDay.read(in, version != UNSIZED_VERSION);
                day.restore(counts.apply(day.day()));
                track.days.add(day);
            }
            return Optional.of(new Restored(track, track.adopt(name, byShare, size)));
        } catch (IOException unreadable) {
            return Optional.empty();
        }
    }

    /** The plan may be another one than the one its step was written for. */
    private Optional<Decision> adopt(String name, boolean byShare, long size) {
        int last = plan.steps(provider) - 1;
        if (warm) {
            step = last;
            return Optional.empty();
        }
        boolean same = name.equals(plan.name()) && byShare == plan.byShare() && step <= last
                && plan.size(provider, step) == size;
        if (same) {
            return Optional.empty();
        }
        step = 0;
        while (byShare == plan.byShare() && step < last
                && plan.size(provider, step + 1) <= size) {
            step++;
        }
        days.forEach(day -> day.resize(size, plan.size(provider, step)));
        return Optional.of(new Decision(Action.PLAN_CHANGED, "from plan " + name));
    }

    /** What was granted but not used is not lost for the next start. */
    void settleGrants() {
        days.forEach(WarmupDay::settleGrants);
    }
}
