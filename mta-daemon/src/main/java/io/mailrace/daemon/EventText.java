// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.ReplyClass;
import java.util.List;

/** An event as lines for people at a terminal. No control character comes through. */
final class EventText {
    private static final String INDENT = "    ";

    private EventText() {}

    /** One line, with an indented one for each recipient of an attempt; ends in a line feed. */
    static String lines(Event event) {
        StringBuilder text = new StringBuilder(160);
        text.append(Json.time(event.epochMillis())).append("  ");
        if (event instanceof Event.OfMessage ofMessage) {
            text.append(ofMessage.id()).append("  ");
        }
        switch (event) {
            case Event.Received e -> text.append("received from ").append(intake(e.from()))
                    .append(": ").append(angle(e.sender())).append(" to ").append(all(
                            e.recipients()))
                    .append(", ").append(e.sizeBytes()).append(" bytes, tenant ")
                    .append(e.tenant()).append(", lane ").append(e.lane().word())
                    .append(e.messageId().isEmpty() ? "" : ", Message-ID " + e.messageId());
            case Event.LintFound e -> lint(text, e);
            case Event.Rejected e -> text.append("rejected at ").append(e.stage())
                    .append(" from ").append(intake(e.from())).append(": ").append(e.reply());
            case Event.Attempted e -> attempted(text, e);
            case Event.Expired e -> text.append("expired, given up for ")
                    .append(all(e.recipients())).append("; last reply: ").append(e.lastReply());
            case Event.DsnSent e -> text.append("delivery status (").append(e.action())
                    .append(") sent to ").append(angle(e.to())).append(" as ").append(e.dsn());
            case Event.DsnOmitted e -> text.append("no delivery status: ").append(e.why());
            case Event.QueueParked e -> text.append("queue ").append(e.queue())
                    .append(" waits until ").append(Json.time(e.untilEpochMillis()))
                    .append(": ").append(e.why());
            case Event.Operated e -> text.append(e.change().word()).append(" by an operator: ")
                    .append(all(e.recipients()))
                    .append(e.detail().isEmpty() ? "" : "; " + e.detail());
            case Event.AdminAction e -> text.append(e.who()).append(": ").append(e.what());
            case Event.Postponed e -> text.append("set aside until ")
                    .append(Json.time(e.untilEpochMillis())).append(": ").append(e.why());
            case Event.RuleFired e -> text.append("rule ").append(e.rule()).append(": ")
                    .append(e.action()).append(' ').append(e.subject())
                    .append(e.untilEpochMillis() == 0 ? ""
                            : " until " + Json.time(e.untilEpochMillis()))
                    .append(": ").append(e.why());
            case Event.WarmupStep e -> text.append("warm-up of ").append(e.source())
                    .append(" at ").append(e.provider()).append(": ").append(e.action())
                    .append(", step ").append(e.step()).append(" of plan ").append(e.plan())
                    .append(e.cap() == 0 ? "" : ", cap " + e.cap() + " a day")
                    .append(": ").append(e.why());
        }
        return printable(text.append('\n'));
    }

    private static void lint(StringBuilder text, Event.LintFound e) {
        text.append("breaks rules for senders (").append(e.mode().word()).append("): ")
                .append(String.join(", ", e.findings()));
        if (!e.fixed().isEmpty()) {
            text.append("; mended: ").append(String.join(", ", e.fixed()));
        }
    }

    private static void attempted(StringBuilder text, Event.Attempted e) {
        Event.Route route = e.route();
        text.append("attempt ").append(e.attempt()).append(" to ").append(e.destination());
        part(text, " through ", route.host());
        part(text, " at ", route.address());
        part(text, " from source ", route.source());
        part(text, ", ", route.tls());
        part(text, ", signed by ", route.signedBy());
        text.append(", ").append(e.durationMillis()).append(" ms");
        for (RecipientOutcome outcome : e.outcomes()) {
            Disposition disposition = outcome.disposition();
            text.append('\n').append(INDENT).append(EventJson.word(disposition)).append(' ')
                    .append(angle(outcome.address())).append(": ").append(disposition.reply());
            Cause cause = disposition.cause();
            if (cause.category() != ReplyClass.NONE && cause.category() != ReplyClass.UNKNOWN) {
                text.append(" (").append(cause.category().word())
                        .append(cause.rule().isEmpty() ? "" : ", rule " + cause.rule())
                        .append(')');
            }
            if (disposition instanceof Disposition.Deferred d && d.possibleDuplicate()) {
                text.append(" (the receiver may have it: possible duplicate)");
            }
        }
    }

    private static void part(StringBuilder text, String before, String value) {
        if (!value.isEmpty()) {
            text.append(before).append(value);
        }
    }

    private static String intake(Event.Intake from) {
        StringBuilder text = new StringBuilder(from.listener());
        part(text, " ", from.client());
        part(text, " user ", from.user());
        part(text, " helo ", from.helo());
        part(text, " ", from.tls());
        return text.toString();
    }

    private static String all(List<MailAddress> recipients) {
        StringBuilder text = new StringBuilder();
        for (MailAddress recipient : recipients) {
            text.append(text.isEmpty() ? "" : ", ").append(angle(recipient));
        }
        return text.toString();
    }

    private static String angle(MailAddress address) {
        return "<" + address + ">";
    }

    /** A local part may hold any UTF-8 text: control characters other than our line feeds go. */
    static String printable(CharSequence text) {
        StringBuilder clean = new StringBuilder(text.length());
        text.chars().forEach(c -> clean.append(c == '\n' || !unsafe(c) ? (char) c : '?'));
        return clean.toString();
    }

    private static boolean unsafe(int c) {
        return Character.isISOControl(c) || Character.getType(c) == Character.FORMAT
                || c == 0x2028 || c == 0x2029;
    }
}
