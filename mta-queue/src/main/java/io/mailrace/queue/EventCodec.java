// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.LintMode;
import io.mailrace.core.MailAddress;
import io.mailrace.core.NextTry;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import java.util.ArrayList;
import java.util.List;

/** Values of the family {@code event} (FORMAT.md). */
final class EventCodec {
    /** 2 added why mail was not delivered, 3 the kind {@code WARMUP_STEP}, 4 {@code LINT_FOUND}. */
    private static final int VERSION = 4;
    private static final int RECEIVED = 1;
    private static final int REJECTED = 2;
    private static final int ATTEMPTED = 3;
    private static final int EXPIRED = 4;
    private static final int DSN_SENT = 5;
    private static final int DSN_OMITTED = 6;
    private static final int QUEUE_PARKED = 7;
    private static final int OPERATED = 8;
    private static final int ADMIN_ACTION = 9;
    private static final int POSTPONED = 10;
    private static final int RULE_FIRED = 11;
    private static final int WARMUP_STEP = 12;
    private static final int LINT_FOUND = 13;
    private static final int DELIVERED = 1;
    private static final int DEFERRED = 2;
    private static final int DEFERRED_POSSIBLE_DUPLICATE = 3;
    private static final int BOUNCED = 4;

    private EventCodec() {}

    static byte[] encode(Event event) {
        RecordWriter out = new RecordWriter(VERSION, 256);
        switch (event) {
            case Event.Received e -> {
                start(out, RECEIVED, e).i64(e.id().value());
                intake(out, e.from());
                out.text(e.tenant()).u8(e.lane().code());
                EnvelopeCodec.address(out, e.sender());
                addresses(out, e.recipients());
                out.i64(e.sizeBytes()).text(e.messageId());
            }
            case Event.LintFound e -> {
                start(out, LINT_FOUND, e).i64(e.id().value()).text(e.tenant())
                        .text(e.mode().word());
                texts(out, e.findings());
                texts(out, e.fixed());
            }
            case Event.Rejected e -> {
                intake(start(out, REJECTED, e), e.from());
                ReplyCodec.write(out.text(e.stage()), e.reply());
            }
            case Event.Attempted e -> {
                start(out, ATTEMPTED, e).i64(e.id().value()).count(e.envelope()).text(e.tenant())
                        .text(e.destination());
                route(out, e.route());
                out.count(e.attempt()).i64(e.durationMillis());
                outcomes(out, e.outcomes());
            }
            case Event.Expired e -> {
                start(out, EXPIRED, e).i64(e.id().value()).count(e.envelope()).text(e.tenant())
                        .text(e.destination());
                addresses(out, e.recipients());
                ReplyCodec.write(out, e.lastReply());
            }
            case Event.DsnSent e -> {
                start(out, DSN_SENT, e).i64(e.id().value()).i64(e.dsn().value());
                EnvelopeCodec.address(out, e.to());
                out.text(e.action());
            }
            case Event.DsnOmitted e -> start(out, DSN_OMITTED, e).i64(e.id().value()).text(e.why());
            case Event.QueueParked e ->
                start(out, QUEUE_PARKED, e).text(e.queue()).i64(e.untilEpochMillis()).text(e.why());
            case Event.Operated e -> {
                start(out, OPERATED, e).i64(e.id().value()).count(e.envelope()).text(e.tenant())
                        .text(e.destination()).u8(code(e.change()));
                addresses(out, e.recipients());
                out.text(e.detail());
            }
            case Event.AdminAction e ->
                start(out, ADMIN_ACTION, e).text(e.who()).text(e.what());
            case Event.Postponed e -> start(out, POSTPONED, e).i64(e.id().value())
                    .count(e.envelope()).text(e.tenant()).text(e.destination())
                    .i64(e.untilEpochMillis()).text(e.why());
            case Event.RuleFired e -> start(out, RULE_FIRED, e).text(e.rule()).text(e.subject())
                    .text(e.action()).i64(e.untilEpochMillis()).text(e.why());
            case Event.WarmupStep e -> start(out, WARMUP_STEP, e).text(e.source())
                    .text(e.provider()).text(e.plan()).text(e.action()).count(e.step())
                    .i64(e.cap()).text(e.why());
        }
        return out.finish();
    }

    static Event decode(byte[] record) {
        return RecordReader.decode(record, VERSION, "event", EventCodec::fields);
    }

    private static Event fields(RecordReader in) {
        int kind = in.u8();
        long time = in.i64();
        return switch (kind) {
            case RECEIVED -> new Event.Received(time, id(in), intake(in), in.text(),
                    Lane.ofCode(in.u8()), EnvelopeCodec.address(in), addresses(in), in.i64(),
                    in.text());
            case REJECTED -> new Event.Rejected(time, intake(in), in.text(), ReplyCodec.read(in));
            case ATTEMPTED -> new Event.Attempted(time, id(in), in.number(), in.text(), in.text(),
                    route(in), in.number(), in.i64(), outcomes(in));
            case EXPIRED -> new Event.Expired(time, id(in), in.number(), in.text(), in.text(),
                    addresses(in), ReplyCodec.read(in));
            case DSN_SENT ->
                new Event.DsnSent(time, id(in), id(in), EnvelopeCodec.address(in), in.text());
            case DSN_OMITTED -> new Event.DsnOmitted(time, id(in), in.text());
            case QUEUE_PARKED -> new Event.QueueParked(time, in.text(), in.i64(), in.text());
            case OPERATED -> new Event.Operated(time, id(in), in.number(), in.text(), in.text(),
                    change(in.u8()), addresses(in), in.text());
            case ADMIN_ACTION -> new Event.AdminAction(time, in.text(), in.text());
            case POSTPONED -> new Event.Postponed(time, id(in), in.number(), in.text(), in.text(),
                    in.i64(), in.text());
            case RULE_FIRED -> new Event.RuleFired(time, in.text(), in.text(), in.text(), in.i64(),
                    in.text());
            case WARMUP_STEP -> new Event.WarmupStep(time, in.text(), in.text(), in.text(),
                    in.text(), in.number(), in.i64(), in.text());
            case LINT_FOUND -> new Event.LintFound(time, id(in), in.text(),
                    LintMode.ofWord(in.text()).orElse(LintMode.WARN), texts(in), texts(in));
            default -> throw new SpoolException("event record has unknown kind " + kind);
        };
    }

