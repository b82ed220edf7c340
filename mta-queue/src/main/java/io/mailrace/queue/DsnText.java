// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Ascii;
import io.mailrace.core.Event;
import io.mailrace.core.SmtpReply;
import io.mailrace.queue.Phrases.Phrase;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The part of a notification that people read. Names at most {@value #MAX_EXPLAINED} recipients;
 * the others stand in the part for machines. Confined to one thread.
 */
final class DsnText {
    /** The same in each language, and never mistaken for month and day. */
    private static final DateTimeFormatter DATE = DateTimeFormatter
            .ofPattern("yyyy-MM-dd HH:mm 'UTC'", Locale.ROOT).withZone(ZoneOffset.UTC);
    private static final int MAX_EXPLAINED = 20;
    private static final String BETWEEN_LANGUAGES = "* * *";

    private final DsnWriter.From from;
    private final Event.Route route;
    private final List<DsnWriter.Report> reports;
    private final DsnWriter.Times times;
    private final DsnWriter.Action action;
    private final StringBuilder text = new StringBuilder(1024);

    /** @param reports of one action */
    DsnText(DsnWriter.From from, Event.Route route, List<DsnWriter.Report> reports,
            DsnWriter.Times times) {
        this.from = from;
        this.route = route;
        this.reports = reports;
        this.times = times;
        action = reports.getFirst().action();
    }

    String subject() {
        return from.phrases().getFirst().text(switch (action) {
            case FAILED -> Phrase.SUBJECT_FAILED;
            case DELAYED -> Phrase.SUBJECT_DELAYED;
            case RELAYED -> Phrase.SUBJECT_RELAYED;
        }, Map.of());
    }

    /** Lines that end in CR LF: the same in each language, one below the other. */
    String lines() {
        text.setLength(0);
        for (Phrases phrases : from.phrases()) {
            if (!text.isEmpty()) {
                lines(BETWEEN_LANGUAGES);
                lines("");
            }
            explain(phrases);
        }
        return text.toString();
    }

    private void explain(Phrases phrases) {
        lines(phrases.text(Phrase.GREETING, Map.of("host", from.hostname())));
        lines("");
        lines(switch (action) {
            case FAILED -> phrases.text(Phrase.FAILED, Map.of());
            case DELAYED -> phrases.text(Phrase.DELAYED,
                    Map.of("until", date(times.expiresEpochMillis())));
            case RELAYED -> phrases.text(Phrase.RELAYED, Map.of());
        });
        int explained = Math.min(MAX_EXPLAINED, reports.size());
        for (DsnWriter.Report report : reports.subList(0, explained)) {
            lines("");
            lines("<" + report.recipient().address() + ">");
            lines("    " + sentence(phrases, report));
        }
        if (explained < reports.size()) {
            lines("");
            lines(phrases.text(Phrase.MORE,
                    Map.of("count", Integer.toString(reports.size() - explained))));
        }
        lines("");
    }

    private String sentence(Phrases phrases, DsnWriter.Report report) {
        boolean known = !route.host().isEmpty();
        Map<String, String> values = new HashMap<>();
        values.put("host", from.hostname());
        values.put("peer", Ascii.clean(route.host(), 255));
        values.put("reply", reply(report.reply()));
        values.put("since", date(times.acceptedEpochMillis()));
        return phrases.text(switch (report.fate()) {
            case REFUSED -> known ? Phrase.RECIPIENT_REFUSED_BY : Phrase.RECIPIENT_REFUSED;
            case EXPIRED -> Phrase.RECIPIENT_EXPIRED;
            case WITHDRAWN -> Phrase.RECIPIENT_WITHDRAWN;
            case WAITING -> known ? Phrase.RECIPIENT_DELAYED_BY : Phrase.RECIPIENT_DELAYED;
            case RELAYED -> known ? Phrase.RECIPIENT_RELAYED_BY : Phrase.RECIPIENT_RELAYED;
        }, values);
    }

    private static String reply(SmtpReply reply) {
        return reply.code() + " " + Ascii.clean(reply.text(), DsnWriter.MAX_DIAGNOSTIC);
    }

    private static String date(long epochMillis) {
        return DATE.format(Instant.ofEpochMilli(epochMillis));
    }

    private void lines(String lines) {
        text.append(lines.replace("\n", "\r\n")).append("\r\n");
    }
}
