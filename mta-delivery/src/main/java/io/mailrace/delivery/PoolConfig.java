// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A weighted set of sources; an entry of section {@code pools}.
 *
 * @param sources weight by source name, in order of name
 * @param overflow the pool whose sources send when none of its own may; empty: none
 * @param sticky whether greylisted mail goes by the same source again
 */
record PoolConfig(String name, Map<String, Integer> sources, String overflow, boolean sticky) {
    private static final int MAX_WEIGHT = 1_000_000;

    PoolConfig {
        sources = Collections.unmodifiableMap(new LinkedHashMap<>(sources));
        if (sources.values().stream().noneMatch(weight -> weight > 0)) {
            throw new IllegalArgumentException("a pool needs a source with a weight above 0");
        }
    }

    /** Every source has weight 1. */
    static PoolConfig even(String name, Set<String> sources) {
        Map<String, Integer> weights = new LinkedHashMap<>();
        sources.forEach(source -> weights.put(source, 1));
        return new PoolConfig(name, weights, "", true);
    }

    static Optional<PoolConfig> from(String name, ConfigReader reader, Set<String> known) {
        ConfigReader section = reader.section("sources");
        Map<String, Integer> weights = new LinkedHashMap<>();
        for (String source : section.keys()) {
            int weight = section.integer(source, 0, MAX_WEIGHT);
            if (!known.contains(source)) {
                section.problem(source, "there is no such source; known are: "
                        + String.join(", ", known));
            }
            weights.put(source, weight);
        }
        String overflow = reader.string("overflow");
        boolean sticky = reader.flag("sticky");
        return reader.build(() -> new PoolConfig(name, weights, overflow, sticky));
    }

    /** Notes overflows that lead nowhere or round in a circle. */
    static void checkOverflows(Map<String, PoolConfig> pools, Map<String, ConfigReader> readers) {
        readers.forEach((name, reader) -> {
            PoolConfig pool = pools.get(name);
            if (pool == null || pool.overflow.isEmpty()) {
                return;
            }
            if (!pools.containsKey(pool.overflow)) {
                reader.problem("overflow", "there is no pool named " + pool.overflow
                        + "; known are: " + String.join(", ", pools.keySet()));
                return;
            }
            List<String> way = chain(pools, pool).stream().map(PoolConfig::name).toList();
            PoolConfig last = pools.get(way.getLast());
            if (last != null && last.overflow.equals(name)) {
                reader.problem("overflow", "goes round in a circle: " + String.join(" -> ", way)
                        + " -> " + name);
            }
        });
    }

    /** The pool, the one it overflows to, and so on; each once. */
    static List<PoolConfig> chain(Map<String, PoolConfig> pools, PoolConfig first) {
        List<PoolConfig> chain = new ArrayList<>();
        PoolConfig next = first;
        while (next != null && !chain.contains(next)) {
            chain.add(next);
            next = pools.get(next.overflow);
        }
        return chain;
    }
}
