// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * How much the spool has to do. Immutable; memory grows with the number of tenants.
 *
 * @param commitsWaiting operations that wait for the commit thread
 * @param envelopesWaiting envelopes in all queues, taken ones included
 * @param dueForMillis for how long mail that could be sent has been due, at most; parked queues
 *        wait for their receiver, not for us, so they do not count
 * @param waitingByTenant envelopes of each tenant that has some
 */
public record SpoolPressure(int commitsWaiting, long envelopesWaiting, long dueForMillis,
        Map<String, Long> waitingByTenant) {
    /** Nothing to do. */
    public static final SpoolPressure NONE = new SpoolPressure(0, 0, 0, Map.of());

    public SpoolPressure {
        waitingByTenant = Map.copyOf(waitingByTenant);
    }

    static SpoolPressure of(List<QueueStatus> queues, long nowEpochMillis) {
        long waiting = 0;
        long dueFor = 0;
        Map<String, Long> byTenant = new TreeMap<>();
        for (QueueStatus queue : queues) {
            waiting += queue.waiting();
            if (queue.waiting() > 0) {
                byTenant.merge(queue.key().tenant(), queue.waiting(), Long::sum);
            }
            if (queue.nextDueEpochMillis() > 0 && queue.parkedUntilEpochMillis() == 0) {
                dueFor = Math.max(dueFor, nowEpochMillis - queue.nextDueEpochMillis());
            }
        }
        return new SpoolPressure(0, waiting, dueFor, byTenant);
    }

    SpoolPressure withCommits(int waiting) {
        return new SpoolPressure(waiting, envelopesWaiting, dueForMillis, waitingByTenant);
    }
}
