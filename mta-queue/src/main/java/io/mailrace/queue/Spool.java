// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;

/**
 * The durable store of contents and envelopes: what it has committed survives the death of the
 * process and of the machine. Everything is changed by one thread, {@code spool-commit}, in atomic
 * batches each synced once; callers are told after the sync. Methods may be called by any thread
 * and never block, except where said.
 */
public interface Spool extends AutoCloseable {

    /**
     * Begins a message.
     *
     * @param loop runs the callbacks of this content; the content is confined to it
     * @param writable run on {@code loop} when {@link IncomingContent#writable()} turned true again
     */
    IncomingContent newContent(Executor loop, Runnable writable);

    /**
     * Stores what one attempt did: delivered recipients go, deferred ones get their next due time,
     * bounced and expired ones a DSN, and the event is written, all in one batch. The envelope must
     * have been taken from its queue and is no longer taken afterwards.
     */
    void settle(Settlement settlement, Executor where, CommitListener listener);

    /** The bytes of a stored message. Reading a chunk may touch the disk: see {@link Content}. */
    Content content(Envelope envelope);

    /** Runs work that may block on the spool's disk; threads named {@code spool-read}. Bounded. */
    Executor readers();

    MailQueues queues();

    EventJournal journal();

    /** Operators' changes to many envelopes at once. */
    SetOperations operations();

    /** Small values other modules must not forget. */
    Memos memos();

    /** What operators do to the spool itself. */
    SpoolCare care();

    /** Why new mail is refused at the moment (disk full, write error); empty when it is taken. */
    Optional<String> refusal();

    /**
     * The name of a thread all mail waits for that has not come around for longer than the limit;
     * empty when all is well. At rest they come around every second.
     */
    default Optional<String> stuck(Duration limit) {
        return Optional.empty();
    }

    /** For how long the disk has not answered the write under way; zero when there is none. */
    default Duration stalled() {
        return Duration.ZERO;
    }

    /**
     * How much there is to do. Looks at each queue, never at its mail, at most every two seconds;
     * not on an event loop.
     */
    SpoolPressure pressure();

    /**
     * How much of the memory for contents that wait for their first attempt is in use, in percent;
     * what finds no room in it is read back from disk. 0: none, or there is no such memory.
     */
    default int freshPercent() {
        return 0;
    }

    /** Commits what was handed over, then closes. Blocks. No callbacks come afterwards. */
    @Override
    void close();
}
