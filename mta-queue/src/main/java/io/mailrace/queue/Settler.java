// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.MailOptions;
import io.mailrace.core.NextTry;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Turns what an attempt did into what is written: who is done, who waits until when, who is told.
 * Any thread; reads the disk only on {@code spool-read}.
 */
final class Settler {
    private static final SmtpReply NEVER_TRIED = SmtpReply.of(450, "4.4.7",
            "no attempt could be made in time");
    /** So long before its time is over mail that is to be returned then is tried once more. */
    private static final long LAST_CHANCE_MILLIS = 10_000;

    private final TimeSource time;
    private final SpoolClock clock;
    private final RetrySchedule retry;
    private final long keepMillis;
    private final Notifier notifier;
    private final ReadPool reads;
    private final Function<Envelope, Content> contents;
    private final Consumer<Operation> commits;
    private final SpoolMeters meters;

    /** @param keep how long contents outlive their mail */
    Settler(TimeSource time, SpoolClock clock, RetrySchedule retry, Duration keep,
            Notifier notifier, ReadPool reads, Function<Envelope, Content> contents,
            Consumer<Operation> commits,
            SpoolMeters meters) {
        this.time = time;
        this.clock = clock;
        this.retry = retry;
        keepMillis = keep.toMillis();
        this.notifier = notifier;
        this.reads = reads;
        this.contents = contents;
        this.commits = commits;
        this.meters = meters;
    }

    /**
     * What becomes of an envelope.
     *
     * @param held it stands among the held ones, not in the schedule
     * @param keep whether its content may be kept when it was the last of its message
     */
    private record Verdict(QueueState queue, Entry entry, boolean held, boolean keep,
            Event.Route route, Operation.@Nullable Rest rest, List<DsnWriter.Report> reports,
            List<Event> events, List<Memos.Addition> additions,
            Operation.@Nullable Told told) {

        /** Nothing is counted with it. */
        Verdict(QueueState queue, Entry entry, boolean held, boolean keep, Event.Route route,
                List<DsnWriter.Report> reports, List<Event> events,
                Operation.@Nullable Told told) {
            this(queue, entry, held, keep, route, null, reports, events, List.of(), told);
        }
    }

    /** Settles a taken envelope. */
    void settle(QueueState queue, Settlement settlement, Operation.Told told) {
        Entry entry = queue.settling(settlement.envelope());
        try {
            write(judge(queue, entry, settlement, told));
        } catch (RuntimeException bug) {
            queue.unsettled(entry);
            throw bug;
        }
    }

    /** Gives up an envelope the spool has claimed because of its age. */
    void expire(QueueState queue, Entry entry, Optional<SmtpReply> lastReply,
            Operation.Told told) {
        SmtpReply reply = lastReply.orElse(NEVER_TRIED);
        List<DsnWriter.Report> reports = new ArrayList<>();
        for (Recipient recipient : entry.envelope().recipients()) {
            reports.add(new DsnWriter.Report(recipient, DsnWriter.Fate.EXPIRED, reply));
        }
        List<Event> events = new ArrayList<>();
        events.add(expired(entry.envelope(), entry.envelope().recipients(), reply));
        write(new Verdict(queue, entry, false, true, Event.Route.NONE, reports, events, told));
    }

    /** Gives up a claimed or held envelope because an operator said so, and tells its sender. */
    void bounce(QueueState queue, Entry entry, boolean held, boolean tellSender, String why,
            Operation.Told told) {
        List<DsnWriter.Report> reports = new ArrayList<>();
        SmtpReply reply = SmtpReply.of(554, "5.7.0", why);
        if (tellSender) {
            for (Recipient recipient : entry.envelope().recipients()) {
                reports.add(new DsnWriter.Report(recipient, DsnWriter.Fate.WITHDRAWN, reply));
            }
        }
        write(new Verdict(queue, entry, held, true, Event.Route.NONE, reports,
                List.of(operated(entry.envelope(), Event.Operated.Change.BOUNCED, why)), told));
    }

    /** Removes a claimed or held envelope because an operator said so; nobody is told. */
    void discard(QueueState queue, Entry entry, boolean held, String why, Operation.Told told) {
        write(new Verdict(queue, entry, held, false, Event.Route.NONE, List.of(),
                List.of(operated(entry.envelope(), Event.Operated.Change.DISCARDED, why)), told));
    }

    /** What an operator did to an envelope. */
    Event.Operated operated(Envelope envelope, Event.Operated.Change change, String detail) {
        return new Event.Operated(time.epochMillis(), envelope.id(), envelope.ordinal(),
                envelope.queue().tenant(), envelope.queue().destination(), change,
                MailBuilder.addresses(envelope.recipients()), detail);
    }

    /** A second before its time to deliver by mail is not handed to a server any more. */
    private boolean tooOld(Envelope envelope) {
        MailOptions.DeliverBy by = envelope.options().deliverBy();
        return clock.expired(envelope.agesFrom(), envelope.expiresEpochMillis())
                || (by.mode() == MailOptions.DeliverBy.Mode.RETURN
                        && clock.expired(envelope.agesFrom(), by.epochMillis() - 1000));
    }

