// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigReader;
import java.time.Duration;
import java.util.Optional;

/**
 * From what on less mail is taken, or none: see {@link IntakePressure}. Each key is explained in
 * {@code reference.conf}; 0 means no bound.
 *
 * @param budget octets of memory for messages being read; 0: a third of the heap
 * @param slowAt percent of budget, heap and direct memory
 * @param refuseAt percent of the same
 * @param flowDelay most between two messages of a connection: see {@link FlowControl}
 */
public record PressureConfig(long budget, int slowAt, int refuseAt, int maxCommitsWaiting,
        int maxHandshakes, long maxBacklog, long maxTenantBacklog, Duration maxDueFor,
        Duration slowDelay, Duration flowDelay) {
    private static final int MAX_COUNT = 1_000_000_000;

    /** Only stands in after a problem was noted: never used by a running server. */
    static final PressureConfig STAND_IN = new PressureConfig(0, 50, 90, 0, 0, 0, 0,
            Duration.ZERO, Duration.ofSeconds(1), Duration.ZERO);

    public PressureConfig {
        if (slowAt >= refuseAt) {
            throw new IllegalArgumentException("slow-at must be smaller than refuse-at");
        }
    }

    static Optional<PressureConfig> from(ConfigReader s) {
        long budget = s.bytes("budget", 0, 64L << 30);
        int slowAt = s.integer("slow-at", 1, 100);
        int refuseAt = s.integer("refuse-at", 1, 100);
        int commits = s.integer("max-commits-waiting", 0, MAX_COUNT);
        int handshakes = s.integer("max-handshakes", 0, MAX_COUNT);
        int backlog = s.integer("max-backlog", 0, MAX_COUNT);
        int tenantBacklog = s.integer("max-tenant-backlog", 0, MAX_COUNT);
        Duration dueFor = s.duration("max-due-for", Duration.ZERO, Duration.ofDays(30));
        Duration delay = s.duration("slow-delay", Duration.ofMillis(10), Duration.ofSeconds(30));
        Duration flow = s.duration("flow-delay", Duration.ZERO, Duration.ofSeconds(30));
        return s.build(() -> new PressureConfig(budget, slowAt, refuseAt, commits, handshakes,
                backlog, tenantBacklog, dueFor, delay, flow));
    }
}
