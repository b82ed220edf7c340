// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import io.mailrace.core.RecipientOutcome;
import java.util.List;

/**
 * What one attempt did to one envelope.
 *
 * @param outcomes exactly one for each recipient of the envelope, in its order
 * @param additions numbers that are counted with it, in the same batch
 * @param peerTakesDsn the peer offered DSN, so success reports are its duty (RFC 3461 5.2.2)
 */
public record Settlement(Envelope envelope, Event.Route route, long durationMillis,
        List<RecipientOutcome> outcomes, boolean peerTakesDsn, List<Memos.Addition> additions) {
    public Settlement {
        outcomes = List.copyOf(outcomes);
        additions = List.copyOf(additions);
        if (outcomes.size() != envelope.recipients().size()) {
            throw new IllegalArgumentException("one outcome for each recipient is needed");
        }
    }

    /** Nothing is counted with it. */
    public Settlement(Envelope envelope, Event.Route route, long durationMillis,
            List<RecipientOutcome> outcomes, boolean peerTakesDsn) {
        this(envelope, route, durationMillis, outcomes, peerTakesDsn, List.of());
    }
}
