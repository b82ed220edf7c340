// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigReader;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * How a new source comes to its full volume: steps of a cap or of a share of the mail, and what
 * must hold to take the next one; an entry of section {@code warmup.plans}. Shares are from 0 to 1.
 *
 * @param caps messages in a day (or an hour) step by step, by name of provider; holds
 *        {@code default} unless there are shares
 * @param shares of a provider's mail step by step, instead of caps; empty: caps hold
 * @param advanceAt share of the cap that must be accepted for the next step
 * @param badDays so many in a row lead back
 * @param rules when a day is bad and what is done about it
 * @param hours when mail is sent
 * @param engaged patterns of tags of mail that goes first
 */
record WarmupPlan(String name, Map<String, List<Long>> caps, List<Double> shares,
        double advanceAt, int badDays, Rules rules, Hours hours, List<String> engaged) {
    static final String DEFAULT = "default";
    private static final int MAX_STEPS = 400;
    private static final long MAX_CAP = 1_000_000_000;

    /**
     * When a day is bad and what is done about it.
     *
     * @param minSample with fewer messages shares say nothing
     * @param cutBounces more bounces than that cut the cap; 1: never
     * @param cutTo share of the cap that is left then
     * @param blockPause how long nothing is sent after a block; zero: until it is resumed
     * @param idleDays so many without mail lead back to the first step
     */
    record Rules(double maxBounces, double maxDeferrals, double maxComplaints, int minSample,
            double cutBounces, double cutTo, Duration blockPause, int idleDays) {}

    /**
     * When mail is sent.
     *
     * @param per whether caps are those of a day or of an hour
     * @param zone whose midnight begins a day
     * @param from first hour of a day, from 0 to 23
     * @param to hour of a day before which it ends, from 1 to 24
     */
    record Hours(Per per, ZoneId zone, int from, int to) {
        private static final long HOUR_MILLIS = 3_600_000;
        private static final long DAY_MILLIS = 24 * HOUR_MILLIS;

        Hours {
            if (from >= to) {
                throw new IllegalArgumentException("sending-hours must begin before they end");
            }
        }

        int count() {
            return to - from;
        }

        long dayOf(long epochMillis) {
            return Math.floorDiv(local(epochMillis), DAY_MILLIS);
        }

        /** The hour of the day; -1 outside the sending hours. */
        int hourOf(long epochMillis) {
            int hour = (int) (Math.floorMod(local(epochMillis), DAY_MILLIS) / HOUR_MILLIS);
            return hour >= from && hour < to ? hour : -1;
        }

        /** Milliseconds since the hour began, there: not all zones are whole hours off. */
        long intoHour(long epochMillis) {
            return Math.floorMod(local(epochMillis), HOUR_MILLIS);
        }

        /** When the next hour begins in which mail is sent, after the present one. */
        long nextHour(long epochMillis) {
            ZonedDateTime next = at(epochMillis).withMinute(0).withSecond(0).withNano(0)
                    .plusHours(1);
            if (next.getHour() < from) {
                next = next.withHour(from);
            } else if (next.getHour() >= to) {
                next = next.toLocalDate().plusDays(1).atStartOfDay(zone).withHour(from);
            }
            return next.toInstant().toEpochMilli();
        }

        /** Milliseconds of the zone's own clock; asked for each message, so kept cheap. */
        private long local(long epochMillis) {
            return epochMillis + 1000L * zone.getRules().getOffset(Instant.ofEpochMilli(
                    epochMillis)).getTotalSeconds();
        }

        private ZonedDateTime at(long epochMillis) {
            return Instant.ofEpochMilli(epochMillis).atZone(zone);
        }
    }

    /** What a cap is counted over. */
    enum Per {
        DAY, HOUR
    }

    WarmupPlan {
        Map<String, List<Long>> copied = new LinkedHashMap<>();
        caps.forEach((provider, steps) -> copied.put(provider, List.copyOf(steps)));
        caps = Collections.unmodifiableMap(copied);
        shares = List.copyOf(shares);
        engaged = List.copyOf(engaged);
        if (shares.isEmpty() && !caps.containsKey(DEFAULT)) {
            throw new IllegalArgumentException("a plan needs caps.default, or shares");
        }
        if (!shares.isEmpty() && !caps.isEmpty()) {
            throw new IllegalArgumentException("a plan has caps or shares, not both");
        }
        for (List<Long> steps : caps.values()) {
            if (steps.isEmpty() || steps.size() > MAX_STEPS
                    || !steps.stream().allMatch(cap -> cap >= 1 && cap <= MAX_CAP)) {
                throw new IllegalArgumentException("caps are 1 to " + MAX_STEPS
                        + " numbers from 1 to 1000000000");
            }
        }
        if (shares.size() > MAX_STEPS) {
            throw new IllegalArgumentException("shares are at most " + MAX_STEPS);
        }
    }

    /** Whether the source gets a share of the mail instead of a number of messages. */
    boolean byShare() {
        return !shares.isEmpty();
    }

    /** How many steps there are at a provider. */
    int steps(String provider) {
        return byShare() ? shares.size() : stepsOf(provider).size();
    }

    /** Messages in a day at a step, from 0. Not for shares. */
    long cap(String provider, int step) {
        long cap = stepsOf(provider).get(step);
        return hours.per() == Per.HOUR ? cap * hours.count() : cap;
    }

    /** Messages in an hour of a day with that cap, when so many went in the hours before it. */
    long ofHour(int hour, long cap, long before) {
        long count = hours.count();
        if (hours.per() == Per.HOUR) {
            return Math.max(1, cap / count);
        }
        long byNow = Math.ceilDiv(cap * (hour - hours.from() + 1), count);
        return Math.min(byNow - before, 2 * Math.ceilDiv(cap, count));
    }

    private List<Long> stepsOf(String provider) {
        return Objects.requireNonNull(caps.getOrDefault(provider, caps.get(DEFAULT)));
    }

    /** What tells the size of a step: the cap, or the share in millionths. */
    long size(String provider, int step) {
        return byShare() ? Math.round(shares.get(step) * 1_000_000) : cap(provider, step);
    }

    /** Whether mail of that tag is for recipients that like to get it. */
    boolean engaged(String tag) {
        for (String pattern : engaged) {
            int star = pattern.indexOf('*');
            boolean same = star < 0 ? tag.equals(pattern)
                    : tag.length() >= pattern.length() - 1
                            && tag.startsWith(pattern.substring(0, star))
                            && tag.endsWith(pattern.substring(star + 1));
            if (same) {
                return true;
            }
        }
        return false;
    }

    // ------------------------------------------------------------------ reading

    static Optional<WarmupPlan> from(String name, ConfigReader reader, Set<String> providers) {
        Map<String, List<Long>> caps = new LinkedHashMap<>();
        ConfigReader section = reader.section("caps");
        for (String provider : section.keys()) {
            if (!provider.equals(DEFAULT) && !providers.contains(provider)) {
                section.problem(provider, "there is no such provider; known are: "
                        + String.join(", ", providers));
            }
            caps.put(provider, steps(section, provider, "a number such as 500, or \"7 x 500\"",
                    WarmupPlan::number));
        }
        List<Double> shares = steps(reader, "shares", "a share such as 5%, or \"7 x 5%\"",
                WarmupPlan::share);
        double advanceAt = share(reader, "advance-at");
        int badDays = reader.integer("bad-days", 1, 30);
        Rules rules = new Rules(share(reader, "max-bounces"), share(reader, "max-deferrals"),
                share(reader, "max-complaints"), reader.integer("min-sample", 1, 1_000_000),
                share(reader, "cut-bounces"), share(reader, "cut-to"),
                reader.duration("block-pause", Duration.ZERO, Duration.ofDays(90)),
                reader.integer("idle-days", 1, 3650));
        Per per = reader.choice("per", Per.class);
        ZoneId zone = reader.parsed("timezone", "a time zone such as Europe/Berlin",
                ZoneId.of("UTC"), WarmupPlan::zone);
        int[] hours = reader.parsed("sending-hours", "hours such as 8-20", new int[]{0, 24},
                WarmupPlan::hours);
        List<String> engaged = reader.texts("engaged");
        return reader.build(() -> new WarmupPlan(name, caps, shares, advanceAt, badDays, rules,
                new Hours(per, zone, hours[0], hours[1]),
                engaged.stream().map(Ascii::lower).toList()));
    }

    private static double share(ConfigReader reader, String key) {
        return reader.parsed(key, "a share such as 2.5%", 0.0, WarmupPlan::share);
    }

    /** Reads {@code 7 x 500} as seven steps. */
    private static <T> List<T> steps(ConfigReader reader, String key, String what,
            java.util.function.Function<String, Optional<T>> one) {
        List<T> all = new ArrayList<>();
        for (String text : reader.texts(key)) {
            int times = text.indexOf('x');
            Optional<Long> count = times < 0 ? Optional.of(1L) : number(text.substring(0, times));
            Optional<T> step = one.apply(text.substring(times + 1));
            if (count.isEmpty() || count.get() > MAX_STEPS || step.isEmpty()) {
                reader.problem(key, "must be " + what + ", not \"" + text + "\"");
            } else {
                all.addAll(Collections.nCopies(count.get().intValue(), step.get()));
            }
        }
        return all;
    }

    private static Optional<Long> number(String text) {
        String digits = text.strip();
        return digits.isEmpty() || digits.length() > 10
                || !digits.chars().allMatch(c -> c >= '0' && c <= '9')
                        ? Optional.empty()
                        : Optional.of(Long.parseLong(digits));
    }

    private static Optional<Double> share(String text) {
        String number = text.strip();
        if (!number.matches("[0-9]{1,3}(\\.[0-9]{1,4})?%")) {
            return Optional.empty();
        }
        double share = Double.parseDouble(number.substring(0, number.length() - 1)) / 100;
        return share > 1 ? Optional.empty() : Optional.of(share);
    }

    private static Optional<ZoneId> zone(String text) {
        try {
            return Optional.of(ZoneId.of(text));
        } catch (DateTimeException unknown) {
            return Optional.empty();
        }
    }

    private static Optional<int[]> hours(String text) {
        String[] parts = text.split("-", -1);
        Optional<Long> from = number(parts[0]);
        Optional<Long> to = parts.length == 2 ? number(parts[1]) : Optional.empty();
        return from.isEmpty() || to.isEmpty() || from.get() > 23 || to.get() > 24
                ? Optional.empty()
                : Optional.of(new int[]{from.get().intValue(), to.get().intValue()});
    }

    /** A share for people. */
    static String percent(double share) {
        String text = String.format(Locale.ROOT, "%.2f", share * 100);
        return (text.endsWith(".00") ? text.substring(0, text.length() - 3) : text) + " %";
    }
}
