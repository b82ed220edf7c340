// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** The limits on mail by tenant, provider and author's domain. Any thread; never blocks. */
final class MailLimits {
    private final List<MailLimit> configured;
    private final Gates gates;

    MailLimits(List<MailLimit> configured, Gates gates) {
        this.configured = List.copyOf(configured);
        this.gates = gates;
    }

    /** Those that hold for all mail of a queue alike. */
    List<Limit> ofQueue(String tenant, String provider) {
        return of(tenant, provider, "", limit -> !limit.byDomain());
    }

    /** Those that depend on the author's domain. */
    List<Limit> ofMail(String tenant, String provider, String domain) {
        return of(tenant, provider, domain, MailLimit::byDomain);
    }

    private List<Limit> of(String tenant, String provider, String domain,
            Predicate<MailLimit> which) {
        if (configured.isEmpty()) {
            return List.of();
        }
        List<Limit> limits = new ArrayList<>();
        for (MailLimit limit : configured) {
            if (which.test(limit)) {
                limit.countOf(tenant, provider, domain).ifPresent(
                        count -> limits.addAll(gates.limits(count, limit.rates())));
            }
        }
        return limits;
    }
}
