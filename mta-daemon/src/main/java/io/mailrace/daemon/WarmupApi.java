// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.daemon.AdminApi.Answer;
import io.mailrace.delivery.WarmupControl;
import io.mailrace.delivery.WarmupForecast;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import tools.jackson.core.JsonGenerator;

/** How far new sources have come, and what operators do about it. Any admin thread. */
final class WarmupApi {
    private static final Set<String> KNOWN = Set.of("source", "provider", "plan", "volume",
            "first", "to", "count", "why", "unchecked");

    private final Supplier<Optional<WarmupControl>> control;

    /** @param control empty while delivery is starting or stopping */
    WarmupApi(Supplier<Optional<WarmupControl>> control) {
        this.control = control;
    }

    // ------------------------------------------------------------------ telling

    /** Every source at every provider. */
    Answer status(boolean asText) {
        return control.get().map(running -> status(running.status(), asText))
                .orElse(starting());
    }

    private static Answer starting() {
        return Answer.text(503, "delivery is starting");
    }

    private static Answer status(List<WarmupControl.Row> rows, boolean asText) {
        if (asText) {
            return Answer.of(Answer.TEXT, rows.isEmpty() ? "No source is warmed up.\n"
                    : EventText.printable(table(rows)));
        }
        return Answer.json(200, Json.page(json -> {
            json.writeStartArray();
            rows.forEach(row -> write(json, row));
            json.writeEndArray();
        }));
    }

    static String table(List<WarmupControl.Row> rows) {
        List<List<String>> cells = new ArrayList<>();
        cells.add(List.of("SOURCE", "PROVIDER", "STATE", "PLAN", "STEP", "CAP", "USED",
                "ACCEPTED", "DEFERRED", "GREYLISTED", "BOUNCED", "HEALTH", "TOMORROW"));
        for (WarmupControl.Row row : rows) {
            cells.add(List.of(row.source(), row.provider(), row.state(), row.plan(),
                    row.step() + "/" + row.steps(), row.cap() == 0 ? "-" : number(row.cap()),
                    number(row.used()), number(row.accepted()), number(row.deferred()),
                    number(row.greylisted()), number(row.bounced()),
                    row.health().isEmpty() ? "-" : row.health(),
                    row.tomorrow().isEmpty() ? "-" : row.tomorrow()));
        }
        StringBuilder text = new StringBuilder(aligned(cells));
        Set<String> said = new HashSet<>();
        for (WarmupControl.Row row : rows) {
            boolean ofSource = row.provider().equals("-") || rows.stream().filter(other -> other
                    .source().equals(row.source()) && other.why().equals(row.why())).count() > 1;
            String line = row.source() + (ofSource ? "" : " at " + row.provider()) + ": "
                    + row.why() + "\n";
            if (!row.why().isEmpty() && said.add(line)) {
                text.append(line);
            }
        }
        return text.toString();
    }

    private static String number(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }

