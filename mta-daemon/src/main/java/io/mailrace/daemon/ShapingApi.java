// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.MailAddress;
import io.mailrace.daemon.AdminApi.Answer;
import io.mailrace.delivery.Delivery;
import io.mailrace.delivery.Explanation;
import io.mailrace.delivery.ShapingControl;
import io.mailrace.delivery.WarmupControl;
import io.mailrace.dkim.DkimConfig;
import io.mailrace.queue.QueueKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import tools.jackson.core.JsonGenerator;

/**
 * What is in force, how mail would go, and operators' suspensions. Runs on the admin threads;
 * explaining waits for DNS, at most {@value #DNS_SECONDS} s.
 */
final class ShapingApi {
    private static final int DNS_SECONDS = 30;
    private static final Duration FOR_GOOD = Duration.ofDays(3650);

    private final DaemonConfig config;
    private final Supplier<DkimConfig> dkim;
    private final Supplier<Optional<Delivery>> delivery;

    ShapingApi(DaemonConfig config, Supplier<DkimConfig> dkim,
            Supplier<Optional<Delivery>> delivery) {
        this.config = config;
        this.dkim = dkim;
        this.delivery = delivery;
    }

    /** Empty while delivery is starting or stopping. */
    Optional<ShapingControl> control() {
        return delivery.get().map(Delivery::control);
    }

    /** Empty while delivery is starting or stopping. */
    Optional<WarmupControl> warmup() {
        return delivery.get().map(Delivery::warmup);
    }

    /** What is in force now. */
    Answer rules(boolean asText) {
        return delivery.get().map(running -> rules(running.control(), asText))
                .orElse(starting());
    }

    private static Answer starting() {
        return Answer.text(503, "delivery is starting");
    }

    private static Answer rules(ShapingControl control, boolean asText) {
        List<ShapingControl.Status> all = control.measures();
        if (!asText) {
            return Answer.json(200, Json.page(json -> {
                json.writeStartArray();
                all.forEach(one -> write(json, one));
                json.writeEndArray();
            }));
        }
        StringBuilder text = new StringBuilder();
        all.forEach(one -> text.append(line(one)));
        return Answer.of(Answer.TEXT, text.isEmpty() ? "Nothing is in force.\n" : text.toString());
    }

    private static void write(JsonGenerator json, ShapingControl.Status one) {
        json.writeStartObject();
        json.writeNumberProperty("id", one.id());
        json.writeStringProperty("subject", one.subject());
        json.writeStringProperty("what", one.what());
        json.writeStringProperty("rule", one.rule());
        json.writeStringProperty("why", one.why());
        Json.time(json, "since", one.since());
        Json.time(json, "stop-until", one.stopUntil());
        Json.time(json, "until", one.until());
        json.writeEndObject();
    }

    static String line(ShapingControl.Status one) {
        return EventText.printable(String.format(Locale.ROOT, "%d  %s: %s until %s by %s: %s%n",
                one.id(), one.subject(), one.what(), Json.time(one.until()), one.rule(),
                one.why()));
    }

    /** Every source at every receiver. */
    Answer paths(boolean asText) {
        Optional<Delivery> running = delivery.get();
        if (running.isEmpty()) {
            return starting();
        }
        List<ShapingControl.PathStatus> all = running.get().control().paths();
        if (!asText) {
            return Answer.json(200, Json.page(json -> {
                json.writeStartArray();
                for (ShapingControl.PathStatus one : all) {
                    json.writeStartObject();
                    json.writeStringProperty("source", one.source());
                    json.writeStringProperty("receiver", one.receiver());
                    json.writeNumberProperty("connections", one.connections());
                    json.writeNumberProperty("most-connections", one.mostConnections());
                    if (Double.isFinite(one.ratePerSecond())) {
                        json.writeNumberProperty("adaptive-rate", one.ratePerSecond());
                    }
                    json.writeNumberProperty("messages", one.messages());
                    json.writeEndObject();
                }
                json.writeEndArray();
            }));
        }
        StringBuilder text = new StringBuilder();
        for (ShapingControl.PathStatus one : all) {
            text.append(String.format(Locale.ROOT, "%s at %s: %d of %d connections, %,d messages"
                    + "%s%n", one.source(), one.receiver(), one.connections(),
                    one.mostConnections(), one.messages(),
                    Double.isFinite(one.ratePerSecond())
                            ? String.format(Locale.ROOT, ", adaptive rate %.3f/s",
                                    one.ratePerSecond())
                            : ""));
        }
        return Answer.of(Answer.TEXT, text.isEmpty() ? "Nothing was sent since the start.\n"
                : EventText.printable(text));
    }

    /** How mail from one address to another would go. */
    Answer explain(Map<String, List<String>> query, boolean asText) {
        try {
            MailAddress from = address(query, "from");
            MailAddress to = address(query, "to");
            if (to.isNull()) {
                return Answer.text(400, "to must be an address");
            }
            String tenant = Ascii.lower(QueryText.value(query, "tenant").orElse("default"));
            Optional<Delivery> running = delivery.get();
            if (running.isEmpty()) {
                return starting();
            }
            return show(explanation(running.get(), from, to, tenant), asText);
        } catch (IllegalArgumentException wrong) {
            return Answer.text(400, String.valueOf(wrong.getMessage()));
        }
    }

