// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A track with what {@link Warmup} needs around it. Its lock guards the track and all that changes
 * here; the lock of the default provider's place is an inner one.
 */
final class WarmupPlace {
    private static final Logger LOG = LoggerFactory.getLogger(WarmupPlace.class);
    /** At small receivers one of them may be wrong, or mean it ill. */
    private static final int BLOCKING_SITES = 3;
    private static final int MAX_REPLY = 300;

    final Warmup.Key key;
    final WarmupTrack track;
    /** Of the mail that the source's weight gives it. */
    final double part;
    final Map<WarmupDay.Outcome, LongAdder> outcomes;
    /** Its beginning was told; before nothing is written of it. */
    boolean begun;
    /** Its source is warmed up no more: nothing is written of it again. */
    boolean gone;
    AtomicLong volume = new AtomicLong();
    long volumeDay = Long.MIN_VALUE;
    boolean writing;
    long failedUntilNanos;
    boolean failed;
    private final Set<String> blocking = new HashSet<>();
    private long blockingDay;

    WarmupPlace(Warmup.Key key, WarmupTrack track, double part,
            Map<WarmupDay.Outcome, LongAdder> outcomes) {
        this.key = key;
        this.track = track;
        this.part = part;
        this.outcomes = outcomes;
    }

    /**
     * What to say when so many sites have blocked the source on one day, each told once; empty:
     * they have not.
     */
    String blockedBySeveral(String site, String reply, long epochMillis) {
        /*
         * All sites that no provider has share a track, and any of them can be somebody's own who
         * wants to see our mail stop: so one site alone decides nothing there. Which ones it were
         * is in memory only, and there are never more than few: after a restart a day's sites
         * begin anew.
         */
        long day = track.plan().hours().dayOf(epochMillis);
        if (day != blockingDay) {
            blocking.clear();
            blockingDay = day;
        }
        if (!blocking.add(site)) {
            return "";
        }
        String said = Ascii.clean(reply, MAX_REPLY);
        if (blocking.size() < BLOCKING_SITES) {
            LOG.info("warm-up goes on, one site blocks source={} site={} reply=\"{}\"",
                    key.source(), site, said);
            return "";
        }
        String all = String.join(", ", new TreeSet<>(blocking));
        blocking.clear();
        return "by " + BLOCKING_SITES + " sites today, the last of them " + site + ": " + said
                + " (" + all + ")";
    }
}
