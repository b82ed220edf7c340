// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.List;
import java.util.Optional;

/**
 * All queues that hold mail or held some lately. Memory grows with the number of queues, never with
 * the number of messages. Any thread.
 */
public interface MailQueues {

    /** Is told of queues with due mail. */
    interface DueListener {
        /**
         * The queue went from nothing to take to something to take. Comes again only after a
         * {@link MailQueue#take} returned less than was asked for. Any thread; must return quickly.
         */
        void queueDue(MailQueue queue);
    }

    /** Sets the one listener and tells it of every queue with due mail. Called once, at start. */
    void listen(DueListener listener);

    Optional<MailQueue> find(QueueKey key);

    /** A snapshot of every queue that has mail, held mail included. */
    List<QueueStatus> statuses();

    /** Envelopes in all queues, taken ones included. */
    long waiting();
}
