// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Operators' changes to many envelopes: each is one walk over the queues concerned, in pages, while
 * mail goes on. One runs at a time, at most {@value #MAX_WAITING} wait; memory does not depend on
 * the number of envelopes. A restart ends what runs: what was changed stays changed, the rest is as
 * it was, and the same operation may be given again. Any thread; never blocks.
 */
public interface SetOperations {
    int MAX_WAITING = 16;

    /** How an operation stands. */
    enum State {
        WAITING, RUNNING, DONE, CANCELLED, FAILED
    }

    /**
     * An operation at one moment.
     *
     * @param looked envelopes looked at
     * @param changed envelopes changed, on disk
     * @param underWay envelopes meant but left alone, because an attempt was under way
     * @param why it failed; empty otherwise
     */
    record Status(long number, String who, String action, String selection, State state,
            long startedEpochMillis, long endedEpochMillis, long looked, long changed,
            long underWay, String why) {}

    /** Hears nothing. */
    Consumer<Set<QueueKey>> NOBODY = queues -> {};

    /**
     * Has an operation done.
     *
     * @param who for the journal
     * @param found of {@link SetAction.RetryNow}: hears once, at the end of the walk and before
     *     they are unparked, of the queues that had some of the mail meant, unless there is none;
     *     not of those of which all was meant. On {@code spool-operations}; must not block
     * @return its number
     * @throws IllegalStateException when too many wait
     */
    long start(Selection selection, SetAction action, String who, Consumer<Set<QueueKey>> found);

    /** As above, when nobody wants to hear. */
    default long start(Selection selection, SetAction action, String who) {
        return start(selection, action, who, NOBODY);
    }

    /** The newest operations since the start, newest first; at most a hundred. */
    List<Status> statuses();

    /** Ends an operation that waits or runs; false when there is none of that number. */
    boolean cancel(long number);
}