    private Verdict judge(QueueState queue, Entry entry, Settlement settlement,
            Operation.Told told) {
        Envelope envelope = entry.envelope();
        boolean tooOld = tooOld(envelope);
        List<DsnWriter.Report> reports = new ArrayList<>();
        List<DsnWriter.Report> waiting = new ArrayList<>();
        List<Recipient> given = new ArrayList<>();
        SmtpReply lastDeferral = NEVER_TRIED;
        Waiting waits = new Waiting();
        for (int i = 0; i < envelope.recipients().size(); i++) {
            Recipient recipient = envelope.recipients().get(i);
            Disposition disposition = settlement.outcomes().get(i).disposition();
            switch (disposition) {
                case Disposition.Delivered delivered -> {
                    if (recipient.wantsSuccess() && !settlement.peerTakesDsn()) {
                        reports.add(report(recipient, DsnWriter.Fate.RELAYED, disposition));
                    }
                }
                case Disposition.Bounced bounced ->
                    reports.add(report(recipient, DsnWriter.Fate.REFUSED, disposition));
                case Disposition.Deferred deferred -> {
                    lastDeferral = deferred.reply();
                    waits.add(deferred.next());
                    if (tooOld) {
                        given.add(recipient);
                        reports.add(report(recipient, DsnWriter.Fate.EXPIRED, disposition));
                    } else {
                        waiting.add(report(recipient, DsnWriter.Fate.WAITING, disposition));
                    }
                }
            }
        }
        List<Event> events = new ArrayList<>(4);
        int notAsked = waits.counted ? 0 : waiting.size() + given.size();
        if (notAsked < envelope.recipients().size()) {
            events.add(attempted(envelope, settlement));
        } else if (!waiting.isEmpty()) {
            events.add(postponed(envelope, waits, lastDeferral));
        }
        if (!given.isEmpty()) {
            events.add(expired(envelope, given, lastDeferral));
        }
        if (waiting.isEmpty()) {
            return new Verdict(queue, entry, false, true, settlement.route(), null, reports,
                    events, settlement.additions(), told);
        }
        boolean tellDelay = waits.counted && isDelayToTell(entry, waiting);
        if (tellDelay) {
            reports.addAll(waiting);
        }
        return new Verdict(queue, entry, false, true, settlement.route(),
                rest(entry, waiting, lastDeferral, waits, tellDelay,
                        waits.counted && !settlement.route().source().isEmpty()),
                reports, events,
                settlement.additions(), told);
    }

    /** Whether the sender is told now, for the only time, that the mail is late (RFC 3461 4.1). */
    private boolean isDelayToTell(Entry entry, List<DsnWriter.Report> waiting) {
        Envelope envelope = entry.envelope();
        MailOptions.DeliverBy by = envelope.options().deliverBy();
        return !entry.delayTold()
                && (retry.delayNotice(envelope.queue().lane()).filter(age -> clock
                        .waited(envelope.agesFrom(), age.toMillis())).isPresent()
                        || (by.mode() == MailOptions.DeliverBy.Mode.NOTIFY
                                && clock.expired(envelope.agesFrom(), by.epochMillis())))
                && !Notifier.wanted(envelope, waiting).isEmpty();
    }

    private static DsnWriter.Report report(Recipient recipient, DsnWriter.Fate fate,
            Disposition disposition) {
        return new DsnWriter.Report(recipient, fate, disposition.reply());
    }

    private Event attempted(Envelope envelope, Settlement settlement) {
        return new Event.Attempted(time.epochMillis(), envelope.id(), envelope.ordinal(),
                envelope.queue().tenant(), envelope.queue().destination(), settlement.route(),
                envelope.attempts() + 1, settlement.durationMillis(), settlement.outcomes());
    }

    private Event postponed(Envelope envelope, Waiting waits, SmtpReply why) {
        return new Event.Postponed(time.epochMillis(), envelope.id(), envelope.ordinal(),
                envelope.queue().tenant(), envelope.queue().destination(),
                clock.toWall(postponedDue(envelope, waits)), why.text());
    }

    private Event expired(Envelope envelope, List<Recipient> recipients, SmtpReply lastReply) {
        meters.expired();
        return new Event.Expired(time.epochMillis(), envelope.id(), envelope.ordinal(),
                envelope.queue().tenant(), envelope.queue().destination(),
                MailBuilder.addresses(recipients), lastReply);
    }

    /** How long the recipients that wait are to wait: they share one due time, the latest. */
    private static final class Waiting {
        private boolean counted;
        private long uncountedMillis;
        private long notBeforeMillis;

        void add(NextTry next) {
            counted |= next.counted();
            if (next.counted()) {
                notBeforeMillis = Math.max(notBeforeMillis, next.pause().toMillis());
            } else {
                uncountedMillis = Math.max(uncountedMillis, next.pause().toMillis());
            }
        }
    }

