// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.Rate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A bound on mail of some kind, whatever source it leaves by: an entry of {@code limits}.
 * Immutable.
 *
 * @param tenant of whom; empty: anybody
 * @param provider to where; empty: anywhere
 * @param domain author's domain; empty: any
 * @param per what each has a count of its own
 */
record MailLimit(String name, String tenant, String provider, String domain, Set<Per> per,
        List<Rate> rates) {

    /** What is counted apart. */
    enum Per {
        TENANT,
        PROVIDER,
        SIGNING_DOMAIN
    }

    MailLimit {
        per = Set.copyOf(per);
        rates = List.copyOf(rates);
        if (name.isEmpty() || name.length() > 100 || !Ascii.isPrintable(name)
                || name.indexOf('/') >= 0) {
            throw new IllegalArgumentException("a limit needs a short name");
        }
        if (rates.isEmpty()) {
            throw new IllegalArgumentException("a limit needs a rate");
        }
    }

    static List<MailLimit> listFrom(ConfigReader root, Providers providers) {
        List<MailLimit> limits = new ArrayList<>();
        root.sections("limits", "limit-defaults").forEach((name, reader) -> {
            String provider = reader.string("provider");
            if (!provider.isEmpty() && providers.named(provider).isEmpty()) {
                reader.problem("provider", "there is no provider named " + provider);
            }
            String tenant = Ascii.lower(reader.string("tenant"));
            String domain = Ascii.lower(reader.string("signing-domain"));
            Set<Per> per = Set.copyOf(reader.choices("per", Per.class));
            List<Rate> rates = Provider.readRates(reader, "rate");
            reader.build(() -> new MailLimit(name, tenant, provider, domain, per, rates))
                    .ifPresent(limits::add);
        });
        return List.copyOf(limits);
    }

    /** Whether mail of one queue may belong to several counts. */
    boolean byDomain() {
        return !domain.isEmpty() || per.contains(Per.SIGNING_DOMAIN);
    }

    /** The name of the count that mail belongs to; empty when the limit is not about it. */
    Optional<String> countOf(String ofTenant, String ofProvider, String ofDomain) {
        if ((!tenant.isEmpty() && !tenant.equals(ofTenant))
                || (!provider.isEmpty() && !provider.equals(ofProvider))
                || (!domain.isEmpty() && !domain.equals(ofDomain))) {
            return Optional.empty();
        }
        StringBuilder count = new StringBuilder("limit ").append(name);
        if (per.contains(Per.TENANT)) {
            count.append(", tenant ").append(ofTenant);
        }
        if (per.contains(Per.PROVIDER)) {
            count.append(", provider ").append(ofProvider);
        }
        if (per.contains(Per.SIGNING_DOMAIN)) {
            count.append(", signing domain ").append(ofDomain);
        }
        return Optional.of(count.toString());
    }
}
