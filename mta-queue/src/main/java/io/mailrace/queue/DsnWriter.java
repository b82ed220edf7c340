// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Ascii;
import io.mailrace.core.EnhancedStatus;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Writes one delivery status notification: a multipart/report (RFC 6522) of a text for people, the
 * fields of RFC 3464, and the header of the message or all of it (RFC 3461 4.3, 6.2). When the
 * message needed SMTPUTF8 the forms of RFC 6533 are used. Everything in it that came from outside
 * is bounded and free of line breaks. Confined to one thread, used once.
 */
final class DsnWriter {
    private static final DateTimeFormatter DATE = DateTimeFormatter
            .ofPattern("EEE, d MMM yyyy HH:mm:ss Z", Locale.ENGLISH)
            .withZone(ZoneOffset.UTC);
    /** Above this only the header of the message is returned. */
    static final int MAX_RETURNED = 64 * 1024;
    private static final EnhancedStatus EXPIRED_STATUS = new EnhancedStatus(4, 4, 7);
    static final int MAX_DIAGNOSTIC = 500;

    /** What a notification is about (RFC 3464 2.3.3); one notification has one. */
    enum Action {
        FAILED, DELAYED, RELAYED;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** What the notification says of a recipient. */
    enum Fate {
        REFUSED(Action.FAILED), EXPIRED(Action.FAILED),
        /** Given up by the operator of this server. */
        WITHDRAWN(Action.FAILED),
        /** Not delivered yet, and tried again. */
        WAITING(Action.DELAYED), RELAYED(Action.RELAYED);

        private final Action action;

        Fate(Action action) {
            this.action = action;
        }
    }

    /** One recipient and the reply that decided about it. */
    record Report(Recipient recipient, Fate fate, SmtpReply reply) {
        Action action() {
            return fate.action;
        }
    }

    /**
     * Who writes.
     *
     * @param name of the sender, beside its address
     * @param phrases in the order of their text, one or more
     */
    record From(String hostname, String name, List<Phrases> phrases) {}

    /**
     * Times of the message by the wall clock.
     *
     * @param expiresEpochMillis when it is given up
     */
    record Times(long nowEpochMillis, long acceptedEpochMillis, long expiresEpochMillis) {}

    private final From from;
    private final Envelope envelope;
    private final Event.Route route;
    private final List<Report> reports;
    private final Times times;
    private final Action action;
    private final boolean utf8;
    private final StringBuilder text = new StringBuilder(2048);

    /** @param reports one or more, all of one action */
    DsnWriter(From from, Envelope envelope, Event.Route route, List<Report> reports,
            Times times) {
        this.from = from;
        this.envelope = envelope;
        this.route = route;
        this.reports = reports;
        this.times = times;
        action = reports.getFirst().action();
        utf8 = envelope.options().smtputf8() || envelope.sender().needsUtf8()
                || reports.stream().anyMatch(one -> one.recipient().address().needsUtf8());
    }

    boolean utf8() {
        return utf8;
    }

    /**
     * @param id names the notification in its Message-ID
     * @param boundary a text that occurs nowhere else
     * @param start first bytes of the message as far as at hand, null when it cannot be read
     */
    byte[] write(String id, String boundary, byte @Nullable [] start) {
        DsnText people = new DsnText(from, route, reports, times);
        header(id, boundary, people.subject());
        line("--" + boundary);
        explanation(people.lines());
        line("--" + boundary);
        fields();
        byte[] returned = start == null ? new byte[0] : returned(start, boundary);
        byte[] tail = ("--" + boundary + "--\r\n").getBytes(StandardCharsets.US_ASCII);
        byte[] head = text.toString().getBytes(StandardCharsets.UTF_8);
        byte[] all = new byte[head.length + returned.length + tail.length];
        System.arraycopy(head, 0, all, 0, head.length);
        System.arraycopy(returned, 0, all, head.length, returned.length);
        System.arraycopy(tail, 0, all, head.length + returned.length, tail.length);
        return all;
    }

    private void header(String id, String boundary, String subject) {
        line("From: " + MimeText.mailbox(from.name(), "mailer-daemon@" + from.hostname()));
        line("To: <" + envelope.sender() + ">");
        line("Subject: " + MimeText.field(subject));
        line("Date: " + date(times.nowEpochMillis()));
        line("Message-ID: <" + id + "@" + from.hostname() + ">");
        String original = envelope.facts().messageId();
        if (original.startsWith("<") && original.endsWith(">") && original.indexOf(' ') < 0
                && original.length() < 900) {
            line("In-Reply-To: " + original);
            line("References: " + original);
        }
        // RFC 3834 5: nothing answers this by itself.
        line("Auto-Submitted: auto-replied");
        line("MIME-Version: 1.0");
        line("Content-Type: multipart/report; report-type=" + (utf8 ? "global-" : "")
                + "delivery-status;");
        line("\tboundary=\"" + boundary + "\"");
        line("");
        line("This is a delivery status notification in MIME format.");
        line("");
    }

