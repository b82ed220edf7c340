// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import java.util.List;

/**
 * Sender and remaining recipients of one destination for one content. Immutable; settling an
 * attempt makes a new one.
 *
 * @param ordinal number of this envelope among those of its content, from 0
 * @param attempts tries made so far
 * @param tried whether one of them came as far as a server; false: no server has seen it yet
 * @param options their times are spool time, as all others here
 * @param acceptedEpochMillis when the message was accepted
 * @param dueEpochMillis when it is or was due
 * @param expiresEpochMillis when it is given up
 */
public record Envelope(SpoolId id, int ordinal, QueueKey queue, MailAddress sender,
        List<Recipient> recipients, MailOptions options, ContentFacts facts, int attempts,
        boolean tried, long acceptedEpochMillis, long dueEpochMillis, long expiresEpochMillis) {
    public Envelope {
        recipients = List.copyOf(recipients);
    }

    /** Since when it ages: not before its release. */
    long agesFrom() {
        return Math.max(acceptedEpochMillis, options.releaseEpochMillis());
    }

    /** The same with another due time and age. */
    Envelope at(long due, long expires) {
        return new Envelope(id, ordinal, queue, sender, recipients, options, facts, attempts, tried,
                acceptedEpochMillis, due, expires);
    }

    /** A part of it in another queue, or under another number. */
    Envelope moved(int number, QueueKey to, List<Recipient> part) {
        return new Envelope(id, number, to, sender, part, options, facts, attempts, tried,
                acceptedEpochMillis, dueEpochMillis, expiresEpochMillis);
    }
}
