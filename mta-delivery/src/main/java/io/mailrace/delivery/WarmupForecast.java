// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How a warm-up goes on when each day has so much mail and all of it is accepted. When in the day
 * it comes does not change the steps, but what goes by other sources.
 *
 * @param volume first attempts a day to the provider, of all sources
 * @param part of them that the source's weight in its pool gives it
 * @param days day by day, at most {@value #MAX_DAYS}, until it is warm or the cap holds its part
 * @param enoughOn the first day its whole part fits under the cap; empty: none in that time
 * @param warmOn the day the plan is done; empty: not in that time, for lack of mail
 */
public record WarmupForecast(String source, String provider, String plan, long volume,
        long part, List<Day> days, Optional<LocalDate> enoughOn, Optional<LocalDate> warmOn) {
    static final int MAX_DAYS = 400;

    /**
     * One day.
     *
     * @param cap 0: it is warm
     * @param rest of its part, goes by warm sources, or waits when there are none
     */
    public record Day(LocalDate date, int step, long cap, long sent, long rest) {}

    public WarmupForecast {
        days = List.copyOf(days);
    }

    /** Changes nothing of the track. */
    static WarmupForecast of(Warmup.Key key, WarmupTrack track, long volume, double share,
            long now) {
        long part = track.plan().byShare() ? volume : (long) Math.ceil(volume * share);
        WarmupTrack copy = track.copy();
        copy.offered(day -> part);
        WarmupPlan.Hours hours = copy.plan().hours();
        LocalDate today = LocalDate.ofEpochDay(hours.dayOf(now));
        List<Day> days = new ArrayList<>();
        Optional<LocalDate> enough = Optional.empty();
        Optional<LocalDate> warm = Optional.empty();
        for (int i = 0; i < MAX_DAYS && warm.isEmpty(); i++) {
            LocalDate date = today.plus(i, ChronoUnit.DAYS);
            copy.turn(Math.max(now, date.atStartOfDay(hours.zone()).toInstant().toEpochMilli()));
            if (copy.warm()) {
                warm = Optional.of(date);
                days.add(new Day(date, copy.step() + 1, 0, part, 0));
                continue;
            }
            long already = copy.day(date.toEpochDay()).used();
            boolean paused = copy.paused(date.plusDays(1).atStartOfDay(hours.zone()).toInstant()
                    .toEpochMilli() - 1);
            long cap = copy.cap(volume);
            long sent = paused ? already : Math.max(already, Math.min(cap, part));
            copy.suppose(date.toEpochDay(), sent - already);
            days.add(new Day(date, copy.step() + 1, cap, sent, Math.max(0, part - sent)));
            if (enough.isEmpty() && cap >= part) {
                enough = Optional.of(date);
            }
        }
        if (enough.isEmpty()) {
            enough = warm;
        }
        return new WarmupForecast(key.source(), key.provider(), copy.plan().name(), volume, part,
                warm.isPresent() ? days : shortened(days, enough), enough, warm);
    }

    /** What only repeats itself is left out. */
    private static List<Day> shortened(List<Day> days, Optional<LocalDate> enough) {
        List<Day> first = new ArrayList<>();
        for (Day day : days) {
            boolean past = enough.isPresent() && day.date().isAfter(enough.get());
            if (past || first.size() >= 60) {
                break;
            }
            first.add(day);
        }
        return first;
    }
}
