// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.LintReport;
import io.mailrace.core.LintRule;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Turns a submission into what the commit thread writes: routed, split, encoded. Any thread; this
 * is where the work of an accept is done.
 */
final class MailBuilder {
    private final TimeSource time;
    private final SpoolClock clock;
    private final Router router;
    private final RetrySchedule retry;
    private final ContentSeal seal;

    MailBuilder(TimeSource time, SpoolClock clock, Router router, RetrySchedule retry,
            ContentSeal seal) {
        this.time = time;
        this.clock = clock;
        this.router = router;
        this.retry = retry;
        this.seal = seal;
    }

    /** A message of the spool's own, whole in memory. It never travels in the bulk lane. */
    Operation.NewMail whole(SpoolId id, Submission submission, byte[] content) {
        List<StoredChunk> chunks = new ArrayList<>();
        for (int from = 0; from < content.length; from += Content.CHUNK_BYTES) {
            chunks.add(stored(id, chunks.size(), Arrays.copyOfRange(content, from,
                    Math.min(content.length, from + Content.CHUNK_BYTES))));
        }
        List<Router.Part> parts = new ArrayList<>();
        for (Router.Part part : split(submission)) {
            QueueKey queue = part.queue();
            parts.add(queue.lane() != Lane.BULK
                    ? part
                    : new Router.Part(new QueueKey(Lane.DEFAULT, queue.tenant(),
                            queue.destination(), queue.pool()), part.recipients()));
        }
        return build(id, submission, parts, chunks, 0, chunks.size() == 1 ? content : null);
    }

    /** @param firstChunk index of the first of {@code chunks}; the others are on disk */
    Operation.NewMail build(SpoolId id, Submission submission, List<StoredChunk> chunks,
            int firstChunk, byte @Nullable [] fresh) {
        return build(id, submission, split(submission), chunks, firstChunk, fresh);
    }

    /** Names of the header fields routes look at, in lower case. */
    Set<String> routedFields() {
        return router.fields();
    }

    /** What the routes of such a message ask of it. */
    RouteTerms terms(Draft draft) {
        return router.terms(Router.Mail.of(draft), draft.recipients());
    }

    /** A chunk as it is stored. */
    StoredChunk stored(SpoolId id, int index, byte[] bytes) {
        return seal.seal(id.value(), index, bytes);
    }

    private List<Router.Part> split(Submission submission) {
        return router.split(Router.Mail.of(submission), submission.recipients());
    }

    private Operation.NewMail build(SpoolId id, Submission submission, List<Router.Part> parts,
            List<StoredChunk> chunks, int firstChunk, byte @Nullable [] fresh) {
        long now = clock.now();
        MailOptions options = inSpoolTime(submission.options());
        long since = Math.max(now, options.releaseEpochMillis());
        List<Operation.NewEnvelope> envelopes = new ArrayList<>(parts.size());
        for (int ordinal = 0; ordinal < parts.size(); ordinal++) {
            Router.Part part = parts.get(ordinal);
            long expires = retry.expires(part.queue().lane(), since, options.deliverBy());
            Entry entry = new Entry(new Envelope(id, ordinal, part.queue(), submission.sender(),
                    part.recipients(), options, submission.facts(), 0, false, now, since, expires),
                    parts.size(), false);
            envelopes.add(new Operation.NewEnvelope(entry, EnvelopeCodec.encode(entry),
                    Schedule.fresh(since, expires).encode()));
        }
        byte[] received = EventCodec.encode(new Event.Received(time.epochMillis(), id,
                submission.from(), submission.tenant(), parts.getFirst().queue().lane(),
                submission.sender(), addresses(submission.recipients()),
                submission.facts().sizeBytes(), submission.facts().messageId()));
        LintReport lint = submission.lint();
        byte[] found = lint.findings().isEmpty() ? null
                : EventCodec.encode(new Event.LintFound(
                        time.epochMillis(), id, submission.tenant(), lint.mode(),
                        words(lint.findings()), words(lint.fixed())));
        return new Operation.NewMail(id, chunks, firstChunk, envelopes, received, found, fresh);
    }

    private static List<String> words(Set<LintRule> rules) {
        return rules.stream().map(LintRule::word).toList();
    }

    /** Times of the wall clock as the spool counts, in which they survive its steps. */
    private MailOptions inSpoolTime(MailOptions options) {
        MailOptions.DeliverBy by = options.deliverBy();
        if (options.releaseEpochMillis() == 0 && by.mode() == MailOptions.DeliverBy.Mode.NONE) {
            return options;
        }
        return options.with(by.at(clock.fromWall(by.epochMillis())))
                .withRelease(options.releaseEpochMillis() == 0
                        ? 0
                        : clock.fromWall(options.releaseEpochMillis()));
    }

    static List<MailAddress> addresses(List<Recipient> recipients) {
        MailAddress[] addresses = new MailAddress[recipients.size()];
        Arrays.setAll(addresses, i -> recipients.get(i).address());
        return List.of(addresses);
    }
}
