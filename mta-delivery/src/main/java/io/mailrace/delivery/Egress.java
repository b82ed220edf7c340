// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * All sources and pools at work, shared by all sites: each part may be used by any thread.
 *
 * @param sources by name
 * @param wheels by name of pool
 */
record Egress(Map<String, EgressSource> sources, Map<String, PoolConfig> pools,
        Map<String, SourceWheel> wheels, SourceMemory memory) {
    Egress {
        sources = Map.copyOf(sources);
        wheels = Map.copyOf(wheels);
    }

    static Egress of(DeliveryConfig config, TimeSource time) {
        Map<String, EgressSource> sources = new LinkedHashMap<>();
        config.sources().forEach((name, source) -> sources.put(name, new EgressSource(source,
                time)));
        Map<String, SourceWheel> wheels = new LinkedHashMap<>();
        config.pools().forEach((name, pool) -> wheels.put(name, SourceWheel.of(pool, sources)));
        return new Egress(sources, config.pools(), wheels, new SourceMemory(time));
    }

    /** The wheel of the pool, that of the pool it overflows to, and so on. */
    List<SourceWheel> wheelsOf(PoolConfig pool) {
        return PoolConfig.chain(pools, pool).stream()
                .map(one -> Objects.requireNonNull(wheels.get(one.name()))).toList();
    }

    /** Whether greylisted mail of that pool goes by the same source again. */
    boolean sticky(String pool) {
        PoolConfig config = pools.get(pool);
        return config != null && config.sticky();
    }
}
