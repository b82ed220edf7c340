// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import java.util.List;

/**
 * The record of what happened, in the order it was committed. Readers keep a position and ask for
 * what came after it; a slow reader slows nobody. Events older than the retention are dropped.
 * Reading may touch the disk: never on an event loop.
 */
public interface EventJournal {

    /** An event with its place in the journal; sequences rise by one and are never reused. */
    record Recorded(long sequence, Event event) {}

    /**
     * What is recorded of one message, oldest first.
     *
     * @param bytes about how many bytes the events take
     * @param more whether more is recorded than is in here
     */
    record History(List<Recorded> events, long bytes, boolean more) {}

    /**
     * Adds an event that changes no mail. It goes with the next batch and is not waited for; when
     * more than a bounded number wait, it is dropped and counted.
     */
    void append(Event event);

    /**
     * Up to {@code max} events after {@code sequence}, oldest first: fewer when they take more than
     * about a megabyte, but never none while there are any. Damaged ones are left out, as are those
     * that are kept no longer: the sequences leap.
     */
    List<Recorded> after(long sequence, int max);

    /** Sequence of the newest event, 0 when there is none. */
    long newest();

    /**
     * What is still recorded of one message, oldest first: at most {@code max} events, and no more
     * once they take about a megabyte. Then it is the first one and the newest.
     */
    History ofMessage(SpoolId id, int max);

    /** Where the named reader stopped; 0 when it never saved a position. */
    long position(String reader);

    /** Saves a reader's position with the next batch. */
    void savePosition(String reader, long sequence);

    /** Runs {@code listener} (any thread, quickly) after each batch that holds events. */
    void onGrowth(Runnable listener);
}
