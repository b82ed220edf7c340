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
 * @param acceptedEpochMillis when the message was accepted
 * @param dueEpochMillis when it is or was due
 * @param expiresEpochMillis when it is given up
 */
public record Envelope(SpoolId id, int ordinal, QueueKey queue, MailAddress sender,
        List<Recipient> recipients, MailOptions options, ContentFacts facts, int attempts,
        long acceptedEpochMillis, long dueEpochMillis, long expiresEpochMillis) {
    public Envelope {
        recipients = List.copyOf(recipients);
    }
}
