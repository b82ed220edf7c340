// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Ascii;
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
    private static final int MAX_DIAGNOSTIC = 500;
    private static final int MAX_EXPLAINED = 20;

    /** What the notification says of a recipient. */
    enum Fate {
        REFUSED, EXPIRED, RELAYED,
        /** Given up by the operator of this server. */
        WITHDRAWN
    }

    /** One recipient and the reply that decided about it. */
    record Report(Recipient recipient, Fate fate, SmtpReply reply) {}

    private final String hostname;
    private final Envelope envelope;
    private final Event.Route route;
    private final List<Report> reports;
    private final long nowEpochMillis;
    private final long acceptedEpochMillis;
    private final boolean utf8;
    private final StringBuilder text = new StringBuilder(2048);

    /** @param acceptedEpochMillis of the message, by the wall clock */
    DsnWriter(String hostname, Envelope envelope, Event.Route route, List<Report> reports,
            long nowEpochMillis, long acceptedEpochMillis) {
        this.hostname = hostname;
        this.envelope = envelope;
        this.route = route;
        this.reports = reports;
        this.nowEpochMillis = nowEpochMillis;
        this.acceptedEpochMillis = acceptedEpochMillis;
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
        header(id, boundary);
        line("--" + boundary);
        explanation();
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

    private void header(String id, String boundary) {
        line("From: Mail Delivery System <mailer-daemon@" + hostname + ">");
        line("To: <" + envelope.sender() + ">");
        line("Subject: " + (failed() ? "Undelivered mail" : "Mail was relayed"));
        line("Date: " + date(nowEpochMillis));
        line("Message-ID: <" + id + "@" + hostname + ">");
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

    private void explanation() {
        line("Content-Type: text/plain; charset=" + (utf8 ? "utf-8" : "us-ascii"));
        line("Content-Transfer-Encoding: " + (utf8 ? "8bit" : "7bit"));
        line("");
        line("This is the mail system at " + hostname + ".");
        line("");
        line(failed()
                ? "Your message could not be delivered to the following recipients and will not"
                        + " be"
                : "Your message was handed on for the following recipients to a mail system that"
                        + " does");
        line(failed() ? "tried again." : "not report deliveries. Nothing more is known of them.");
        int explained = Math.min(MAX_EXPLAINED, reports.size());
        for (Report report : reports.subList(0, explained)) {
            line("");
            line("<" + report.recipient().address() + ">");
            line("    " + sentence(report));
        }
        if (explained < reports.size()) {
            line("");
            line("and " + (reports.size() - explained) + " more, listed in the next part.");
        }
        line("");
    }

    private String sentence(Report report) {
        String who = route.host().isEmpty() ? "" : " by " + Ascii.clean(route.host(), 255);
        String reply = report.reply().code() + " " + diagnostic(report.reply());
        return switch (report.fate()) {
            case REFUSED -> "was refused" + who + ": " + reply;
            case EXPIRED -> "could not be reached since " + date(acceptedEpochMillis)
                    + "; the last answer was: " + reply;
            case RELAYED -> "was taken over" + who;
            case WITHDRAWN -> "was given up by the postmaster of " + hostname + ": " + reply;
        };
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
        line("Reporting-MTA: dns; " + hostname);
        line("Arrival-Date: " + date(acceptedEpochMillis));
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
        line("Action: " + (report.fate() == Fate.RELAYED ? "relayed" : "failed"));
        line("Status: " + (report.fate() == Fate.EXPIRED
                ? "4.4.7"
                : report.reply().statusOrUndefined().toString()));
        if (!route.host().isEmpty()) {
            line("Remote-MTA: dns; " + Ascii.clean(route.host(), 255));
        }
        line("Diagnostic-Code: " + (route.host().isEmpty() ? "x-mailrace; " : "smtp; ")
                + report.reply().code() + " "
                + report.reply().status().map(status -> status + " ").orElse("")
                + diagnostic(report.reply()));
        line("Last-Attempt-Date: " + date(nowEpochMillis));
    }

    private static String diagnostic(SmtpReply reply) {
        return Ascii.clean(reply.text(), MAX_DIAGNOSTIC);
    }

    private byte[] returned(byte[] start, String boundary) {
        long size = envelope.facts().sizeBytes();
        boolean full = failed() && envelope.options().ret() == MailOptions.Ret.FULL
                && size == start.length && size <= MAX_RETURNED && !envelope.facts().longLine();
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

    private boolean failed() {
        return reports.getFirst().fate() != Fate.RELAYED;
    }

    private static String date(long epochMillis) {
        return DATE.format(Instant.ofEpochMilli(epochMillis));
    }

    private void line(String line) {
        text.append(line).append("\r\n");
    }
}
