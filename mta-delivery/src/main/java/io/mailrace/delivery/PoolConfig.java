// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigReader;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A weighted set of sources; an entry of section {@code pools}.
 *
 * @param sources weight by source name, in order of name
 */
record PoolConfig(String name, Map<String, Integer> sources) {
    private static final int MAX_WEIGHT = 1_000_000;

    PoolConfig {
        sources = Collections.unmodifiableMap(new LinkedHashMap<>(sources));
        if (sources.values().stream().noneMatch(weight -> weight > 0)) {
            throw new IllegalArgumentException("a pool needs a source with a weight above 0");
        }
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
        return reader.build(() -> new PoolConfig(name, weights));
    }
}
