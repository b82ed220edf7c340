// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.LintRule;
import io.mailrace.core.Metrics;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;

/** The counters of the server. Any thread. */
final class SmtpMeters {
    final LongAdder connections;
    final LongAdder connectionsRefused;
    final LongAdder accepted;
    final LongAdder loginsFailed;
    final LongAdder bytes;
    final LongAdder rejectionsDropped;
    final LongAdder handshakesFailed;
    private final Map<LintRule, LongAdder> findings = new EnumMap<>(LintRule.class);
    final Reloads users;
    final Reloads certificate;
    private final LongAdder[] replies = new LongAdder[6];
    private final Map<IntakePressure.Answer, LongAdder> intakeRefused = new EnumMap<>(
            IntakePressure.Answer.class);
    private final Metrics metrics;

    SmtpMeters(Metrics metrics) {
        this.metrics = metrics;
        connections = metrics.counter("smtp_connections_total", "Connections taken.");
        connectionsRefused = metrics.counter("smtp_connections_refused_total",
                "Connections turned away because there were too many.");
        accepted = metrics.counter("smtp_messages_accepted_total",
                "Messages acknowledged after their commit.");
        loginsFailed = metrics.counter("smtp_auth_failures_total",
                "Logins with a wrong name or password.");
        bytes = metrics.counter("smtp_bytes_received_total",
                "Octets read from clients, after decryption.");
        rejectionsDropped = metrics.counter("smtp_rejections_dropped_total",
                "Refusals not written to the journal because there were too many.");
        handshakesFailed = metrics.counter("smtp_tls_handshakes_failed_total",
                "TLS handshakes that failed or took too long.");
        for (LintRule rule : LintRule.values()) {
            findings.put(rule, metrics.counter("smtp_lint_findings_total",
                    "Messages that broke a rule for senders.", Map.of("rule", rule.word())));
        }
        users = Reloads.of("users", metrics);
        certificate = Reloads.of("certificate", metrics);
        for (int digit = 2; digit <= 5; digit++) {
            replies[digit] = metrics.counter("smtp_replies_total", "Replies sent, by first digit.",
                    Map.of("class", digit + "xx"));
        }
    }

    /** Shows what mail intake depends on. */
    void show(IntakePressure pressure) {
        metrics.gauge("smtp_intake_level", "0: mail is taken, 1: slower, 2: some is refused.",
                () -> switch (pressure.snapshot().level()) {
                    case ACCEPT -> 0;
                    case SLOW -> 1;
                    case REFUSE -> 2;
                });
        for (IntakePressure.Input input : IntakePressure.Input.values()) {
            Map<String, String> label = Map.of("input", input.word());
            metrics.gauge("smtp_intake_value", "What intake looks at; see pressure in the manual.",
                    label, () -> reading(pressure, input).map(IntakePressure.Reading::value)
                            .orElse(0L));
            metrics.gauge("smtp_intake_state", "0: low, 1: high, 2: full.", label,
                    () -> reading(pressure, input).map(SmtpMeters::number).orElse(0L));
        }
        for (IntakePressure.Answer answer : IntakePressure.Answer.values()) {
            intakeRefused.put(answer, metrics.counter("smtp_intake_answers_total",
                    "What clients met because too much came in.",
                    Map.of("answer", answer.name().toLowerCase(Locale.ROOT).replace('_', '-'))));
        }
    }

    /** Shows how far apart messages are held. */
    void show(FlowControl flow) {
        metrics.gauge("smtp_flow_delay_milliseconds", "Least time between messages of a connection,"
                + " while mail comes faster than it can be signed.",
                () -> flow.spacing().toMillis());
    }

    /** Shows what a listener has of its own. */
    void show(String listener, ListenerShare share) {
        Map<String, String> label = Map.of("listener", listener);
        metrics.gauge("smtp_listener_connections_current", "Connections open now, by listener.",
                label, share::open);
        metrics.gauge("smtp_listener_bytes_in_flight", "Memory for messages being read, by listener"
                + " with a budget of its own.", label, () -> share.show(listener).used());
    }

    private static Optional<IntakePressure.Reading> reading(IntakePressure pressure,
            IntakePressure.Input input) {
        return pressure.snapshot().readings().stream().filter(r -> r.input() == input)
                .findFirst();
    }

    private static long number(IntakePressure.Reading reading) {
        return switch (reading.state()) {
            case LOW -> 0;
            case HIGH -> 1;
            case FULL -> 2;
        };
    }

    void intakeRefused(IntakePressure.Answer answer) {
        LongAdder counter = intakeRefused.get(answer);
        if (counter != null) {
            counter.increment();
        }
    }

    void found(LintRule rule) {
        LongAdder counter = findings.get(rule);
        if (counter != null) {
            counter.increment();
        }
    }

    /** What became of a file that is watched. */
    record Reloads(LongAdder taken, LongAdder kept) {
        private static Reloads of(String file, Metrics metrics) {
            return new Reloads(metrics.counter("smtp_files_reloaded_total",
                    "Changed files that were read and are in force.", Map.of("file", file)),
                    metrics.counter("smtp_files_refused_total",
                            "Changed files that cannot be used: the one before is in force.",
                            Map.of("file", file)));
        }

        void count(LoginCheck.Reload reload) {
            switch (reload) {
                case UNCHANGED -> {
                }
                case TAKEN -> taken.increment();
                case KEPT -> kept.increment();
            }
        }
    }

    void replied(int code) {
        replies[code / 100].increment();
    }
}
