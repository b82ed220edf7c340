// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import io.mailrace.delivery.Finding.Severity;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;

/** Asked before a source begins to be warmed up. */
@FunctionalInterface
interface WarmupGate {
    /** Beyond them the answers would take longer than anybody waits. */
    int MAX_DOMAINS = 50;

    /** Every source may begin. */
    WarmupGate OPEN = source -> CompletableFuture.completedFuture(Answer.of(List.of()));

    /**
     * What receivers would hold against a source.
     *
     * @param problems keep it from beginning; none: it may
     * @param warnings are told, no more
     */
    record Answer(List<String> problems, List<String> warnings) {
        public Answer {
            problems = List.copyOf(problems);
            warnings = List.copyOf(warnings);
        }

        static Answer of(List<String> problems) {
            return new Answer(problems, List.of());
        }
    }

    /** Any thread; must not block. */
    CompletableFuture<Answer> ask(SourceConfig source);

    /**
     * What {@link SourceCheck} finds wrong or cannot find out.
     *
     * @param senderDomains whose SPF should let the source send; the first {@value #MAX_DOMAINS}
     *        are asked about
     */
    static WarmupGate checking(DnsClient dns, TimeSource time, List<String> senderDomains) {
        List<String> domains = senderDomains.stream().limit(MAX_DOMAINS).toList();
        return source -> SourceCheck.of(dns, time, source, domains).thenApply(WarmupGate::judge);
    }

    /*
     * What is wrong with the source itself, or cannot be told, holds it back. Domains of senders
     * belong to customers, and among many there is always one whose DNS is down or whose owner has
     * not published the address: that mail suffers, by whatever source it goes, and the others need
     * not wait. When all of them fail it is the operator who has forgotten something.
     */
    static Answer judge(SourceCheck.Report report) {
        Predicate<Finding> failed = one -> one.severity() == Severity.FAIL;
        List<Finding> own = new ArrayList<>(report.findings());
        report.senders().values().forEach(own::removeAll);
        List<String> problems = new ArrayList<>(own.stream().filter(failed.or(one -> one
                .severity() == Severity.UNKNOWN)).map(Finding::text).toList());
        boolean allFail = !report.senders().isEmpty() && report.senders().values().stream()
                .allMatch(findings -> findings.stream().anyMatch(failed));
        List<String> warnings = new ArrayList<>();
        report.senders().values().forEach(findings -> findings.forEach(one -> {
            if (one.severity() == Severity.FAIL) {
                (allFail ? problems : warnings).add(one.text());
            } else if (one.severity() == Severity.UNKNOWN) {
                warnings.add(one.text());
            }
        }));
        return new Answer(problems, warnings);
    }
}
