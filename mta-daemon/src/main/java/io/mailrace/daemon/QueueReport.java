// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import io.mailrace.queue.MailQueues;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;

/** What waits, since when, until when and why: one row for each queue, the fullest first. */
final class QueueReport {
    /** Rows in one answer; totals count all. */
    static final int MAX_QUEUES = 1000;

    /** Says why mail of a queue is not moving; empty when it does not know. */
    interface Why {
        String why(QueueKey key);
    }

    private final MailQueues queues;
    private final Why delivery;
    private final TimeSource time;

    QueueReport(MailQueues queues, Why delivery, TimeSource time) {
        this.queues = queues;
        this.delivery = delivery;
        this.time = time;
    }

    /** As JSON; {@code match} is a part of the queue's name, empty for all. */
    String json(String match) {
        List<QueueStatus> all = matching(match);
        return Json.page(json -> {
            json.writeStartObject();
            json.writeNumberProperty("queues", all.size());
            json.writeNumberProperty("waiting", sum(all));
            json.writeArrayPropertyStart("rows");
            for (QueueStatus status : all.subList(0, Math.min(MAX_QUEUES, all.size()))) {
                json.writeStartObject();
                json.writeStringProperty("queue", status.key().toString());
                json.writeStringProperty("lane", status.key().lane().word());
                json.writeStringProperty("tenant", status.key().tenant());
                json.writeStringProperty("destination", status.key().destination());
                json.writeStringProperty("pool", status.key().pool());
                json.writeNumberProperty("waiting", status.waiting());
                json.writeNumberProperty("taken", status.taken());
                json.writeNumberProperty("held", status.held());
                Json.time(json, "oldest", status.oldestEpochMillis());
                Json.time(json, "next-attempt", nextAttempt(status));
                json.writeStringProperty("why", why(status));
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        });
    }

    /** As a table for people. */
    String text(String match) {
        List<QueueStatus> all = matching(match);
        StringBuilder text = new StringBuilder();
        if (all.isEmpty()) {
            return match.isEmpty() ? "Nothing waits.\n" : "No queue of that name waits.\n";
        }
        text.append(String.format("%9s %6s  %-8s %-8s %s%n", "WAITING", "TAKEN", "OLDEST", "NEXT",
                "QUEUE (lane/tenant/destination/pool) AND WHY IT WAITS"));
        for (QueueStatus status : all.subList(0, Math.min(MAX_QUEUES, all.size()))) {
            text.append(String.format("%9d %6d  %-8s %-8s %s%n%37s%s%n", status.waiting(),
                    status.taken(), ago(status.oldestEpochMillis()), in(nextAttempt(status)),
                    status.key(), "", why(status)));
            if (status.held() > 0) {
                text.append(String.format("%37s%d held by an operator: mailrace release --domain"
                        + " %s%n", "", status.held(), status.key().destination()));
            }
        }
        text.append(String.format("%9d in %d queue%s%s%n", sum(all), all.size(),
                all.size() == 1 ? "" : "s",
                all.size() > MAX_QUEUES ? ", the fullest " + MAX_QUEUES + " shown" : ""));
        return EventText.printable(text);
    }

    private List<QueueStatus> matching(String match) {
        return queues.statuses().stream()
                .filter(status -> status.key().toString().contains(match))
                .sorted(Comparator.comparingLong(QueueStatus::waiting).reversed()
                        .thenComparing(status -> status.key().toString()))
                .toList();
    }

    /** One sentence: the rule that keeps this queue's mail where it is. */
    private String why(QueueStatus status) {
        if (status.waiting() == 0) {
            return "nothing is to be sent";
        }
        long now = time.epochMillis();
        if (status.parkedUntilEpochMillis() > now) {
            return "parked until " + Json.time(status.parkedUntilEpochMillis()) + ": "
                    + status.parkedWhy();
        }
        boolean due = status.nextDueEpochMillis() != 0 && status.nextDueEpochMillis() <= now;
        if (!due && status.taken() == 0 && status.nextDueEpochMillis() != 0) {
            return "deferred: the next attempt is due at "
                    + Json.time(status.nextDueEpochMillis());
        }
        String said = delivery.why(status.key());
        if (!said.isEmpty()) {
            return said;
        }
        return status.taken() > 0 ? "being delivered" : "due: waiting for a connection";
    }

    private long nextAttempt(QueueStatus status) {
        return Math.max(status.nextDueEpochMillis(), status.parkedUntilEpochMillis());
    }

    private static long sum(List<QueueStatus> all) {
        return all.stream().mapToLong(QueueStatus::waiting).sum();
    }

    private String ago(long epochMillis) {
        return epochMillis == 0 ? "-" : span(time.epochMillis() - epochMillis);
    }

    private String in(long epochMillis) {
        if (epochMillis == 0) {
            return "-";
        }
        long millis = epochMillis - time.epochMillis();
        return millis <= 0 ? "now" : span(millis);
    }

    /** The two largest units: 4d3h, 5m10s. */
    static String span(long millis) {
        Duration span = Duration.ofMillis(Math.max(0, millis));
        if (span.toDays() > 0) {
            return span.toDays() + "d" + span.toHoursPart() + "h";
        }
        if (span.toHours() > 0) {
            return span.toHours() + "h" + span.toMinutesPart() + "m";
        }
        return span.toMinutes() > 0
                ? span.toMinutes() + "m" + span.toSecondsPart() + "s"
                : span.toSeconds() + "s";
    }
}
