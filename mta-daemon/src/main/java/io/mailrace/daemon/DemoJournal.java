// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.EventJournal;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What the daemon's own journal says about the run: the other side of {@link DemoLedger}. Confined
 * to the thread that reads; memory grows with the recipients deferred.
 */
final class DemoJournal {
    private static final int PAGE = 1000;
    private static final int MAX_TRACE = 50;

    private final EventJournal journal;
    private final Set<String> deferredRecipients = new HashSet<>();
    /** Of each recipient domain. */
    private final Map<String, Answers> answers = new HashMap<>();
    /** Of each provider: what was done, and how often. */
    private final Map<String, Map<String, Integer>> fired = new HashMap<>();
    private int attempts;
    private int deferrals;
    private int possibleDuplicates;

    /** What a domain said to each recipient of each try. */
    static final class Answers {
        private int tries;
        private int taken;
        private int pushedBack;
        private Optional<String> said = Optional.empty();

        private void add(Disposition disposition) {
            tries++;
            switch (disposition) {
                case Disposition.Delivered delivered -> taken++;
                case Disposition.Deferred deferred -> {
                    // what no rule knows is a lost line or the like
                    if (!deferred.cause().rule().isEmpty()) {
                        pushedBack++;
                        said = said.or(() -> Optional.of(deferred.reply().toString()));
                    }
                }
                case Disposition.Bounced bounced -> {
                    // neither
                }
            }
        }

        int tries() {
            return tries;
        }

        int taken() {
            return taken;
        }

        int pushedBack() {
            return pushedBack;
        }

        /** The first reply that put a recipient off. */
        Optional<String> said() {
            return said;
        }
    }

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
                } else if (recorded.event() instanceof Event.RuleFired fired) {
                    read.add(fired);
                }
            }
            at = page.getLast().sequence();
        }
    }

    private void add(Event.Attempted attempted) {
        attempts++;
        for (RecipientOutcome outcome : attempted.outcomes()) {
            answers.computeIfAbsent(outcome.address().domain(), key -> new Answers())
                    .add(outcome.disposition());
            if (outcome.disposition() instanceof Disposition.Deferred deferred) {
                deferrals++;
                deferredRecipients.add(outcome.address().toString());
                if (deferred.possibleDuplicate()) {
                    possibleDuplicates++;
                }
            }
        }
    }

    private void add(Event.RuleFired event) {
        int slash = event.rule().indexOf('/');
        fired.computeIfAbsent(event.rule().substring(0, Math.max(0, slash)),
                key -> new TreeMap<>())
                .merge(event.rule().substring(slash + 1) + ": " + event.action() + " "
                        + event.subject(), 1, Integer::sum);
    }

    Answers answersOf(String domain) {
        return answers.getOrDefault(domain, new Answers());
    }

    /** What rules of a provider did, and how often. */
    Map<String, Integer> fired(String provider) {
        return fired.getOrDefault(provider, Map.of());
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
        journal.ofMessage(id, MAX_TRACE).events()
                .forEach(r -> text.append(EventText.lines(r.event())));
        return text.toString();
    }
}
