// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.queue.Memos;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * First attempts of all sources by provider and day, in each time zone a plan uses; on disk in the
 * batch of each settlement. As many as there are providers times zones times days that are kept.
 * Any thread.
 */
final class WarmupVolumes {
    static final String PREFIX = "warmup/volume/";

    /** What is asked for with each message is looked up by name once a day. */
    private record Today(long day, AtomicLong count, Memos.Addition one) {}

    private final Map<String, AtomicLong> counts = new ConcurrentHashMap<>();
    private final Map<ZoneId, Map<String, Today>> today = new ConcurrentHashMap<>();

    /**
     * Takes up what is on disk: blocks.
     *
     * @param first day before which nothing is of interest
     */
    WarmupVolumes(Memos memos, long first) {
        memos.each(PREFIX, (name, value) -> {
            if (dayOf(name) >= first) {
                counts.put(name, new AtomicLong(Memos.Addition.numbers(value).stream().findFirst()
                        .orElse(0L)));
            }
        });
    }

    private static long dayOf(String name) {
        return Long.parseLong(name.substring(name.lastIndexOf('/') + 1));
    }

    private static String nameOf(String provider, WarmupPlan.Hours hours, long day) {
        return PREFIX + hours.zone() + "/" + provider + "/" + day;
    }

    private Today today(String provider, WarmupPlan.Hours hours, long day) {
        Map<String, Today> ofZone = today.computeIfAbsent(hours.zone(),
                zone -> new ConcurrentHashMap<>());
        Today known = ofZone.get(provider);
        if (known == null || known.day() != day) {
            String name = nameOf(provider, hours, day);
            known = new Today(day, counts.computeIfAbsent(name, key -> new AtomicLong()),
                    new Memos.Addition(name, List.of(1L)));
            ofZone.put(provider, known);
        }
        return known;
    }

    /** Counts one more; the answer belongs into the batch of its settlement. */
    Memos.Addition add(String provider, WarmupPlan.Hours hours, long epochMillis) {
        Today now = today(provider, hours, hours.dayOf(epochMillis));
        now.count().incrementAndGet();
        return now.one();
    }

    /** The count of today, which goes on. */
    AtomicLong counter(String provider, WarmupPlan.Hours hours, long day) {
        return today(provider, hours, day).count();
    }

    long of(String provider, WarmupPlan.Hours hours, long day) {
        AtomicLong count = counts.get(nameOf(provider, hours, day));
        return count == null ? 0 : count.get();
    }

    /** Forgets days before that one; what is to be removed from the disk. */
    List<Memos.Change> trim(long first) {
        List<Memos.Change> old = new ArrayList<>();
        counts.keySet().removeIf(name -> {
            boolean gone = dayOf(name) < first;
            if (gone) {
                old.add(Memos.Change.remove(name));
            }
            return gone;
        });
        return old;
    }
}
