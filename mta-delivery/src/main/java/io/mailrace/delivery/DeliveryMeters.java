// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Disposition;
import io.mailrace.core.Lane;
import io.mailrace.core.Metrics;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;

/** The counters of delivery. Any thread. */
final class DeliveryMeters {
    private final LongAdder delivered;
    private final LongAdder deferred;
    private final LongAdder bounced;
    private final LongAdder postponed;
    private final LongAdder alerts;
    private final LongAdder possibleDuplicates;
    private final LongAdder opened;
    private final LongAdder established;
    private final LongAdder failed;
    private final LongAdder tlsFailures;
    private final LongAdder signings;
    private final LongAdder signingNanos;
    private final LongAdder unsigned;
    private final LongAdder parked;
    private final LongAdder errors;
    private final LongAdder unsettled;
    private final Map<Lane, LongAdder> begun = new EnumMap<>(Lane.class);

    DeliveryMeters(Metrics metrics) {
        delivered = outcome(metrics, "delivered");
        deferred = outcome(metrics, "deferred");
        bounced = outcome(metrics, "bounced");
        postponed = metrics.counter("delivery_postponed_total",
                "Recipients set aside by a rule or limit; no attempt is counted");
        alerts = metrics.counter("delivery_alerts_total",
                "Replies that need an operator; logged once in ten minutes each");
        possibleDuplicates = metrics.counter("delivery_possible_duplicates_total",
                "Recipients deferred after the line was lost behind the final dot");
        opened = connection(metrics, "opened");
        established = connection(metrics, "established");
        failed = connection(metrics, "failed");
        tlsFailures = metrics.counter("delivery_tls_failures_total",
                "Connections on which STARTTLS or the handshake failed");
        signings = metrics.counter("delivery_signings_total", "Messages signed");
        signingNanos = metrics.counter("delivery_signing_nanos_total",
                "Time spent signing, all threads together");
        unsigned = metrics.counter("delivery_unsigned_total",
                "Messages that no key could sign for what their header is; logged now and then");
        parked = metrics.counter("delivery_sites_parked_total",
                "Times no host of a site could be used");
        errors = metrics.counter("delivery_errors_total", "Unforeseen errors; each is logged");
        unsettled = metrics.counter("delivery_settlements_failed_total",
                "Outcomes the spool could not write at first");
        for (Lane lane : Lane.values()) {
            begun.put(lane, metrics.counter("delivery_messages_begun_total",
                    "Messages given to a connection, by lane", Map.of("lane", lane.word())));
        }
    }

    private static LongAdder outcome(Metrics metrics, String outcome) {
        return metrics.counter("delivery_attempts_total", "Recipients tried, by outcome",
                Map.of("outcome", outcome));
    }

    private static LongAdder connection(Metrics metrics, String result) {
        return metrics.counter("delivery_connections_total", "Connections by how far they came",
                Map.of("result", result));
    }

    void outcome(Disposition disposition) {
        switch (disposition) {
            case Disposition.Delivered one -> delivered.increment();
            case Disposition.Bounced one -> bounced.increment();
            case Disposition.Deferred one -> {
                (one.next().counted() ? deferred : postponed).increment();
                if (one.possibleDuplicate()) {
                    possibleDuplicates.increment();
                }
            }
        }
    }

    void begun(Lane lane) {
        Objects.requireNonNull(begun.get(lane)).increment();
    }

    void opened() {
        opened.increment();
    }

    void established() {
        established.increment();
    }

    void failed() {
        failed.increment();
    }

    void tlsFailed() {
        tlsFailures.increment();
    }

    void signed(int messages, long nanos) {
        signings.add(messages);
        signingNanos.add(nanos);
    }

    void unsigned() {
        unsigned.increment();
    }

    void parked() {
        parked.increment();
    }

    void alert() {
        alerts.increment();
    }

    void error() {
        errors.increment();
    }

    void settlementFailed() {
        unsettled.increment();
    }
}
