// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigReader;
import java.util.Optional;

/**
 * What a listener may take of the server's connections and memory; 0: as much as there is. Each key
 * is explained in {@code reference.conf}.
 *
 * @param budget octets of memory for messages being read
 */
public record ListenerPressure(int maxConnections, long budget) {
    static final ListenerPressure NONE = new ListenerPressure(0, 0);
    /** Less could not hold one message of the shipped max-recipients and max-header. */
    private static final long MIN_BUDGET = 2 << 20;

    public ListenerPressure {
        if (budget != 0 && budget < MIN_BUDGET) {
            throw new IllegalArgumentException("budget must be 2m at least, or 0: all there is");
        }
    }

    static Optional<ListenerPressure> from(ConfigReader section) {
        int connections = section.integer("max-connections", 0, 1_000_000);
        long budget = section.bytes("budget", 0, 64L << 30);
        return section.build(() -> new ListenerPressure(connections, budget));
    }
}
