// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.FromDomain;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.RoutingHints;
import io.mailrace.core.SpoolId;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes envelopes anew whose records were destroyed: the journal knows who a message was for and
 * who has had it, the content is there. What the submitter asked for (DSN options, ENVID, a later
 * release) is gone;
 * what is to be known of the content is read from it. One thread; reads the disk.
 */
final class EnvelopeRebuild {
    private static final int MAX_EVENTS = 10_000;
    private static final int LONG_LINE = 998;

    private final Store store;
    private final Router router;
    private final RetryConfig retry;
    private final int lastBucket;

    /** @param newestEvent sequence of the newest event in the spool */
    EnvelopeRebuild(Store store, QueueConfig config, long newestEvent) {
        this.store = store;
        router = new Router(config.routes());
        retry = config.retry();
        lastBucket = Keys.bucketOf(newestEvent);
    }

    /**
     * The envelopes a message lacks, due at that time; none when the journal does not know it any
     * more, its content is not whole, or nobody waits for it.
     */
    List<Operation.NewEnvelope> missing(long id, long nowEpochMillis) {
        List<Event> events = events(id);
        if (events.isEmpty() || !(events.getFirst() instanceof Event.Received received)) {
            return List.of();
        }
        Set<MailAddress> waiting = new LinkedHashSet<>(received.recipients());
        events.forEach(event -> leave(waiting, event));
        int highest = known(id, waiting);
        @Nullable
        ContentFacts facts = waiting.isEmpty() ? null : facts(id, received);
        if (facts == null) {
            return List.of();
        }
        List<Recipient> recipients = waiting.stream().map(Recipient::new).toList();
        List<Router.Part> parts = router.split(new Router.Mail(received.sender(),
                received.tenant(), facts.tag(), new RoutingHints(Optional.of(received.lane()),
                        Map.of())),
                recipients);
        int envelopes = parts.size() + highest + 1;
        MailOptions options = MailOptions.NONE.with(body(facts)).withSmtputf8(facts.utf8Header());
        boolean delayTold = events.stream().anyMatch(event -> event instanceof Event.DsnSent sent
                && sent.action().equals(DsnWriter.Action.DELAYED.word()));
        List<Operation.NewEnvelope> made = new ArrayList<>();
        for (Router.Part part : parts) {
            long expires = retry.of(part.queue().lane()).maxAge().toMillis() + nowEpochMillis;
            Entry entry = new Entry(new Envelope(new SpoolId(id), ++highest, part.queue(),
                    received.sender(), part.recipients(), options, facts, 0, false,
                    received.epochMillis(), nowEpochMillis, expires), envelopes, delayTold);
            made.add(new Operation.NewEnvelope(entry, EnvelopeCodec.encode(entry),
                    Schedule.fresh(received.epochMillis(), expires).encode()));
        }
        return made;
    }

    private static MailOptions.Body body(ContentFacts facts) {
        if (facts.binary()) {
            return MailOptions.Body.BINARY_MIME;
        }
        return facts.eightBit() ? MailOptions.Body.EIGHT_BIT_MIME : MailOptions.Body.SEVEN_BIT;
    }

    private List<Event> events(long id) {
        List<Event> events = new ArrayList<>();
        for (int bucket = 0; bucket <= lastBucket; bucket++) {
            store.scanAround(Store.Family.EVENT_OF, Keys.eventOf(bucket, id, 0),
                    Keys.eventOf(bucket, id, Long.MAX_VALUE), (key, value) -> {
                        event(Keys.longAt(key, 12)).ifPresent(events::add);
                        return events.size() < MAX_EVENTS;
                    }, (after, next, why) -> {
                        // Told by the check; what is left of the index is used.
                    });
        }
        return events;
    }

    private Optional<Event> event(long sequence) {
        try {
            byte[] record = store.get(Store.Family.EVENT, Keys.event(sequence));
            return record == null ? Optional.empty() : Optional.of(EventCodec.decode(record));
        } catch (SpoolException damaged) {
            return Optional.empty();
        }
    }

    /** Takes out whoever is done by an event. */
    private static void leave(Set<MailAddress> waiting, Event event) {
        switch (event) {
            case Event.Attempted attempted -> {
                for (RecipientOutcome outcome : attempted.outcomes()) {
                    if (!(outcome.disposition() instanceof Disposition.Deferred)) {
                        waiting.remove(outcome.address());
                    }
                }
            }
            case Event.Expired expired -> expired.recipients().forEach(waiting::remove);
            case Event.Operated operated -> {
                if (operated.change() == Event.Operated.Change.BOUNCED
                        || operated.change() == Event.Operated.Change.DISCARDED) {
                    operated.recipients().forEach(waiting::remove);
                }
            }
            case Event.Received none -> {
            }
            case Event.LintFound none -> {
            }
            case Event.Rejected none -> {
            }
            case Event.DsnSent none -> {
            }
            case Event.DsnOmitted none -> {
            }
            case Event.QueueParked none -> {
            }
            case Event.AdminAction none -> {
            }
            case Event.Postponed none -> {
            }
            case Event.WarmupStep none -> {
            }
            case Event.RuleFired none -> {
            }
        }
    }

    /** Takes out whoever has an envelope; returns the highest number of one, -1 without any. */
    private int known(long id, Set<MailAddress> waiting) {
        int[] highest = {-1};
        store.scanAround(Store.Family.ENVELOPE, Keys.ofMessage(id), Keys.ofMessage(id + 1),
                (key, value) -> {
                    highest[0] = Math.max(highest[0], Keys.intAt(key, 8));
                    try {
                        EnvelopeCodec.read(value).recipients()
                                .forEach(one -> waiting.remove(one.address()));
                    } catch (SpoolException damaged) {
                        // Its recipients are among those who wait.
                        return true;
                    }
                    return true;
                }, (after, next, why) -> {
                    // Told by the check.
                });
        return highest[0];
    }

    /** What intake learned of the content, learned again; null when it is not whole. */
    private @Nullable ContentFacts facts(long id, Event.Received received) {
        boolean eightBit = false;
        boolean utf8Header = false;
        boolean leadingDot = false;
        boolean longLine = false;
        boolean binary = false;
        boolean inHeader = true;
        int column = 0;
        FromField from = new FromField();
        byte last = '\n';
        Content content = new StoredContent(store, FreshContents.none(), id,
                received.sizeBytes());
        try {
            for (int chunk = 0; chunk < content.chunkCount(); chunk++) {
                for (byte b : content.chunk(chunk)) {
                    binary |= b == 0 || (last == '\r') != (b == '\n');
                    last = b;
                    if (b == '\n') {
                        inHeader &= column > 1;
                        column = 0;
                        continue;
                    }
                    if (inHeader) {
                        from.take(b, column == 0);
                    }
                    leadingDot |= column == 0 && b == '.';
                    eightBit |= b < 0;
                    utf8Header |= inHeader && b < 0;
                    longLine |= ++column > LONG_LINE + 1;
                }
            }
        } catch (SpoolException damaged) {
            return null;
        }
        return new ContentFacts(received.sizeBytes(), eightBit, utf8Header, leadingDot, longLine,
                binary || last != '\n', FromDomain.of(from.value()), received.messageId(), "");
    }
}
