// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.Lane;
import io.mailrace.queue.QueueKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * An entry of {@code routes} about a provider: which pool its mail leaves by. Applied when mail is
 * due, for only then its hosts are known. Immutable.
 *
 * @param tenant empty: every
 * @param lane empty: every
 * @param domain of the recipients, or {@code *.} and the end of domains; empty: every
 */
record ProviderRoute(String provider, String tenant, Optional<Lane> lane, String domain,
        String pool) {

    /** The routes about providers, in order; problems are noted in the reader. */
    static List<ProviderRoute> listFrom(ConfigReader root, Providers providers,
            Set<String> pools) {
        List<ProviderRoute> routes = new ArrayList<>();
        for (ConfigReader entry : root.sectionList("routes")) {
            boolean byProvider = entry.has("when") && entry.section("when").has("provider");
            if (byProvider) {
                routes.add(from(entry, providers, pools));
            }
        }
        return List.copyOf(routes);
    }

    private static ProviderRoute from(ConfigReader entry, Providers providers,
            Set<String> pools) {
        ConfigReader when = entry.section("when");
        String provider = when.string("provider");
        if (providers.named(provider).isEmpty()) {
            when.problem("provider", "there is no such provider: " + provider);
        }
        String pool = entry.optionalString("pool").orElse("");
        if (!pools.contains(pool)) {
            entry.problem("pool", "a route by provider must name a pool that exists; known are: "
                    + String.join(", ", pools));
        }
        for (String key : List.of("sender-domain", "tag", "header")) {
            if (when.has(key)) {
                when.problem(key, "cannot stand beside provider");
            }
        }
        for (String key : List.of("lane", "via", "redirect")) {
            if (entry.has(key)) {
                entry.problem(key, "a route by provider decides the pool only");
            }
        }
        return new ProviderRoute(provider, when.optionalString("tenant").map(Ascii::lower)
                .orElse(""),
                when.has("lane") ? Optional.of(when.choice("lane", Lane.class))
                        : Optional.empty(),
                when.optionalString("recipient-domain").map(Ascii::lower).orElse(""), pool);
    }

    boolean holds(QueueKey queue, String ofProvider) {
        return provider.equals(ofProvider)
                && (tenant.isEmpty() || tenant.equals(queue.tenant()))
                && (lane.isEmpty() || lane.get() == queue.lane())
                && (domain.isEmpty() || (domain.startsWith("*.")
                        ? queue.destination().endsWith(domain.substring(1))
                        : queue.destination().equals(domain)));
    }
}
