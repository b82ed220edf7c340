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

    /** Notes plans that are not there. */
    void check(Map<String, ConfigReader> sources, Map<String, SourceConfig> known) {
        sources.forEach((name, reader) -> {
            SourceConfig source = known.get(name);
            Optional<Joined> joined = source == null ? Optional.empty() : source.warmup();
            if (joined.isPresent() && !plans.containsKey(joined.get().plan())) {
                reader.problem("warmup", "there is no plan named " + joined.get().plan()
                        + "; known are: " + String.join(", ", plans.keySet()));
            }
        });
    }
}
