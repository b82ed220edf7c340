// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.queue.Memos;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Where the tracks of warm-up and their counts are on disk, what is read of them at the start, and
 * which days are forgotten: those {@value #KEPT_DAYS} days ago. Confined to one thread at a time.
 */
final class WarmupDisk {
    private static final String TRACK = "warmup/track/";
    private static final String COUNT = "warmup/count/";
    private static final int KEPT_DAYS = 60;
    private static final int AT_ONCE = 10_000;

    /** A track as it is on disk, with the counts of its days. Not changed by anybody. */
    static final class Stored {
        private final byte[] track;
        private final Map<Long, List<Long>> counts;

        private Stored(byte[] track, Map<Long, List<Long>> counts) {
            this.track = track;
            this.counts = counts;
        }

        byte[] track() {
            return track;
        }

        List<Long> countsOf(long day) {
            return counts.getOrDefault(day, List.of());
        }

        List<Memos.Change> removal(Warmup.Key key) {
            return WarmupDisk.removal(key, counts.keySet());
        }

        /** Whether it is warm; by which plan it became so does not matter. */
        boolean warm(Warmup.Key key, Optional<WarmupPlan> any) {
            return any.flatMap(plan -> WarmupTrack.decode(track, plan, key.provider(),
                    this::countsOf)).filter(restored -> restored.track().warm()).isPresent();
        }
    }

    private final Memos memos;
    private long first;

    WarmupDisk(Memos memos, long epochMillis) {
        this.memos = memos;
        first = firstDay(epochMillis);
    }

    private static long firstDay(long epochMillis) {
        return Math.floorDiv(epochMillis, TimeUnit.DAYS.toMillis(1)) - KEPT_DAYS;
    }

    /** Days before it are of no interest. */
    long firstDay() {
        return first;
    }

    static String trackOf(Warmup.Key key) {
        return TRACK + key.memo();
    }

    static String countOf(Warmup.Key key, long day) {
        return COUNT + key.memo() + "/" + day;
    }

    private static long dayOf(String name) {
        return Long.parseLong(name.substring(name.lastIndexOf('/') + 1));
    }

    /** What makes a track and its counts be forgotten. */
    static List<Memos.Change> removal(Warmup.Key key, Collection<Long> days) {
        List<Memos.Change> changes = new ArrayList<>(List.of(Memos.Change.remove(trackOf(key))));
        days.forEach(day -> changes.add(Memos.Change.remove(countOf(key, day))));
        return changes;
    }

    /** What is on disk of a source at these providers. Blocks. */
    Map<Warmup.Key, Stored> tracks(String source, Set<String> providers) {
        Map<Warmup.Key, Stored> found = new LinkedHashMap<>();
        Map<String, byte[]> tracks = memos.beginningWith(trackOf(new Warmup.Key(source, "")));
        for (String provider : providers) {
            Warmup.Key key = new Warmup.Key(source, provider);
            byte[] track = tracks.get(trackOf(key));
            if (track != null) {
                Map<Long, List<Long>> counts = new LinkedHashMap<>();
                memos.each(COUNT + key.memo() + "/", (name, value) -> counts.put(dayOf(name),
                        Memos.Addition.numbers(value)));
                found.put(key, new Stored(track, counts));
            }
        }
        return found;
    }

    /** What to remove of days long gone, whatever made them. Blocks. */
    List<Memos.Change> removeOld() {
        List<Memos.Change> old = new ArrayList<>();
        for (String prefix : List.of(COUNT, WarmupVolumes.PREFIX)) {
            memos.each(prefix, (name, value) -> {
                if (old.size() < AT_ONCE && dayOf(name) < first) {
                    old.add(Memos.Change.remove(name));
                }
            });
        }
        return old;
    }

    /**
     * Goes on to the present day; what to remove of the tracks' days that are long gone by that. It
     * does not look what there is, which would block.
     */
    List<Memos.Change> trim(long epochMillis, Set<Warmup.Key> tracks) {
        List<Memos.Change> old = new ArrayList<>();
        long now = firstDay(epochMillis);
        for (long day = Math.max(first, now - KEPT_DAYS); day < now; day++) {
            for (Warmup.Key key : tracks) {
                if (old.size() < AT_ONCE) {
                    old.add(Memos.Change.remove(countOf(key, day)));
                }
            }
        }
        first = Math.max(first, now);
        return old;
    }
}
