// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Values of the families {@code envelope} and {@code schedule} (FORMAT.md). */
final class EnvelopeCodec {
    /**
     * 2 added the tag, 3 REQUIRETLS and whether the sender knows of the delay, 4 release, time to
     * deliver by and priority, 5 binary bodies and contents. What is not binary is written as 4,
     * which is the same to the byte, so that the version before can read it.
     */
    private static final int VERSION = 5;
    private static final int TEXT_VERSION = 4;
    private static final int EIGHT_BIT = 1;
    private static final int UTF8_HEADER = 2;
    private static final int LEADING_DOT = 4;
    private static final int LONG_LINE = 8;
    private static final int BINARY = 16;
    private static final int TOLD = 1;
    private static final int REQUIRE_TLS = 2;
    /** Release, time to deliver by and priority follow: few messages have any of them. */
    private static final int WISHES = 4;
    private static final int BY_TRACE = 4;

    private EnvelopeCodec() {}

    static byte[] encode(Entry entry) {
        Envelope envelope = entry.envelope();
        boolean binary = envelope.facts().binary()
                || envelope.options().body() == MailOptions.Body.BINARY_MIME;
        RecordWriter out = new RecordWriter(binary ? VERSION : TEXT_VERSION,
                160 + 48 * envelope.recipients().size());
        out.count(entry.envelopesOfMessage()).i64(envelope.acceptedEpochMillis());
        QueueCodec.writeKey(out, envelope.queue());
        address(out, envelope.sender());
        MailOptions options = envelope.options();
        out.u8(switch (options.body()) {
            case SEVEN_BIT -> 0;
            case EIGHT_BIT_MIME -> 1;
            case BINARY_MIME -> 2;
        }).flag(options.smtputf8())
                .u8(switch (options.ret()) {
                    case UNSET -> 0;
                    case FULL -> 1;
                    case HEADERS -> 2;
                }).text(options.envid());
        facts(out, envelope.facts());
        out.count(envelope.recipients().size());
        for (Recipient recipient : envelope.recipients()) {
            address(out, recipient.address());
            out.u8(recipient.notifyFlags()).text(recipient.orcpt());
        }
        boolean wishes = options.releaseEpochMillis() != 0 || options.priority() != 0
                || options.deliverBy().mode() != MailOptions.DeliverBy.Mode.NONE;
        out.u8((entry.delayTold() ? TOLD : 0) | (options.requireTls() ? REQUIRE_TLS : 0)
                | (wishes ? WISHES : 0));
        if (wishes) {
            wishes(out, options);
        }
        return out.finish();
    }

    private static void wishes(RecordWriter out, MailOptions options) {
        MailOptions.DeliverBy by = options.deliverBy();
        out.i64(options.releaseEpochMillis()).u8(options.priority() + MailOptions.MAX_PRIORITY)
                .u8((by.trace() ? BY_TRACE : 0) | switch (by.mode()) {
                    case NONE -> 0;
                    case NOTIFY -> 1;
                    case RETURN -> 2;
                }).i64(by.epochMillis());
    }

    private static MailOptions wishes(RecordReader in, MailOptions options) {
        long release = in.i64();
        int priority = in.u8() - MailOptions.MAX_PRIORITY;
        int code = in.u8();
        MailOptions.DeliverBy.Mode mode = switch (code & ~BY_TRACE) {
            case 0 -> MailOptions.DeliverBy.Mode.NONE;
            case 1 -> MailOptions.DeliverBy.Mode.NOTIFY;
            case 2 -> MailOptions.DeliverBy.Mode.RETURN;
            default -> throw new SpoolException("envelope record holds an unknown code " + code);
        };
        return options.withRelease(release).withPriority(priority).with(
                new MailOptions.DeliverBy(mode, in.i64(), (code & BY_TRACE) != 0));
    }

