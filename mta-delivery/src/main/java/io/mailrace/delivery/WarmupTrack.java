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
import org.jspecify.annotations.Nullable;

/**
 * How far one source has come at one provider, and how much it may send now: the state machine of
 * warm-up. Does no I/O and asks no clock; each time is told to it, and may go either way. Knows at
 * most {@value #MAX_DAYS} days. Not thread-safe: guarded by its user.
 */
final class WarmupTrack {
    /*
     * Days. A day is judged once, when a later one has come: so a clock that runs ahead and comes
     * back takes no more than one step for each day that had mail, and finds the counts of a day
     * again. A leap forward over days without mail takes none.
     *
     * Hours. By the end of the n-th of N sending hours at most n/N of the day's cap is used, and in
     * one hour at most twice an even share: what an hour leaves goes to the next ones, but never
     * all at once. Counts are kept for each hour, so going back an hour gives nothing twice.
     */
    private static final int VERSION = 1;
    static final int MAX_DAYS = 8;
    /** Until an operator says so. */
    static final long FOR_GOOD = Long.MAX_VALUE;
    private static final int ADVANCES = 50;
    private static final long HOUR_MILLIS = 3_600_000;

    /** What happened to a track; part of the event. */
    enum Action {
        BEGIN, ADVANCE, FINISH, HOLD, STEP_BACK, CUT, BLOCK, PAUSE, RESUME, SET_STEP, RESET,
        RE_WARM, PLAN_CHANGED, STOP;

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

    private WarmupPlan plan;
    private final String provider;
    private final List<WarmupDay> days = new ArrayList<>();
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

    // ------------------------------------------------------------------ what it says

    WarmupPlan plan() {
        return plan;
    }

    /** From 0. */
    int step() {
        return step;
    }

    /** Through with the plan: it sends as any other. */
    boolean warm() {
        return warm;
    }

    boolean paused(long now) {
        return pausedUntil > now;
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
        if (warm) {
            return 0;
        }
        if (plan.byShare()) {
            return 1 + (long) (plan.shares().get(step) * volume);
        }
        long whole = plan.cap(provider, step);
        return cut ? Math.max(1, (long) (whole * plan.rules().cutTo())) : whole;
    }

    /** How many messages may begin at this moment. */
    long room(long now, long volume) {
        int hour = plan.hours().hourOf(now);
        if (warm || paused(now) || hour < 0) {
            return 0;
        }
        WarmupDay day = day(plan.hours().dayOf(now));
        long cap = cap(volume);
        long left = cap - day.used();
        if (plan.byShare()) {
            return Math.max(0, left);
        }
        return Math.max(0, Math.min(left, hourCap(day, hour, cap) - day.used(hour)));
    }

    /** How many may begin in an hour, those that did included. */
    private long hourCap(WarmupDay day, int hour, long cap) {
        int hours = plan.hours().count();
        int from = plan.hours().from();
        long byNow = Math.ceilDiv(cap * (hour - from + 1), (long) hours);
        long even = Math.ceilDiv(cap, (long) hours);
        return Math.min(byNow - day.used(0, hour), 2 * even);
    }

    /** The cap of the present hour; 0 outside the sending hours. */
    long hourCap(long now, long volume) {
        int hour = plan.hours().hourOf(now);
        return hour < 0 || warm || plan.byShare() ? 0
                : Math.max(0, hourCap(day(plan.hours().dayOf(now)), hour, cap(volume)));
    }

    /** How many of the present hour's messages may have begun by now when they come evenly. */
    long evenly(long now, long volume) {
        long cap = plan.byShare() ? cap(volume) : hourCap(now, volume);
        return Math.ceilDiv(cap * (Math.floorMod(now, HOUR_MILLIS) + 1), HOUR_MILLIS);
    }

