// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigReader;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Section {@code warmup}.
 *
 * @param plans by name, in order of name
 */
record WarmupConfig(Map<String, WarmupPlan> plans) {
    static final WarmupConfig NONE = new WarmupConfig(Map.of());

    /**
     * Option {@code warmup} of a source.
     *
     * @param plan name of it
     * @param start the first day; empty: at once
     * @param unchecked it begins whatever is wrong with its PTR, names and SPF
     */
    record Joined(String plan, Optional<LocalDate> start, boolean unchecked) {}

    WarmupConfig {
        plans = Collections.unmodifiableMap(new LinkedHashMap<>(plans));
    }

    static WarmupConfig from(ConfigReader reader, Set<String> providers) {
        Map<String, WarmupPlan> plans = new LinkedHashMap<>();
        reader.sections("plans", "plan-defaults").forEach((name, section) -> WarmupPlan
                .from(name, section, providers).ifPresent(plan -> plans.put(name, plan)));
        return new WarmupConfig(plans);
    }

    /** Reads the option of a source; empty: it is not warmed up. */
    static Optional<Joined> joined(ConfigReader source) {
        ConfigReader reader = source.section("warmup");
        String plan = reader.string("plan");
        String start = reader.string("start");
        Optional<LocalDate> day = Optional.empty();
        try {
            day = start.isEmpty() ? day : Optional.of(LocalDate.parse(start));
        } catch (DateTimeException wrong) {
            reader.problem("start", "must be a day such as 2026-11-20, or empty; not \"" + start
                    + "\"");
        }
        if (plan.isEmpty() && !start.isEmpty()) {
            reader.problem("plan", "must be the name of a plan: start is set");
        }
        boolean unchecked = reader.flag("unchecked");
        return plan.isEmpty() ? Optional.empty()
                : Optional.of(new Joined(plan, day, unchecked));
    }

    /** Notes plans that are not there, and shares of a pool that has nothing but new sources. */
    void check(Map<String, ConfigReader> sources, Map<String, SourceConfig> known,
            Map<String, PoolConfig> pools) {
        Set<String> warm = known.entrySet().stream()
                .filter(entry -> entry.getValue().warmup().isEmpty()).map(Map.Entry::getKey)
                .collect(Collectors.toSet());
        sources.forEach((name, reader) -> {
            SourceConfig source = known.get(name);
            Optional<Joined> joined = source == null ? Optional.empty() : source.warmup();
            WarmupPlan plan = joined.map(one -> plans.get(one.plan())).orElse(null);
            if (joined.isPresent() && plan == null) {
                reader.problem("warmup", "there is no plan named " + joined.get().plan()
                        + "; known are: " + String.join(", ", plans.keySet()));
            } else if (plan != null) {
                lacksWarm(plan, name, pools, warm).ifPresent(why -> reader.problem("warmup",
                        why));
            }
        });
    }

    /**
     * Why a source cannot have that plan: a share of the mail needs warm sources that send the
     * rest; alone it would be a message a day. Empty: it can.
     *
     * @param warm names of the sources that are not warmed up
     */
    static Optional<String> lacksWarm(WarmupPlan plan, String source,
            Map<String, PoolConfig> pools, Set<String> warm) {
        if (!plan.byShare()) {
            return Optional.empty();
        }
        for (PoolConfig pool : pools.values()) {
            if (pool.sources().getOrDefault(source, 0) > 0 && PoolConfig.chain(pools, pool)
                    .stream().flatMap(one -> one.sources().entrySet().stream())
                    .noneMatch(one -> one.getValue() > 0 && warm.contains(one.getKey()))) {
                return Optional.of("plan " + plan.name() + " gives a share of the mail, but pool "
                        + pool.name() + " and those it overflows to have no warm source for the"
                        + " rest: take a plan with caps, or add one");
            }
        }
        return Optional.empty();
    }
}
