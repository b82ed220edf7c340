// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import io.mailrace.core.RecipientOutcome;
import java.util.List;

/**
 * What one attempt did to one envelope.
 *
 * @param outcomes exactly one for each recipient of the envelope, in its order
 * @param peerTakesDsn the peer offered DSN, so success reports are its duty (RFC 3461 5.2.2)
 */
public record Settlement(Envelope envelope, Event.Route route, long durationMillis,
        List<RecipientOutcome> outcomes, boolean peerTakesDsn) {
    public Settlement {
        outcomes = List.copyOf(outcomes);
        if (outcomes.size() != envelope.recipients().size()) {
            throw new IllegalArgumentException("one outcome for each recipient is needed");
        }
    }
}
