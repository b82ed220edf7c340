// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import io.mailrace.delivery.Finding.Severity;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Asked before a source begins to be warmed up. */
@FunctionalInterface
interface WarmupGate {
    /** Beyond them the answers would take longer than anybody waits. */
    int MAX_DOMAINS = 50;

    /** Every source may begin. */
    WarmupGate OPEN = source -> CompletableFuture.completedFuture(List.of());

    /**
     * What receivers would hold against the source: a missing PTR, a name that does not lead back,
     * SPF that leaves it out, or that none of it can be told. Nothing: it may begin. Any thread;
     * must not block.
     */
    CompletableFuture<List<String>> problems(SourceConfig source);

    /**
     * What {@link SourceCheck} finds wrong or cannot find out.
     *
     * @param senderDomains whose SPF must let the source send; the first {@value #MAX_DOMAINS} are
     *        asked about
     */
    static WarmupGate checking(DnsClient dns, TimeSource time, List<String> senderDomains) {
        List<String> domains = senderDomains.stream().limit(MAX_DOMAINS).toList();
        return source -> SourceCheck.of(dns, time, source, domains).thenApply(report -> report
                .findings().stream()
                .filter(one -> one.severity() == Severity.FAIL
                        || one.severity() == Severity.UNKNOWN)
                .map(Finding::text).toList());
    }
}
