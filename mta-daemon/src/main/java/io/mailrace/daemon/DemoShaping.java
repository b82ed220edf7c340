// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What shaping did at one large receiver, as the daemon's journal tells it. Immutable.
 *
 * @param name of the provider in {@code providers.conf}
 * @param tries recipients offered, each time counted
 * @param taken of them, delivered
 * @param pushedBack of them, answered with 4xx and put off
 * @param said the first such reply
 * @param fired how often each rule did something, as {@code rate-ip: recover source a at gmail}
 * @param foundPerSecond the rate delivery holds itself to; empty: none
 * @param takesPerSecond what the receiver takes in the long run, at reputation 1
 * @param reputation of the sender's address in the receiver's eyes
 */
record DemoShaping(String name, int tries, int taken, int pushedBack, Optional<String> said,
        Map<String, Integer> fired, OptionalDouble foundPerSecond, double takesPerSecond,
        double reputation) {
    DemoShaping {
        fired = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(fired));
    }

    /** Share of tries that were pushed back. */
    double pushedBackShare() {
        return tries == 0 ? 0 : (double) pushedBack / tries;
    }
}
