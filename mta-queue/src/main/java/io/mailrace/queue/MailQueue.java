// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.List;

/**
 * Envelopes of one (lane, tenant, destination, pool), ordered by due time, on disk; a bounded
 * window of due ones is in memory. Any thread; never blocks.
 */
public interface MailQueue {

    QueueKey key();

    /**
     * Takes up to {@code max} due envelopes, earliest due first. May return less, even none, while
     * more is being read from disk: {@link MailQueues.DueListener} is told when there is more. A
     * taken envelope must be settled or put back; a restart makes it due again.
     */
    List<Envelope> take(int max);

    /** Gives an envelope back untouched: no attempt is counted and it stays due. */
    void putBack(Envelope envelope);

    /**
     * Nothing can be taken before {@code untilEpochMillis}; no attempt is counted, no due time
     * changes. Mail past its age still expires. Replaces an earlier parking.
     *
     * @param why one sentence for operators
     */
    void park(long untilEpochMillis, String why);

    /**
     * As {@link #park}, for mail no server has seen yet ({@link Envelope#tried}) only: other mail
     * can be taken as it comes due, unless it stands behind {@value QueueState#ASIDE} of the kind
     * that waits. Ended by {@code park} without time.
     */
    void parkUntried(long untilEpochMillis, String why);

    QueueStatus status();

    /** Spool time, in which its envelopes are due and age. */
    long now();
}
