// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ConfigReader;
import io.mailrace.core.Lane;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Section {@code retry}: intervals, maximum age and delay notices, by lane. Immutable. */
public record RetryConfig(Map<Lane, LaneRetry> lanes) {
    private static final Duration LONGEST = Duration.ofDays(60);

    /**
     * The schedule of one lane.
     *
     * @param intervals from one attempt to the next; the last one repeats
     * @param delayNotice age at which the sender of deferred mail is told; zero: never
     */
    public record LaneRetry(List<Duration> intervals, Duration maxAge, Duration delayNotice) {
        private static final int MAX_INTERVALS = 100;

        public LaneRetry {
            intervals = List.copyOf(intervals);
            if (intervals.isEmpty() || intervals.size() > MAX_INTERVALS) {
                throw new IllegalArgumentException("intervals must be a list of 1 to 100 times");
            }
            for (Duration interval : intervals) {
                if (interval.toMillis() < 1 || interval.toDays() > 30) {
                    throw new IllegalArgumentException("intervals must be 1ms to 30d each");
                }
            }
        }
    }

    public RetryConfig {
        lanes = Map.copyOf(lanes);
        for (Lane lane : Lane.values()) {
            if (!lanes.containsKey(lane)) {
                throw new IllegalArgumentException("no retry schedule for " + lane.word());
            }
        }
    }

    static RetryConfig from(ConfigReader reader) {
        LaneRetry fallback = lane(reader.section(Lane.DEFAULT.word()),
                new LaneRetry(List.of(Duration.ofMinutes(5)), Duration.ofDays(1),
                        Duration.ZERO),
                true);
        Map<Lane, LaneRetry> lanes = new EnumMap<>(Lane.class);
        lanes.put(Lane.DEFAULT, fallback);
        for (Lane lane : Lane.values()) {
            if (lane != Lane.DEFAULT) {
                lanes.put(lane, lane(reader.section(lane.word()), fallback, false));
            }
        }
        return new RetryConfig(lanes);
    }

    private static LaneRetry lane(ConfigReader reader, LaneRetry fallback, boolean all) {
        List<Duration> intervals = all || reader.has("intervals")
                ? reader.durations("intervals")
                : fallback.intervals();
        Duration maxAge = all || reader.has("max-age")
                ? reader.duration("max-age", Duration.ofSeconds(1), LONGEST)
                : fallback.maxAge();
        Duration delayNotice = all || reader.has("delay-notice")
                ? reader.duration("delay-notice", Duration.ZERO, LONGEST)
                : fallback.delayNotice();
        return reader.build(() -> new LaneRetry(intervals, maxAge, delayNotice)).orElse(fallback);
    }

    public LaneRetry of(Lane lane) {
        LaneRetry found = lanes.get(lane);
        if (found == null) {
            throw new IllegalStateException("no retry schedule for " + lane);
        }
        return found;
    }

    /** The longest any mail may wait. */
    Duration longestAge() {
        return lanes.values().stream().map(LaneRetry::maxAge).max(Duration::compareTo)
                .orElseThrow();
    }
}