    private static String aligned(List<List<String>> cells) {
        int columns = cells.getFirst().size();
        int[] widths = new int[columns];
        for (List<String> row : cells) {
            for (int i = 0; i < columns; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        StringBuilder text = new StringBuilder();
        for (List<String> row : cells) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                line.append(row.get(i)).repeat(' ', widths[i] - row.get(i).length() + 2);
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }

    private static void write(JsonGenerator json, WarmupControl.Row row) {
        json.writeStartObject();
        json.writeStringProperty("source", row.source());
        json.writeStringProperty("provider", row.provider());
        json.writeStringProperty("state", row.state());
        json.writeStringProperty("plan", row.plan());
        json.writeNumberProperty("step", row.step());
        json.writeNumberProperty("steps", row.steps());
        json.writeStringProperty("day", row.day().toString());
        json.writeNumberProperty("cap", row.cap());
        json.writeNumberProperty("used", row.used());
        json.writeNumberProperty("accepted", row.accepted());
        json.writeNumberProperty("deferred", row.deferred());
        json.writeNumberProperty("greylisted", row.greylisted());
        json.writeNumberProperty("bounced", row.bounced());
        json.writeNumberProperty("complained", row.complained());
        json.writeNumberProperty("volume", row.volume());
        Json.text(json, "health", row.health());
        Json.text(json, "tomorrow", row.tomorrow());
        Json.text(json, "why", row.why());
        json.writeEndObject();
    }

    /** How the warm-up of a source goes on. */
    Answer plan(Map<String, List<String>> query, boolean asText) {
        return with(query, running -> {
            List<WarmupForecast> all = running.plan(needed(query, "source"),
                    QueryText.value(query, "provider").orElse(""), QueryText.value(query, "plan"),
                    number(query, "volume"));
            return asText
                    ? Answer.of(Answer.TEXT, EventText.printable(text(all)))
                    : Answer.json(200, Json.page(json -> {
                        json.writeStartArray();
                        all.forEach(one -> write(json, one));
                        json.writeEndArray();
                    }));
        });
    }

    private static String text(List<WarmupForecast> all) {
        StringBuilder text = new StringBuilder();
        for (WarmupForecast one : all) {
            text.append(one.source()).append(" at ").append(one.provider()).append(", plan ")
                    .append(one.plan()).append(", ").append(number(one.volume()))
                    .append(" messages a day, ").append(number(one.part()))
                    .append(" of them its part: ")
                    .append(one.enoughOn().map(day -> "all of it fits from " + day + " on")
                            .orElse("it never fits"))
                    .append(one.warmOn().map(day -> ", warm on " + day)
                            .orElse(", and is never warm with so little mail"))
                    .append('\n');
            List<List<String>> cells = new ArrayList<>();
            cells.add(List.of("DAY", "STEP", "CAP", "SENT", "REST"));
            one.days().forEach(day -> cells.add(List.of(day.date().toString(),
                    String.valueOf(day.step()), day.cap() == 0 ? "-" : number(day.cap()),
                    number(day.sent()), number(day.rest()))));
            text.append(aligned(cells));
        }
        return text.append("REST goes by warm sources of the pool or its overflow, or waits when"
                + " there are none.\n").toString();
    }

    private static void write(JsonGenerator json, WarmupForecast one) {
        json.writeStartObject();
        json.writeStringProperty("source", one.source());
        json.writeStringProperty("provider", one.provider());
        json.writeStringProperty("plan", one.plan());
        json.writeNumberProperty("volume", one.volume());
        json.writeNumberProperty("part", one.part());
        one.enoughOn().ifPresent(day -> json.writeStringProperty("enough-on", day.toString()));
        one.warmOn().ifPresent(day -> json.writeStringProperty("warm-on", day.toString()));
        json.writeArrayPropertyStart("days");
        for (WarmupForecast.Day day : one.days()) {
            json.writeStartObject();
            json.writeStringProperty("day", day.date().toString());
            json.writeNumberProperty("step", day.step());
            json.writeNumberProperty("cap", day.cap());
            json.writeNumberProperty("sent", day.sent());
            json.writeNumberProperty("rest", day.rest());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    // ------------------------------------------------------------------ changing

    /** Does what the last part of the path says. */
    Answer change(String what, Map<String, List<String>> query) {
        return with(query, running -> {
            String source = needed(query, "source");
            String provider = QueryText.value(query, "provider").orElse("");
            String why = QueryText.value(query, "why").orElse("by an operator");
            boolean done = switch (what) {
                case "start" -> {
                    running.start(source, QueryText.value(query, "plan"), day(query),
                            QueryText.value(query,
                                    "unchecked").filter("true"::equals).isPresent());
                    yield true;
                }
                case "stop" -> {
                    running.stop(source, why);
                    yield true;
                }
                case "complete" -> running.complete(source, provider, why);
                case "pause" -> running.pause(source, provider, why);
                case "resume" -> running.resume(source, provider, why);
                case "step" -> running.step(source, provider, number(query, "to"), why);
                case "reset" -> running.reset(source, provider, why);
                case "complaints" -> {
                    running.complaints(source, needed(query, "provider"), number(query, "count")
                            .orElseThrow(() -> new IllegalArgumentException("count is missing")));
                    yield true;
                }
                default -> throw new IllegalArgumentException("warm-up has no such change");
            };
            return done
                    ? status(running.status().stream().filter(row -> row.source().equals(source))
                            .toList(), false)
                    : Answer.text(404, "source " + source + " is not warmed up; see mailrace"
                            + " warmup status");
        });
    }

    /** Something asked of the control. */
    private interface Asked {
        Answer of(WarmupControl running);
    }

    private Answer with(Map<String, List<String>> query, Asked asked) {
        Optional<WarmupControl> running = control.get();
        if (running.isEmpty()) {
            return starting();
        }
        for (String name : query.keySet()) {
            if (!KNOWN.contains(name)) {
                return Answer.text(400, "unknown parameter " + Ascii.clean(name, 40));
            }
        }
        try {
            return asked.of(running.get());
        } catch (IllegalArgumentException wrong) {
            return Answer.text(400, String.valueOf(wrong.getMessage()));
        }
    }

    private static Optional<LocalDate> day(Map<String, List<String>> query) {
        return QueryText.value(query, "first").map(text -> {
            try {
                return LocalDate.parse(text);
            } catch (DateTimeException wrong) {
                throw new IllegalArgumentException("first must be a day such as 2026-11-20",
                        wrong);
            }
        });
    }

    private static OptionalLong number(Map<String, List<String>> query, String name) {
        Optional<String> text = QueryText.value(query, name);
        if (text.isEmpty()) {
            return OptionalLong.empty();
        }
        if (text.get().length() > 10 || !text.get().chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new IllegalArgumentException(name + " must be a number");
        }
        return OptionalLong.of(Long.parseLong(text.get()));
    }

    private static String needed(Map<String, List<String>> query, String name) {
        return QueryText.value(query, name).orElseThrow(() -> new IllegalArgumentException(name
                + " is missing"));
    }
}
