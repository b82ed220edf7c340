// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.smtp.IntakePressure;
import io.mailrace.smtp.IntakePressure.Reading;
import io.mailrace.smtp.IntakePressure.Share;
import io.mailrace.smtp.IntakePressure.Snapshot;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * What {@code /api/v1/intake}, {@code mailrace intake} and {@code /healthz} say about mail coming
 * in: each input of the policy, its bounds, what clients meet because of it, and what each listener
 * has. Any thread.
 *
 * @param accepting whether listeners are open
 * @param newest what was found last; empty before the start of the listeners
 */
record IntakeReport(BooleanSupplier accepting, Supplier<Optional<Snapshot>> newest) {

    AdminApi.Answer answer(boolean asText) {
        Optional<Snapshot> known = newest.get();
        if (known.isEmpty()) {
            return AdminApi.Answer.text(503, "the listeners are not open yet");
        }
        return asText
                ? AdminApi.Answer.of(AdminApi.Answer.TEXT, text(known.get()))
                : AdminApi.Answer.json(200, json(known.get()));
    }

    /** accept, slow or refuse; empty before the start of the listeners. */
    Optional<String> level() {
        return newest.get().map(now -> word(now.level()));
    }

    /** What clients meet something for; what the spool itself says is told elsewhere. */
    List<String> reasons() {
        return newest.get().stream().flatMap(now -> now.readings().stream())
                .filter(r -> !r.answers().isEmpty()
                        && r.input() != IntakePressure.Input.SPOOL_REFUSES)
                .map(IntakeReport::reason).toList();
    }

    /** Whether all new mail is put off, for another reason than the spool. */
    List<String> refusing() {
        return newest.get().stream().flatMap(now -> now.readings().stream())
                .filter(r -> r.answers().contains(IntakePressure.Answer.NO_MAIL)
                        && r.input() != IntakePressure.Input.SPOOL_REFUSES)
                .map(r -> "new mail is refused: " + reason(r)).toList();
    }

    private static String reason(Reading reading) {
        return reading.input().word() + " is " + reading.value() + ", "
                + (reading.state() == IntakePressure.State.FULL
                        ? "refused at " + reading.fullAt()
                        : "slower at " + reading.highAt());
    }

    private static String text(Snapshot now) {
        StringBuilder text = new StringBuilder("intake: ").append(word(now.level())).append('\n')
                .append(String.format(Locale.ROOT, "%-24s %14s %14s %14s  %s%n", "input", "now",
                        "slower at", "refused at", "clients meet"));
        for (Reading r : now.readings()) {
            text.append(String.format(Locale.ROOT, "%-24s %14d %14s %14s  %s%n", r.input().word(),
                    r.value(), bound(r.highAt()), bound(r.fullAt()), answers(r)));
        }
        if (now.flowDelay().isPositive()) {
            text.append(
                    "mail comes faster than it can be signed: messages of one connection begin ")
                    .append(now.flowDelay().toMillis()).append(" ms apart at least\n");
        }
        if (!now.shares().isEmpty()) {
            text.append(String.format(Locale.ROOT, "%-24s %14s %14s %14s %14s%n", "listener",
                    "connections", "of", "bytes in flight", "of"));
        }
        for (Share s : now.shares()) {
            text.append(String.format(Locale.ROOT, "%-24s %14d %14s %14s %14s%n", s.listener(),
                    s.connections(), bound(s.maxConnections()),
                    s.budget() == 0 ? "-" : Long.toString(s.used()), bound(s.budget())));
        }
        return text.toString();
    }

    private static String bound(long at) {
        return at == 0 ? "-" : Long.toString(at);
    }

    private static String answers(Reading reading) {
        return reading.answers().isEmpty()
                ? "-"
                : String.join(", ", reading.answers().stream().map(IntakeReport::word).sorted()
                        .toList());
    }

    private static String json(Snapshot now) {
        return Json.page(json -> {
            json.writeStartObject();
            json.writeStringProperty("intake", word(now.level()));
            json.writeNumberProperty("flow-delay-ms", now.flowDelay().toMillis());
            json.writeArrayPropertyStart("inputs");
            for (Reading r : now.readings()) {
                json.writeStartObject();
                json.writeStringProperty("input", r.input().word());
                json.writeNumberProperty("value", r.value());
                json.writeNumberProperty("slow-at", r.highAt());
                json.writeNumberProperty("refuse-at", r.fullAt());
                json.writeStringProperty("state", word(r.state()));
                json.writeArrayPropertyStart("answers");
                r.answers().stream().map(IntakeReport::word).sorted().forEach(json::writeString);
                json.writeEndArray();
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeArrayPropertyStart("listeners");
            for (Share s : now.shares()) {
                json.writeStartObject();
                json.writeStringProperty("listener", s.listener());
                json.writeNumberProperty("connections", s.connections());
                json.writeNumberProperty("max-connections", s.maxConnections());
                json.writeNumberProperty("bytes-in-flight", s.used());
                json.writeNumberProperty("budget", s.budget());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        });
    }

    private static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
