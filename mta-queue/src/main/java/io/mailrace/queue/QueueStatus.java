// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/**
 * A queue at one moment.
 *
 * @param waiting envelopes in it, taken ones included
 * @param held envelopes kept until an operator releases them; not among those waiting
 * @param taken envelopes on their way out
 * @param nextDueEpochMillis when its head is due; in the past when due now; 0 when it is empty or
 *        everything is taken
 * @param oldestEpochMillis no envelope in it has aged since before this; 0 when empty, or when all
 *        of it is to be released later (RFC 4865)
 * @param parkedUntilEpochMillis 0 when it is not parked
 * @param parkedWhy empty when it is not parked
 */
public record QueueStatus(QueueKey key, long waiting, long held, int taken, long nextDueEpochMillis,
        long oldestEpochMillis, long parkedUntilEpochMillis, String parkedWhy) {}
