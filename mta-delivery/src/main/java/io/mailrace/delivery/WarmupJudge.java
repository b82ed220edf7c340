// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.ArrayList;
import java.util.List;

/**
 * What one day of a warm-up was worth: whether it was good, and whether it was used enough for the
 * next step. The one place that knows. Any thread: holds nothing.
 */
final class WarmupJudge {
    /*
     * Used enough. Mail seldom comes evenly round the clock, but a cap is given out hour by hour:
     * who has mail in office hours, or in one hour, can never use it up, however much there is. So
     * a day is also used enough when there was mail for the whole cap, some hour had no room left
     * for more of it, and what did begin was accepted. Mail, not use, is measured there: the
     * source's part of all first attempts of the day, which is counted on disk. A cap is thus never
     * raised beyond the mail there is, nor by a few messages that fill an hour by chance. Judging
     * by the hours alone lost: a daily peak would raise the cap to twelve times that.
     *
     * Greylisting is first contact by design. It is neither good nor bad, so it is taken out of
     * both sides; but somebody must have accepted something.
     */
    /** With greylisting, at least one of so many that began must be accepted. */
    private static final int SOME = 5;

    /** Whether a day was used enough, in words. */
    record Use(boolean enough, String words) {}

    private WarmupJudge() {}

    /** @param offered the source's part of the day's first attempts at the provider */
    static Use use(WarmupPlan plan, WarmupDay day, long offered) {
        long cap = plan.byShare() ? day.used() : day.cap();
        long accepted = day.accepted();
        long needed = needed(plan, day, cap);
        if (accepted >= needed || plan.advanceAt() == 0) {
            return new Use(true, accepted + " of " + cap + " accepted");
        }
        boolean mailForAll = offered >= (long) Math.ceil(plan.advanceAt() * cap);
        if (!plan.byShare() && mailForAll && ranOut(plan, day)) {
            long ofUsed = needed(plan, day, day.used());
            String words = accepted + " of the " + day.used() + " accepted that the hours with mail"
                    + " had room for (cap " + cap + ")";
            return accepted >= ofUsed ? new Use(true, words)
                    : new Use(false, words + ", " + ofUsed + " needed" + because(plan, day));
        }
        return new Use(false, accepted + " of " + cap + " accepted, " + needed + " needed"
                + because(plan, day));
    }

    private static long needed(WarmupPlan plan, WarmupDay day, long of) {
        long known = Math.max(0, of - day.lost() - day.greylisted());
        long needed = Math.max(1, (long) Math.ceil(plan.advanceAt() * known));
        return day.greylisted() == 0 ? needed
                : Math.max(needed, Math.ceilDiv(day.finished(), (long) SOME));
    }

    private static String because(WarmupPlan plan, WarmupDay day) {
        return " (" + WarmupPlan.percent(plan.advanceAt())
                + (day.greylisted() > 0 ? ", " + day.greylisted() + " greylisted" : "")
                + (day.lost() > 0 ? ", " + day.lost() + " lost by restarts" : "") + ")";
    }

    /** Whether some hour had no room left. */
    private static boolean ranOut(WarmupPlan plan, WarmupDay day) {
        for (int hour = plan.hours().from(); hour < plan.hours().to(); hour++) {
            if (day.used(hour) > 0
                    && day.used(hour) >= plan.ofHour(hour, day.cap(), day.used(0, hour))) {
                return true;
            }
        }
        return false;
    }

    /** What was wrong with a day; nothing: it was good. */
    static List<String> ills(WarmupPlan plan, WarmupDay day) {
        List<String> ills = new ArrayList<>();
        if (day.blocked() > 0) {
            ills.add(day.blocked() + " blocked");
        }
        if (day.sample() >= plan.rules().minSample()) {
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

    /** Whether so many bounced that the cap is cut. */
    static boolean tooManyBounces(WarmupPlan plan, WarmupDay day) {
        return plan.rules().cutBounces() < 1 && day.sample() >= plan.rules().minSample()
                && day.share(day.bounced()) > plan.rules().cutBounces();
    }
}
