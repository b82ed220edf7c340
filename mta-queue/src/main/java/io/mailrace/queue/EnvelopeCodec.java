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
    /** 2 added the tag, 3 REQUIRETLS and whether the sender knows of the delay. */
    private static final int VERSION = 3;
    private static final int EIGHT_BIT = 1;
    private static final int UTF8_HEADER = 2;
    private static final int LEADING_DOT = 4;
    private static final int LONG_LINE = 8;
    private static final int TOLD = 1;
    private static final int REQUIRE_TLS = 2;

    private EnvelopeCodec() {}

    static byte[] encode(Entry entry) {
        Envelope envelope = entry.envelope();
        RecordWriter out = new RecordWriter(VERSION, 160 + 48 * envelope.recipients().size());
        out.count(entry.envelopesOfMessage()).i64(envelope.acceptedEpochMillis());
        QueueCodec.writeKey(out, envelope.queue());
        address(out, envelope.sender());
        MailOptions options = envelope.options();
        out.flag(options.body() == MailOptions.Body.EIGHT_BIT_MIME).flag(options.smtputf8())
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
        return out.u8((entry.delayTold() ? TOLD : 0) | (options.requireTls() ? REQUIRE_TLS : 0))
                .finish();
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
        MailOptions options = new MailOptions(
                in.flag() ? MailOptions.Body.EIGHT_BIT_MIME : MailOptions.Body.SEVEN_BIT,
                in.flag(), ret(in.u8()), in.text(), false);
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
        return new Stored(envelopesOfMessage, accepted, queue, sender,
                options.withRequireTls((marks & REQUIRE_TLS) != 0), facts, recipients,
                (marks & TOLD) != 0);
    }

    private static void facts(RecordWriter out, ContentFacts facts) {
        out.i64(facts.sizeBytes());
        out.u8((facts.eightBit() ? EIGHT_BIT : 0) | (facts.utf8Header() ? UTF8_HEADER : 0)
                | (facts.leadingDot() ? LEADING_DOT : 0) | (facts.longLine() ? LONG_LINE : 0));
        out.text(facts.fromDomain()).text(facts.messageId()).text(facts.tag());
    }

    private static ContentFacts facts(RecordReader in) {
        long size = in.i64();
        int flags = in.u8();
        return new ContentFacts(size, (flags & EIGHT_BIT) != 0, (flags & UTF8_HEADER) != 0,
                (flags & LEADING_DOT) != 0, (flags & LONG_LINE) != 0, in.text(), in.text(),
                in.version() < 2 ? "" : in.text());
    }

    static void address(RecordWriter out, MailAddress address) {
        out.text(address.localPart()).text(address.domain());
    }

    static MailAddress address(RecordReader in) {
        return new MailAddress(in.text(), in.text());
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