    /**
     * @param tellDelay the sender is told in the same batch that the mail is late
     * @param tried a server has seen it now
     */
    private Operation.Rest rest(Entry entry, List<DsnWriter.Report> waiting, SmtpReply lastReply,
            Waiting waits, boolean tellDelay, boolean tried) {
        Envelope old = entry.envelope();
        int attempts = old.attempts() + (waits.counted ? 1 : 0);
        long next = waits.counted
                ? retry.nextDue(old.queue().lane(), attempts, clock.now(),
                        old.expiresEpochMillis(), waits.notBeforeMillis)
                : postponedDue(old, waits);
        next = Math.min(next, latestTry(entry, tellDelay));
        // After clock steps too a new due time is later than the old: keys are written once.
        long due = Math.max(old.dueEpochMillis() + 1, next);
        boolean allWait = waiting.size() == old.recipients().size();
        Envelope envelope = new Envelope(old.id(), old.ordinal(), old.queue(), old.sender(),
                allWait
                        ? old.recipients()
                        : waiting.stream().map(DsnWriter.Report::recipient).toList(),
                old.options(), old.facts(), attempts, old.tried() || tried,
                old.acceptedEpochMillis(), due, old.expiresEpochMillis());
        Entry rest = new Entry(envelope, entry.envelopesOfMessage(),
                entry.delayTold() || tellDelay);
        return new Operation.Rest(rest, allWait && !tellDelay ? null : EnvelopeCodec.encode(rest),
                new Schedule(attempts, envelope.tried(), old.agesFrom(),
                        old.expiresEpochMillis(), Optional.of(lastReply)).encode());
    }

    private long postponedDue(Envelope envelope, Waiting waits) {
        return RetrySchedule.postponedDue(clock.now(), envelope.expiresEpochMillis(),
                waits.uncountedMillis);
    }

    /**
     * By when mail with a time to be delivered by (RFC 2852) is tried again. One that is to be
     * returned has its last chance shortly before; with the others the moment itself brings the
     * notice to the sender.
     */
    private long latestTry(Entry entry, boolean tellDelay) {
        MailOptions.DeliverBy by = entry.envelope().options().deliverBy();
        long latest = switch (by.mode()) {
            case NONE -> Long.MAX_VALUE;
            case NOTIFY -> tellDelay || entry.delayTold() ? Long.MAX_VALUE : by.epochMillis();
            case RETURN -> by.epochMillis() - LAST_CHANCE_MILLIS > clock.now()
                    ? by.epochMillis() - LAST_CHANCE_MILLIS
                    : by.epochMillis();
        };
        return latest > clock.now() ? latest : Long.MAX_VALUE;
    }

    /** A notification quotes the message, which may have to be read from disk first. */
    private void write(Verdict verdict) {
        Envelope envelope = verdict.entry().envelope();
        if (Notifier.wanted(envelope, verdict.reports()).isEmpty()) {
            finish(verdict, null);
            return;
        }
        Content content = contents.apply(envelope);
        byte[] start = content.chunkCount() == 0 ? new byte[0] : content.chunkIfLoaded(0);
        if (start != null) {
            finish(verdict, start);
            return;
        }
        try {
            reads.own(() -> finishLater(verdict, content));
        } catch (RejectedExecutionException closing) {
            finish(verdict, null);
        }
    }

    /** Whatever goes wrong here, the envelope must not stay claimed and the caller must hear. */
    private void finishLater(Verdict verdict, Content content) {
        try {
            finish(verdict, Notifier.startOf(verdict.entry().envelope().id(), content));
        } catch (RuntimeException bug) {
            if (!verdict.held()) {
                verdict.queue().unsettled(verdict.entry());
            }
            Operation.Told told = verdict.told();
            if (told != null) {
                told.where().execute(() -> told.listener()
                        .failed(new SpoolException("not settled", bug)));
            }
            throw bug;
        }
    }

    private void finish(Verdict verdict, byte @Nullable [] start) {
        Entry entry = verdict.entry();
        Envelope envelope = entry.envelope();
        Notifier.Notices notices = verdict.reports().isEmpty()
                ? new Notifier.Notices(List.of(), List.of())
                : notifier.notices(envelope, verdict.route(), verdict.reports(), start);
        List<Operation.Recorded> events = new ArrayList<>();
        for (Event event : verdict.events()) {
            events.add(new Operation.Recorded(envelope.id(), EventCodec.encode(event)));
        }
        for (Event event : notices.events()) {
            events.add(new Operation.Recorded(envelope.id(), EventCodec.encode(event)));
        }
        long keepUntil = keepMillis > 0 && verdict.keep() ? clock.now() + keepMillis : 0;
        commits.accept(new Operation.Settle(verdict.queue(), entry.place(), verdict.held(),
                entry.envelopesOfMessage(), envelope.facts().sizeBytes(), keepUntil,
                verdict.rest(), events, notices.mails(), verdict.additions(),
                verdict.told()));
    }
}