    /**
     * What stands in an envelope's record.
     *
     * @param queue as when the record was written
     */
    record Stored(int envelopesOfMessage, long acceptedEpochMillis, QueueKey queue,
            MailAddress sender, MailOptions options, ContentFacts facts,
            List<Recipient> recipients, boolean delayTold) {

        Entry entry(QueueKey in, Place place, Schedule schedule) {
            return new Entry(new Envelope(new SpoolId(place.id()), place.ordinal(), in, sender,
                    recipients, options, facts, schedule.attempts(), schedule.tried(),
                    acceptedEpochMillis, place.dueEpochMillis(), schedule.expiresEpochMillis()),
                    envelopesOfMessage,
                    delayTold);
        }
    }

    /** Puts an envelope together from its two records and its key. */
    static Entry decode(byte[] record, QueueKey queue, Place place, Schedule schedule) {
        return RecordReader.decode(record, VERSION, "envelope", in -> fields(in, queue))
                .entry(queue, place, schedule);
    }

    /** The record by itself. */
    static Stored read(byte[] record) {
        return RecordReader.decode(record, VERSION, "envelope", in -> fields(in, null));
    }

    /** Size of the content the record belongs to. */
    static long sizeBytes(byte[] record) {
        return read(record).facts().sizeBytes();
    }

    /** @param known the queue, when its name need not be read */
    private static Stored fields(RecordReader in, @Nullable QueueKey known) {
        int envelopesOfMessage = in.number();
        long accepted = in.i64();
        QueueKey queue = known;
        if (queue == null) {
            queue = QueueCodec.readKey(in);
        } else {
            QueueCodec.skipKey(in);
        }
        MailAddress sender = address(in);
        MailOptions options = MailOptions.NONE.with(body(in.u8()))
                .withSmtputf8(in.flag()).with(ret(in.u8())).withEnvid(in.text());
        ContentFacts facts = facts(in);
        int count = in.count();
        List<Recipient> recipients = new ArrayList<>(Math.min(count, 1000));
        for (int i = 0; i < count; i++) {
            recipients.add(new Recipient(address(in), in.u8(), in.text()));
        }
        if (recipients.isEmpty() || envelopesOfMessage < 1 || facts.sizeBytes() < 0) {
            throw new SpoolException("envelope record holds an impossible value");
        }
        int marks = in.version() >= 3 ? in.u8() : 0;
        options = options.withRequireTls((marks & REQUIRE_TLS) != 0);
        return new Stored(envelopesOfMessage, accepted, queue, sender,
                (marks & WISHES) != 0 ? wishes(in, options) : options, facts, recipients,
                (marks & TOLD) != 0);
    }

    private static void facts(RecordWriter out, ContentFacts facts) {
        out.i64(facts.sizeBytes());
        out.u8((facts.eightBit() ? EIGHT_BIT : 0) | (facts.utf8Header() ? UTF8_HEADER : 0)
                | (facts.leadingDot() ? LEADING_DOT : 0) | (facts.longLine() ? LONG_LINE : 0)
                | (facts.binary() ? BINARY : 0));
        out.text(facts.fromDomain()).text(facts.messageId()).text(facts.tag());
    }

    private static ContentFacts facts(RecordReader in) {
        long size = in.i64();
        int flags = in.u8();
        return new ContentFacts(size, (flags & EIGHT_BIT) != 0, (flags & UTF8_HEADER) != 0,
                (flags & LEADING_DOT) != 0, (flags & LONG_LINE) != 0,
                (flags & BINARY) != 0, in.text(), in.text(),
                in.version() < 2 ? "" : in.text());
    }

    static void address(RecordWriter out, MailAddress address) {
        out.text(address.localPart()).text(address.domain());
    }

    static MailAddress address(RecordReader in) {
        return new MailAddress(in.text(), in.text());
    }

    private static MailOptions.Body body(int code) {
        return switch (code) {
            case 0 -> MailOptions.Body.SEVEN_BIT;
            case 1 -> MailOptions.Body.EIGHT_BIT_MIME;
            case 2 -> MailOptions.Body.BINARY_MIME;
            default -> throw new SpoolException("envelope record holds an unknown code " + code);
        };
    }

    private static MailOptions.Ret ret(int code) {
        return switch (code) {
            case 0 -> MailOptions.Ret.UNSET;
            case 1 -> MailOptions.Ret.FULL;
            case 2 -> MailOptions.Ret.HEADERS;
            default -> throw new SpoolException("envelope record holds an unknown code " + code);
        };
    }
}
