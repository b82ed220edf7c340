// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Event;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a {@link WarmupSimulation} counts by itself, beside what the warm-up counts: whether more
 * began than the caps allow, and what became of it. Confined to its simulation.
 */
final class WarmupTally {
    private record DayOf(Warmup.Key key, long day) {}

    private record HourOf(Warmup.Key key, WarmupTrack.Ticket ticket) {}

    private final Map<DayOf, Long> byDay = new HashMap<>();
    private final Map<HourOf, Long> byHour = new HashMap<>();
    private final List<WarmupSimulation.Day> days = new ArrayList<>();
    private long over;
    private long attempts;
    private long delivered;
    private long bounced;
    private long sent;
    private long accepted;
    private long later;
    private long greylisted;
    private long blocked;
    private long allSent;
    private long allLater;
    private long allBlocked;
    private int events;
    private int fullOn;

    void began(Warmup.Key key, WarmupTrack.Ticket ticket, long cap, long mostInAnHour) {
        boolean tooMany = byDay.merge(new DayOf(key, ticket.day()), 1L, Long::sum) > cap;
        tooMany |= byHour.merge(new HourOf(key, ticket), 1L, Long::sum) > mostInAnHour;
        over += tooMany ? 1 : 0;
    }

    /** @param byNew whether a new source sent it */
    void finished(boolean byNew, WarmupDay.Outcome outcome, boolean saysBlocked) {
        attempts++;
        switch (outcome) {
            case ACCEPTED -> delivered++;
            case BOUNCED -> bounced++;
            case DEFERRED, GREYLISTED -> {
                // tried again
            }
        }
        if (byNew) {
            sent++;
            accepted += outcome == WarmupDay.Outcome.ACCEPTED ? 1 : 0;
            later += outcome == WarmupDay.Outcome.DEFERRED ? 1 : 0;
            greylisted += outcome == WarmupDay.Outcome.GREYLISTED ? 1 : 0;
            blocked += saysBlocked ? 1 : 0;
        }
    }

    /** @param all decisions since the beginning */
    void endOfDay(long cap, WarmupSimulation.Setting setting, List<Event.WarmupStep> all) {
        Map<String, Integer> actions = new TreeMap<>();
        for (; events < all.size(); events++) {
            actions.merge(all.get(events).action(), 1, Integer::sum);
        }
        int day = days.size() + 1;
        days.add(new WarmupSimulation.Day(day, cap, sent, accepted, later, blocked, actions));
        boolean full = accepted >= setting.volume() * 0.4;
        fullOn = !full ? 0 : fullOn == 0 ? day : fullOn;
        allSent += sent;
        allLater += later;
        allBlocked += blocked;
        sent = 0;
        accepted = 0;
        later = 0;
        blocked = 0;
    }

    WarmupSimulation.Result result(WarmupSimulation.Setting setting, long waiting, int restarts,
            int crashes, List<String> lines) {
        return new WarmupSimulation.Result(setting, List.copyOf(days), fullOn, over, attempts,
                allSent, allLater, greylisted, allBlocked, delivered, bounced, waiting, restarts,
                crashes,
                lines);
    }
}
