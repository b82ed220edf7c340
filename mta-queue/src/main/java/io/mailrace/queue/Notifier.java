// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides who is told what of an envelope's fate (RFC 3461 4.1, 5.2) and makes the notifications,
 * ready to go into the batch that settles the envelope. Never answers the null sender. Any thread.
 */
final class Notifier {
    private static final Logger LOG = LoggerFactory.getLogger(Notifier.class);

    private final DsnWriter.From from;
    private final TimeSource time;
    private final SpoolClock clock;
    private final SpoolIds ids;
    private final MailBuilder builder;
    private final SpoolMeters meters;
    private final SecureRandom random = new SecureRandom();

    Notifier(String hostname, DsnConfig config, TimeSource time, SpoolClock clock, SpoolIds ids,
            MailBuilder builder, SpoolMeters meters) {
        from = new DsnWriter.From(hostname, config.fromName(),
                Phrases.inOrder(config.language()));
        this.time = time;
        this.clock = clock;
        this.ids = ids;
        this.builder = builder;
        this.meters = meters;
    }

    /** What goes into the batch. */
    record Notices(List<Operation.NewMail> mails, List<Event> events) {}

    /** Those of the reports that are to be sent. */
    static List<DsnWriter.Report> wanted(Envelope envelope, List<DsnWriter.Report> reports) {
        if (envelope.sender().isNull()) {
            return List.of();
        }
        List<DsnWriter.Report> wanted = new ArrayList<>(reports.size());
        for (DsnWriter.Report report : reports) {
            if (wants(report.recipient(), report.action())) {
                wanted.add(report);
            }
        }
        return wanted;
    }

    /** RFC 3461 4.1: without NOTIFY, failures and delays. */
    private static boolean wants(Recipient recipient, DsnWriter.Action action) {
        return switch (action) {
            case FAILED -> recipient.wantsFailure();
            case DELAYED -> recipient.wantsDelay();
            case RELAYED -> recipient.wantsSuccess();
        };
    }

    /** @param start first bytes of the message, null when they cannot be read */
    Notices notices(Envelope envelope, Event.Route route, List<DsnWriter.Report> reports,
            byte @Nullable [] start) {
        Notices notices = new Notices(new ArrayList<>(), new ArrayList<>());
        List<DsnWriter.Report> wanted = wanted(envelope, reports);
        for (DsnWriter.Action action : DsnWriter.Action.values()) {
            List<DsnWriter.Report> some = of(action, wanted);
            if (!some.isEmpty()) {
                send(notices, envelope, route, some, start);
                meters.dsnSent(action);
            }
        }
        if (of(DsnWriter.Action.FAILED, reports).size() > of(DsnWriter.Action.FAILED, wanted)
                .size()) {
            notices.events().add(new Event.DsnOmitted(time.epochMillis(), envelope.id(),
                    envelope.sender().isNull()
                            ? "the message has no sender to tell"
                            : "the sender asked not to be told (NOTIFY)"));
            meters.dsnOmitted();
        }
        return notices;
    }

    private static List<DsnWriter.Report> of(DsnWriter.Action action,
            List<DsnWriter.Report> reports) {
        return reports.stream().filter(one -> one.action() == action).toList();
    }

    private void send(Notices notices, Envelope envelope, Event.Route route,
            List<DsnWriter.Report> reports, byte @Nullable [] start) {
        SpoolId id = ids.next();
        DsnWriter writer = new DsnWriter(from, envelope, route, reports,
                new DsnWriter.Times(time.epochMillis(),
                        clock.toWall(envelope.acceptedEpochMillis()),
                        clock.toWall(envelope.expiresEpochMillis())));
        byte[] content = writer.write("dsn." + id, boundary(), start);
        boolean eightBit = false;
        for (byte one : content) {
            eightBit |= one < 0;
        }
        ContentFacts facts = new ContentFacts(content.length, eightBit, writer.utf8(),
                ReturnedHeader.hasLeadingDot(content), ReturnedHeader.hasLongLine(content),
                from.hostname(), "<dsn." + id + "@" + from.hostname() + ">");
        MailOptions options = MailOptions.NONE.with(
                eightBit ? MailOptions.Body.EIGHT_BIT_MIME : MailOptions.Body.SEVEN_BIT)
                .withSmtputf8(writer.utf8()).withRequireTls(envelope.options().requireTls());
        Submission submission = new Submission(MailAddress.NULL,
                List.of(new Recipient(envelope.sender(), Recipient.NOTIFY_NEVER, "")), options,
                facts, envelope.queue().tenant(), Event.Intake.LOCAL);
        notices.mails().add(builder.whole(id, submission, content));
        notices.events().add(new Event.DsnSent(time.epochMillis(), envelope.id(), id,
                envelope.sender(), reports.getFirst().action().word()));
    }

    /** Random, so that no message can hold it and end the part early. */
    private String boundary() {
        byte[] bytes = new byte[16];
        random.nextBytes(bytes);
        return "=_" + HexFormat.of().formatHex(bytes);
    }

    /** The first chunk of a content; null, and the notification goes without, when unreadable. */
    static byte @Nullable [] startOf(SpoolId id, Content content) {
        try {
            return content.chunkCount() == 0 ? new byte[0] : content.chunk(0);
        } catch (SpoolException unreadable) {
            LOG.error("message not readable for its notification id={} reason=\"{}\"", id,
                    unreadable.getMessage());
            return null;
        }
    }
}
