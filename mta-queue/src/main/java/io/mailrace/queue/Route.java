// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import java.net.Inet6Address;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * One entry of {@code routes}: what mail takes it, and where it leads. Immutable.
 *
 * @param via smart host as {@code smtp://host:port}, empty for the MX hosts of the domain
 */
public record Route(When when, Lane lane, String pool, String via) {
    static final String DEFAULT_POOL = "default";
    /** What mail takes that no route matches. */
    static final Route NONE = new Route(new When("", "", ""), Lane.DEFAULT, DEFAULT_POOL, "");

    /** Conditions, all of which must hold; an empty one always does. */
    public record When(String tenant, String senderDomain, String recipientDomain) {

        boolean holds(String ofTenant, MailAddress sender, String domain) {
            return (tenant.isEmpty() || tenant.equals(ofTenant))
                    && covers(senderDomain, sender.domain()) && covers(recipientDomain, domain);
        }

        private static boolean covers(String pattern, String domain) {
            if (pattern.isEmpty()) {
                return true;
            }
            return pattern.startsWith("*.")
                    ? domain.length() >= pattern.length() && domain.endsWith(pattern.substring(1))
                    : pattern.equals(domain);
        }

        static When from(ConfigReader reader) {
            return new When(reader.optionalString("tenant").map(Ascii::lower).orElse(""),
                    domain(reader, "sender-domain"), domain(reader, "recipient-domain"));
        }

        private static String domain(ConfigReader reader, String key) {
            return reader.has(key)
                    ? reader.parsed(key, "a domain or *.domain", "", When::domainPattern)
                    : "";
        }

        /** The domain in the form {@link MailAddress} gives it, so that both compare. */
        private static Optional<String> domainPattern(String text) {
            String prefix = text.startsWith("*.") ? "*." : "";
            return MailAddress.parse("x@" + text.substring(prefix.length()))
                    .map(address -> prefix + address.domain());
        }
    }

    public Route {
        if (pool.isEmpty() || pool.length() > 100 || !Ascii.isPrintable(pool)
                || pool.indexOf('/') >= 0) {
            throw new IllegalArgumentException("pool must be a name, not \"" + pool + "\"");
        }
    }

    static List<Route> listFrom(ConfigReader root) {
        List<Route> routes = new ArrayList<>();
        for (ConfigReader entry : root.sectionList("routes")) {
            When when = entry.has("when") ? When.from(entry.section("when")) : NONE.when();
            Lane lane = entry.has("lane") ? entry.choice("lane", Lane.class) : Lane.DEFAULT;
            String pool = entry.has("pool") ? entry.string("pool") : DEFAULT_POOL;
            String via = entry.has("via")
                    ? entry.parsed("via", "smtp://host:port", "", Route::smartHost)
                    : "";
            entry.build(() -> new Route(when, lane, pool, via)).ifPresent(routes::add);
        }
        return List.copyOf(routes);
    }

    /** {@code smtp://host[:port]} in its one form, with the port always there. */
    static Optional<String> smartHost(String text) {
        if (!Ascii.startsWithIgnoreCase(text, "smtp://")) {
            return Optional.empty();
        }
        String rest = Ascii.lower(text.substring("smtp://".length()));
        int colon = rest.endsWith("]") ? -1 : rest.lastIndexOf(':');
        String host = colon < 0 ? rest : rest.substring(0, colon);
        String port = colon < 0 ? "25" : rest.substring(colon + 1);
        if (!isHost(host) || port.isEmpty() || port.length() > 5
                || !port.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.empty();
        }
        int number = Integer.parseInt(port);
        return number < 1 || number > 65_535
                ? Optional.empty()
                : Optional.of("smtp://" + host + ":" + number);
    }

    private static boolean isHost(String host) {
        if (host.startsWith("[")) {
            return host.endsWith("]") && Cidr.parseAddress(host.substring(1, host.length() - 1))
                    .filter(address -> address instanceof Inet6Address).isPresent();
        }
        return MailAddress.parse("x@" + host).isPresent()
                || (host.indexOf(':') < 0 && Cidr.parseAddress(host).isPresent());
    }
}