    /** When there may be room again though there is none now. */
    long nextRoom(long now) {
        if (paused(now)) {
            return pausedUntil;
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
        day.use(hour);
        day.cap(cap(volume));
        lastUsed = Math.max(lastUsed, day.day());
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
        day.promise(hour, upTo);
        day.cap(cap(volume));
        lastUsed = Math.max(lastUsed, day.day());
        return new Grant(day.day(), hour, upTo);
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
        WarmupDay day = open(ticket.day());
        day.count(outcome);
        if (cut || warm || !tooManyBounces(day)) {
            return Optional.empty();
        }
        cut = true;
        return Optional.of(new Decision(Action.CUT, "bounces " + WarmupPlan.percent(
                day.share(day.bounced())) + " above "
                + WarmupPlan.percent(
                        plan.rules().cutBounces())
                + ": the cap is cut to " + WarmupPlan.percent(plan.rules().cutTo())));
    }

    private boolean tooManyBounces(WarmupDay day) {
        return plan.rules().cutBounces() < 1 && day.finished() >= plan.rules().minSample()
                && day.share(day.bounced()) > plan.rules().cutBounces();
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

    /** Every kept day but the one furthest from the present makes room for a new one. */
    private WarmupDay open(long day) {
        WarmupDay known = find(day);
        if (known != null) {
            return known;
        }
        if (days.size() >= MAX_DAYS) {
            days.stream().max(Comparator.comparingLong(one -> Math.abs(one.day() - day)))
                    .ifPresent(days::remove);
        }
        WarmupDay made = new WarmupDay(day);
        days.add(made);
        days.sort(Comparator.comparingLong(WarmupDay::day));
        return made;
    }

    // ------------------------------------------------------------------ deciding

    /** Time goes by: judges the days that are over. */
    List<Decision> turn(long now) {
        List<Decision> decisions = new ArrayList<>(1);
        long today = plan.hours().dayOf(now);
        if (pausedUntil != 0 && pausedUntil <= now) {
            decisions.add(resume("the pause is over"));
        }
        for (WarmupDay day : days) {
            if (day.day() < today && !day.judged()) {
                day.judge();
                if (!warm && day.used() > 0) {
                    decisions.add(judge(day));
                }
            }
        }
        int idle = plan.rules().idleDays();
        if (lastUsed > 0 && today - lastUsed >= idle) {
            long gone = today - lastUsed;
            lastUsed = today;
            if (warm || step > 0) {
                begin(0);
                decisions.add(new Decision(Action.RE_WARM, "no mail for " + gone
                        + " days: from the first step again"));
            }
        }
        return decisions;
    }

    private Decision judge(WarmupDay day) {
        String date = java.time.LocalDate.ofEpochDay(day.day()) + ": ";
        List<String> ills = ills(day);
        if (!ills.isEmpty()) {
            bad++;
            String why = date + String.join(", ", ills);
            if (bad < plan.badDays()) {
                return new Decision(Action.HOLD, why + "; bad day " + bad + " of "
                        + plan.badDays());
            }
            begin(lower());
            return new Decision(Action.STEP_BACK, why + "; " + plan.badDays()
                    + " bad days in a row");
        }
        bad = 0;
        if (cut) {
            cut = tooManyBounces(day);
            return new Decision(Action.HOLD, date + "bounces " + WarmupPlan.percent(day.share(
                    day.bounced())) + (cut ? ": the cap stays cut" : ": the cap is whole again"));
        }
        long cap = plan.byShare() ? day.used() : day.cap();
        long needed = Math.max(1, (long) Math.ceil(plan.advanceAt() * Math.max(0,
                cap - day.lost())));
        if (day.accepted() < needed && plan.advanceAt() > 0) {
            return new Decision(Action.HOLD, date + day.accepted() + " of " + cap
                    + " accepted, " + needed + " needed (" + WarmupPlan.percent(plan.advanceAt())
                    + (day.lost() > 0 ? ", " + day.lost() + " lost by restarts" : "") + ")");
        }
        String why = date + day.accepted() + " of " + cap + " accepted, " + health(day);
        step++;
        if (step >= plan.steps(provider)) {
            step = plan.steps(provider) - 1;
            warm = true;
            return new Decision(Action.FINISH, why);
        }
        return new Decision(Action.ADVANCE, why);
    }

    /** What was wrong with a day; nothing: it was good. */
    List<String> ills(WarmupDay day) {
        List<String> ills = new ArrayList<>();
        if (day.blocked() > 0) {
            ills.add(day.blocked() + " blocked");
        }
        if (day.finished() >= plan.rules().minSample()) {
            ill(ills, "bounces", day.share(day.bounced()), plan.rules().maxBounces());
            ill(ills, "deferrals", day.share(day.deferred()), plan.rules().maxDeferrals());
            ill(ills, "complaints", day.share(day.complained()), plan.rules().maxComplaints());
        }
        return ills;
    }

    private static void ill(List<String> ills, String what, double share, double limit) {
        if (share > limit) {
            ills.add(what + " " + WarmupPlan.percent(share) + " above " + WarmupPlan.percent(
                    limit));
        }
    }

    /** The shares of a day in words. */
    static String health(WarmupDay day) {
        return "bounces " + WarmupPlan.percent(day.share(day.bounced())) + ", deferrals "
                + WarmupPlan.percent(day.share(day.deferred())) + ", complaints "
                + WarmupPlan.percent(day.share(day.complained()));
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
        begin(Math.min(to, last));
        warm = to > last;
        return new Decision(warm ? Action.FINISH : Action.SET_STEP, why);
    }

    Decision reset(String why) {
        begin(0);
        pausedUntil = 0;
        pausedWhy = "";
        return new Decision(Action.RESET, why);
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
        return copy;
    }

    /** As if so many messages had been sent and accepted on a day. */
    void suppose(long day, long messages) {
        if (messages > 0) {
            open(day).suppose(plan.hours().from(), messages, cap(messages));
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
            if (in.readByte() != VERSION) {
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
                WarmupDay day = WarmupDay.read(in);
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
        return Optional.of(new Decision(Action.PLAN_CHANGED, "from plan " + name));
    }

    /** What was granted but not used is not lost for the next start. */
    void settleGrants() {
        days.forEach(WarmupDay::settleGrants);
    }
}
