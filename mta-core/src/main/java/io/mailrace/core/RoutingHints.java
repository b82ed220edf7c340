// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Map;
import java.util.Optional;

/**
 * What an application says in a message about its way; not kept once it is routed. Immutable.
 *
 * @param lane the lane it asks for; a route may say otherwise
 * @param pool the pool it asks for; a route may say otherwise
 * @param fields values of the header fields routes look at, by name in lower case
 */
public record RoutingHints(Optional<Lane> lane, Optional<String> pool,
        Map<String, String> fields) {
    public static final RoutingHints NONE = new RoutingHints(Optional.empty(), Map.of());

    /** Without a pool. */
    public RoutingHints(Optional<Lane> lane, Map<String, String> fields) {
        this(lane, Optional.empty(), fields);
    }

    public RoutingHints {
        fields = Map.copyOf(fields);
    }
}