    private void explanation(String lines) {
        MimeText.Body body = MimeText.body(lines);
        line("Content-Type: text/plain; charset=" + body.charset());
        line("Content-Transfer-Encoding: " + body.encoding());
        line("Content-Language: " + from.phrases().stream().map(Phrases::languageCode)
                .collect(Collectors.joining(", ")));
        line("");
        text.append(body.lines());
    }

    /** RFC 3464 2.2 and 2.3, or RFC 6533 3 for UTF-8. */
    private void fields() {
        line("Content-Type: message/" + (utf8 ? "global-" : "") + "delivery-status");
        if (utf8) {
            line("Content-Transfer-Encoding: 8bit");
        }
        line("");
        String envid = Xtext.decode(envelope.options().envid());
        if (!envid.isEmpty()) {
            line("Original-Envelope-Id: " + envid);
        }
        line("Reporting-MTA: dns; " + from.hostname());
        line("Arrival-Date: " + date(times.acceptedEpochMillis()));
        for (Report report : reports) {
            line("");
            recipient(report);
        }
        line("");
    }

    private void recipient(Report report) {
        String orcpt = report.recipient().orcpt();
        int type = orcpt.indexOf(';');
        if (type > 0 && type < 80 && Ascii.isPrintable(orcpt.substring(0, type))) {
            String decoded = Xtext.decode(orcpt.substring(type + 1));
            if (!decoded.isEmpty()) {
                line("Original-Recipient: " + orcpt.substring(0, type) + "; " + decoded);
            }
        }
        MailAddress address = report.recipient().address();
        line("Final-Recipient: " + (address.needsUtf8() ? "utf-8; " : "rfc822; ") + address);
        line("Action: " + action.word());
        line("Status: " + status(report));
        if (!route.host().isEmpty()) {
            line("Remote-MTA: dns; " + Ascii.clean(route.host(), 255));
        }
        line("Diagnostic-Code: " + (route.host().isEmpty() ? "x-mailrace; " : "smtp; ")
                + report.reply().code() + " "
                + report.reply().status().map(status -> status + " ").orElse("")
                + diagnostic(report.reply()));
        line("Last-Attempt-Date: " + date(times.nowEpochMillis()));
        if (action == Action.DELAYED) {
            line("Will-Retry-Until: " + date(times.expiresEpochMillis()));
        }
    }

    /** A rule may keep mail that was refused for good: what is tried again is no class 5. */
    private static EnhancedStatus status(Report report) {
        EnhancedStatus status = report.reply().statusOrUndefined();
        return switch (report.fate()) {
            case EXPIRED -> EXPIRED_STATUS;
            case WAITING -> new EnhancedStatus(4, status.subject(), status.detail());
            case REFUSED, WITHDRAWN, RELAYED -> status;
        };
    }

    private static String diagnostic(SmtpReply reply) {
        return Ascii.clean(reply.text(), MAX_DIAGNOSTIC);
    }

    private byte[] returned(byte[] start, String boundary) {
        long size = envelope.facts().sizeBytes();
        // RFC 3461 4.3: RET is about failures; other notifications return the header. So does one
        // about binary content, which a part of a text cannot hold.
        boolean full = action == Action.FAILED && envelope.options().ret() == MailOptions.Ret.FULL
                && size == start.length && size <= MAX_RETURNED && !envelope.facts().longLine()
                && !envelope.facts().binary();
        byte[] bytes = full ? start : ReturnedHeader.of(start, MAX_RETURNED);
        boolean eightBit = false;
        for (byte one : bytes) {
            eightBit |= one < 0;
        }
        String type = full
                ? (utf8 ? "message/global" : "message/rfc822")
                : (utf8 ? "message/global-headers" : "text/rfc822-headers");
        byte[] head = ("--" + boundary + "\r\nContent-Type: " + type
                + (eightBit ? "\r\nContent-Transfer-Encoding: 8bit" : "") + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII);
        byte[] all = new byte[head.length + bytes.length + 2];
        System.arraycopy(head, 0, all, 0, head.length);
        System.arraycopy(bytes, 0, all, head.length, bytes.length);
        all[all.length - 2] = '\r';
        all[all.length - 1] = '\n';
        return all;
    }

    private static String date(long epochMillis) {
        return DATE.format(Instant.ofEpochMilli(epochMillis));
    }

    private void line(String line) {
        text.append(line).append("\r\n");
    }
}