    private List<Explanation.Line> explanation(Delivery running, MailAddress from, MailAddress to,
            String tenant) {
        QueueKey queue = config.queue().queueOf(from, to, tenant);
        List<Explanation.Line> lines = new ArrayList<>();
        lines.add(new Explanation.Line("tenant", queue.tenant()));
        lines.add(new Explanation.Line("lane", queue.lane().word()));
        lines.add(new Explanation.Line("pool", queue.pool()));
        lines.add(new Explanation.Line("queue", queue.toString()));
        String key = dkim.get().signedBy(from.domain());
        lines.add(new Explanation.Line("dkim", key.isEmpty() ? "not signed: there is no key for "
                + from.domain() : key));
        lines.add(new Explanation.Line("retry", "given up after " + config.queue().retry()
                .of(queue.lane()).maxAge().toHours() + " h"));
        try {
            lines.addAll(running.explain(queue, from.domain()).toCompletableFuture()
                    .get(DNS_SECONDS, TimeUnit.SECONDS).lines());
        } catch (TimeoutException slow) {
            lines.add(new Explanation.Line("waits", "DNS did not answer within " + DNS_SECONDS
                    + " s"));
        } catch (ExecutionException bug) {
            throw new IllegalStateException(bug);
        } catch (InterruptedException closing) {
            Thread.currentThread().interrupt();
            lines.add(new Explanation.Line("waits", "the daemon is stopping"));
        }
        return lines;
    }

    private static Answer show(List<Explanation.Line> lines, boolean asText) {
        if (asText) {
            StringBuilder text = new StringBuilder();
            lines.forEach(line -> text.append(String.format(Locale.ROOT, "%-9s %s%n", line.name(),
                    line.value())));
            return Answer.of(Answer.TEXT, EventText.printable(text));
        }
        return Answer.json(200, Json.page(json -> {
            json.writeStartArray();
            for (Explanation.Line line : lines) {
                json.writeStartObject();
                json.writeStringProperty("name", line.name());
                json.writeStringProperty("value", line.value());
                json.writeEndObject();
            }
            json.writeEndArray();
        }));
    }

    private static MailAddress address(Map<String, List<String>> query, String name) {
        String text = QueryText.value(query, name).orElse("");
        if (text.equals("<>") && name.equals("from")) {
            return MailAddress.NULL;
        }
        return MailAddress.parse(text).orElseThrow(() -> new IllegalArgumentException(
                name + " must be an address such as a@example.com"));
    }

    // ------------------------------------------------------------------ changes

    /** Stops a source, domain, tenant or receiver. */
    Answer suspend(Map<String, List<String>> query) {
        return change(query, control -> Optional.of(control.suspend(
                QueryText.value(query, "kind").orElse(""),
                QueryText.value(query, "name").orElse(""),
                QueryText.value(query, "at").orElse(""),
                duration(query, "for").orElse(FOR_GOOD), why(query))));
    }

    /** Ends what stops a source, domain, tenant or receiver. */
    Answer resume(Map<String, List<String>> query) {
        return changes(query, control -> {
            List<ShapingControl.Status> ended = control.resume(
                    QueryText.value(query, "kind").orElse(""),
                    QueryText.value(query, "name").orElse(""),
                    QueryText.value(query, "at").orElse(""), why(query));
            return ended.isEmpty()
                    ? Answer.text(404, "it is not suspended; mailrace rules lists what is in force")
                    : Answer.json(200, Json.page(json -> {
                        json.writeStartArray();
                        ended.forEach(one -> write(json, one));
                        json.writeEndArray();
                    }));
        });
    }

    /** Ends a measure. */
    Answer end(String id, Map<String, List<String>> query) {
        return change(query, control -> control.end(number(id), why(query)));
    }

    /** Lengthens a measure. */
    Answer extend(String id, Map<String, List<String>> query) {
        return change(query, control -> control.extend(number(id), duration(query, "for")
                .orElseThrow(() -> new IllegalArgumentException("for is missing")), why(query)));
    }

    /** Something done to measures. */
    private interface Change {
        Optional<ShapingControl.Status> on(ShapingControl control);
    }

    private Answer change(Map<String, List<String>> query, Change change) {
        return changes(query, control -> change.on(control)
                .map(one -> Answer.json(200, Json.page(json -> write(json, one))))
                .orElse(Answer.text(404, "nothing of that number is in force")));
    }

    private Answer changes(Map<String, List<String>> query,
            Function<ShapingControl, Answer> change) {
        Optional<Delivery> running = delivery.get();
        if (running.isEmpty()) {
            return starting();
        }
        for (String name : query.keySet()) {
            if (!List.of("kind", "name", "at", "for", "why").contains(name)) {
                return Answer.text(400, "unknown parameter " + Ascii.clean(name, 40));
            }
        }
        try {
            return change.apply(running.get().control());
        } catch (IllegalArgumentException wrong) {
            return Answer.text(400, String.valueOf(wrong.getMessage()));
        }
    }

    private static long number(String id) {
        if (id.isEmpty() || id.length() > 18 || !id.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new IllegalArgumentException("a measure has a number");
        }
        return Long.parseLong(id);
    }

    private static String why(Map<String, List<String>> query) {
        return QueryText.value(query, "why").orElse("no reason given");
    }

    private static Optional<Duration> duration(Map<String, List<String>> query, String name) {
        return QueryText.value(query, name).map(text -> Times.parse(text).orElseThrow(
                () -> new IllegalArgumentException(
                        name + " must be a time such as 90s, 15m, 2h or 3d")));
    }
}