    private static int code(Event.Operated.Change change) {
        return switch (change) {
            case HELD -> 1;
            case RELEASED -> 2;
            case RETRIED -> 3;
            case BOUNCED -> 4;
            case DISCARDED -> 5;
            case REBOUND -> 6;
        };
    }

    private static Event.Operated.Change change(int code) {
        for (Event.Operated.Change change : Event.Operated.Change.values()) {
            if (code(change) == code) {
                return change;
            }
        }
        throw new SpoolException("event record has unknown change " + code);
    }

    private static RecordWriter start(RecordWriter out, int kind, Event event) {
        return out.u8(kind).i64(event.epochMillis());
    }

    private static SpoolId id(RecordReader in) {
        return new SpoolId(in.i64());
    }

    private static void intake(RecordWriter out, Event.Intake from) {
        out.text(from.listener()).text(from.client()).text(from.user()).text(from.helo())
                .text(from.tls());
    }

    private static Event.Intake intake(RecordReader in) {
        return new Event.Intake(in.text(), in.text(), in.text(), in.text(), in.text());
    }

    private static void route(RecordWriter out, Event.Route route) {
        out.text(route.site()).text(route.source()).text(route.host()).text(route.address())
                .text(route.tls()).text(route.signedBy());
    }

    private static Event.Route route(RecordReader in) {
        return new Event.Route(in.text(), in.text(), in.text(), in.text(), in.text(), in.text());
    }

    private static void addresses(RecordWriter out, List<MailAddress> addresses) {
        out.count(addresses.size());
        for (MailAddress address : addresses) {
            EnvelopeCodec.address(out, address);
        }
    }

    private static List<MailAddress> addresses(RecordReader in) {
        int count = in.count();
        List<MailAddress> addresses = new ArrayList<>(Math.min(count, 1000));
        for (int i = 0; i < count; i++) {
            addresses.add(EnvelopeCodec.address(in));
        }
        return List.copyOf(addresses);
    }

    private static void texts(RecordWriter out, List<String> texts) {
        out.count(texts.size());
        texts.forEach(out::text);
    }

    private static List<String> texts(RecordReader in) {
        int count = in.count();
        List<String> texts = new ArrayList<>(Math.min(count, 1000));
        for (int i = 0; i < count; i++) {
            texts.add(in.text());
        }
        return List.copyOf(texts);
    }

    private static void outcomes(RecordWriter out, List<RecipientOutcome> outcomes) {
        out.count(outcomes.size());
        for (RecipientOutcome outcome : outcomes) {
            EnvelopeCodec.address(out, outcome.address());
            out.u8(switch (outcome.disposition()) {
                case Disposition.Delivered d -> DELIVERED;
                case Disposition.Deferred d ->
                    d.possibleDuplicate() ? DEFERRED_POSSIBLE_DUPLICATE : DEFERRED;
                case Disposition.Bounced d -> BOUNCED;
            });
            ReplyCodec.write(out, outcome.disposition().reply());
            Cause cause = outcome.disposition().cause();
            out.text(cause.category().word()).text(cause.rule());
        }
    }

    /** Classes go by their words: what a newer or older program calls otherwise is unknown. */
    private static Cause cause(RecordReader in) {
        return in.version() < 2
                ? Cause.UNKNOWN
                : new Cause(ReplyClass.ofWord(in.text()).orElse(ReplyClass.UNKNOWN), in.text());
    }

    private static List<RecipientOutcome> outcomes(RecordReader in) {
        int count = in.count();
        List<RecipientOutcome> outcomes = new ArrayList<>(Math.min(count, 1000));
        for (int i = 0; i < count; i++) {
            MailAddress address = EnvelopeCodec.address(in);
            int code = in.u8();
            SmtpReply reply = ReplyCodec.read(in);
            Cause cause = cause(in);
            outcomes.add(new RecipientOutcome(address, switch (code) {
                case DELIVERED -> new Disposition.Delivered(reply);
                case DEFERRED -> new Disposition.Deferred(reply, false, NextTry.SCHEDULE, cause);
                case DEFERRED_POSSIBLE_DUPLICATE ->
                    new Disposition.Deferred(reply, true, NextTry.SCHEDULE, cause);
                case BOUNCED -> new Disposition.Bounced(reply, cause);
                default -> throw new SpoolException("event record has unknown outcome " + code);
            }));
        }
        return List.copyOf(outcomes);
    }
}
