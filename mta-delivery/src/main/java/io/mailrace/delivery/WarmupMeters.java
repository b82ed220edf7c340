// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Metrics;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/** The counters and gauges of warm-up, by source and provider. Any thread. */
final class WarmupMeters {
    private final Metrics metrics;
    private final LongAdder alerts;

    WarmupMeters(Metrics metrics) {
        this.metrics = metrics;
        alerts = metrics.counter("warmup_alerts_total",
                "Times a source that is warmed up was blocked");
    }

    /** Values of one track; each is asked for when somebody looks. */
    void track(Warmup.Key key, LongSupplier cap, LongSupplier used, LongSupplier accepted,
            LongSupplier step, LongSupplier paused) {
        Map<String, String> labels = labels(key);
        metrics.gauge("warmup_cap_messages", "Messages a source that is warmed up may send today;"
                + " 0: it is warm", labels, cap);
        metrics.gauge("warmup_used_messages", "Of them, begun today", labels, used);
        metrics.gauge("warmup_accepted_messages", "Of them, taken by the provider", labels,
                accepted);
        metrics.gauge("warmup_step_current", "Step of the plan, 1 for the first", labels, step);
        metrics.gauge("warmup_paused_current", "1 while nothing is sent", labels, paused);
    }

    private static Map<String, String> labels(Warmup.Key key) {
        return Map.of("source", key.source(), "provider", key.provider());
    }

    /** What became of messages of one track, by outcome; to be kept. */
    Map<WarmupDay.Outcome, LongAdder> outcomes(Warmup.Key key) {
        Map<WarmupDay.Outcome, LongAdder> counters = new EnumMap<>(WarmupDay.Outcome.class);
        for (WarmupDay.Outcome outcome : WarmupDay.Outcome.values()) {
            counters.put(outcome, metrics.counter("warmup_messages_total",
                    "First attempts from sources that are warmed up",
                    Map.of("source", key.source(), "provider", key.provider(), "outcome",
                            Ascii.lower(outcome.name()))));
        }
        return counters;
    }

    void decided(WarmupTrack.Action action) {
        metrics.counter("warmup_decisions_total", "Decisions on warm-ups", Map.of("action",
                action.word())).increment();
    }

    void alert() {
        alerts.increment();
    }
}
