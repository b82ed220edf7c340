// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.EventJournal;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What the daemon's own journal says about the run: the other side of {@link DemoLedger}. Confined
 * to the thread that reads; memory grows with the recipients deferred.
 */
final class DemoJournal {
    private static final int PAGE = 1000;
    private static final int MAX_TRACE = 50;

    private final EventJournal journal;
    private final Set<String> deferredRecipients = new HashSet<>();
    private int attempts;
    private int deferrals;
    private int possibleDuplicates;

    private DemoJournal(EventJournal journal) {
        this.journal = journal;
    }

    /** Reads the whole journal; touches the disk. */
    static DemoJournal read(EventJournal journal) {
        var read = new DemoJournal(journal);
        long at = 0;
        while (true) {
            List<EventJournal.Recorded> page = journal.after(at, PAGE);
            if (page.isEmpty()) {
                return read;
            }
            for (EventJournal.Recorded recorded : page) {
                if (recorded.event() instanceof Event.Attempted attempted) {
                    read.add(attempted);
                }
            }
            at = page.getLast().sequence();
        }
    }

    private void add(Event.Attempted attempted) {
        attempts++;
        for (RecipientOutcome outcome : attempted.outcomes()) {
            if (outcome.disposition() instanceof Disposition.Deferred deferred) {
                deferrals++;
                deferredRecipients.add(outcome.address().toString());
                if (deferred.possibleDuplicate()) {
                    possibleDuplicates++;
                }
            }
        }
    }

    boolean wasDeferred(String recipient) {
        return deferredRecipients.contains(recipient);
    }

    int attempts() {
        return attempts;
    }

    int deferrals() {
        return deferrals;
    }

    int deferredRecipients() {
        return deferredRecipients.size();
    }

    /** Attempts whose line was lost between the final dot and its reply. */
    int possibleDuplicates() {
        return possibleDuplicates;
    }

    /** The trace of one message as {@code mailrace trace} prints it. */
    String trace(SpoolId id) {
        var text = new StringBuilder();
        journal.ofMessage(id, MAX_TRACE).forEach(r -> text.append(EventText.lines(r.event())));
        return text.toString();
    }
}
