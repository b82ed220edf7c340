// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.LintRule;
import io.mailrace.core.Metrics;
import java.util.EnumMap;
import java.util.Map;
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

    SmtpMeters(Metrics metrics) {
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
