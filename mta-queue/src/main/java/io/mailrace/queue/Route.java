// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.Recipient;
import java.net.Inet6Address;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One entry of {@code routes}: what mail takes it, and where it leads. Immutable.
 *
 * @param lane empty: the one the application asks for
 * @param via smart host as {@code smtp://host:port} (or smtps, lmtp), or {@code blackhole://};
 *        empty for the MX hosts of the domain
 * @param pool empty: the one the application asks for
 * @param redirect who gets the mail instead of its recipients
 * @param lint what is done about mail that breaks rules for senders
 * @param headers what is changed in its header
 */
public record Route(When when, Optional<Lane> lane, Optional<String> pool, String via,
        Optional<MailAddress> redirect, LintPolicy lint, HeaderEdits headers) {
    static final String DEFAULT_POOL = "default";
    private static final String BLACKHOLE = "blackhole://";
    /** Says nothing at all. */
    static final Route NONE = usual(LintPolicy.OFF);

    /**
     * Conditions, all of which must hold; an empty one always does.
     *
     * @param lane the application asks for
     * @param fields patterns by name of a header field, both in lower case
     */
    public record When(String tenant, Optional<Lane> lane, String tag, String senderDomain,
            String recipientDomain, Map<String, String> fields) {
        private static final int MAX_FIELDS = 8;
        private static final int MAX_NAME = 76;
        static final When ANY = new When("", Optional.empty(), "", "", "", Map.of());

        public When {
            fields = Map.copyOf(fields);
            if (fields.size() > MAX_FIELDS) {
                throw new IllegalArgumentException("a route looks at no more than " + MAX_FIELDS
                        + " header fields");
            }
        }

        boolean holds(Router.Mail mail, String domain) {
            return (tenant.isEmpty() || tenant.equals(mail.tenant()))
                    && (lane.isEmpty() || lane.get() == mail.lane())
                    && (tag.isEmpty() || Router.matches(tag, mail.tag()))
                    && covers(senderDomain, mail.sender().domain())
                    && covers(recipientDomain, domain) && fieldsHold(mail);
        }

        private boolean fieldsHold(Router.Mail mail) {
            for (Map.Entry<String, String> one : fields.entrySet()) {
                String value = mail.hints().fields().get(one.getKey());
                if (value == null || !Router.matches(one.getValue(), value)) {
                    return false;
                }
            }
            return true;
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
            Map<String, String> fields = new LinkedHashMap<>();
            if (reader.has("header")) {
                ConfigReader header = reader.section("header");
                for (String name : header.keys()) {
                    String pattern = header.string(name);
                    if (name.length() > MAX_NAME || !name.chars().allMatch(
                            c -> c > 32 && c < 127 && c != ':')) {
                        header.problem(name, "is not the name of a header field");
                    }
                    fields.put(Ascii.lower(name), Ascii.lower(pattern));
                }
            }
            String tenant = lower(reader, "tenant");
            Optional<Lane> lane = reader.has("lane")
                    ? Optional.of(reader.choice("lane", Lane.class))
                    : Optional.empty();
            String tag = lower(reader, "tag");
            String sender = domain(reader, "sender-domain");
            String recipient = domain(reader, "recipient-domain");
            return reader.build(() -> new When(tenant, lane, tag, sender, recipient, fields))
                    .orElse(ANY);
        }

        private static String lower(ConfigReader reader, String key) {
            return reader.optionalString(key).map(Ascii::lower).orElse("");
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
        if (pool.isPresent() && !isPool(pool.get())) {
            throw new IllegalArgumentException("pool must be a name, not \"" + pool.get() + "\"");
        }
    }

    private static boolean isPool(String name) {
        return !name.isEmpty() && name.length() <= 100 && Ascii.isPrintable(name)
                && name.indexOf('/') < 0;
    }

    /** What mail takes that no route matches. */
    static Route usual(LintPolicy lint) {
        return new Route(When.ANY, Optional.empty(), Optional.empty(), "", Optional.empty(), lint,
                HeaderEdits.NONE);
    }

    /** Routes by provider are not among them: where mail goes is known only when it is due. */
    static List<Route> listFrom(ConfigReader root, LintPolicy usual) {
        List<Route> routes = new ArrayList<>();
        for (ConfigReader entry : root.sectionList("routes")) {
            boolean byProvider = entry.has("when") && entry.section("when").has("provider");
            if (!byProvider) {
                from(entry, usual).ifPresent(routes::add);
            }
        }
        return List.copyOf(routes);
    }

    private static Optional<Route> from(ConfigReader entry, LintPolicy usual) {
        When when = entry.has("when") ? When.from(entry.section("when")) : When.ANY;
        Optional<Lane> lane = entry.has("lane") ? Optional.of(entry.choice("lane", Lane.class))
                : Optional.empty();
        Optional<String> pool = entry.optionalString("pool");
        String via = entry.has("via")
                ? entry.parsed("via", "smtp://host:port, smtps://host:port, lmtp://host:port or "
                        + "blackhole://", "", Route::nextHop)
                : "";
        MailAddress redirect = entry.has("redirect")
                ? entry.parsed("redirect", "a mail address", MailAddress.NULL, MailAddress::parse)
                : MailAddress.NULL;
        LintPolicy lint = entry.has("lint")
                ? LintPolicy.from(entry.section("lint"), usual)
                : usual;
        HeaderEdits headers = entry.has("headers")
                ? HeaderEdits.from(entry.section("headers"))
                : HeaderEdits.NONE;
        return entry.build(() -> new Route(when, lane, pool, via,
                Optional.of(redirect).filter(address -> !address.isNull()), lint, headers));
    }

    /** The recipient, or who gets the mail instead; the DSN tells about the first (RFC 3461). */
    Recipient redirected(Recipient recipient) {
        if (redirect.isEmpty()) {
            return recipient;
        }
        String original = recipient.orcpt().isEmpty() && Ascii.isAscii(recipient.address()
                .toString()) ? "rfc822;" + Xtext.encode(recipient.address().toString())
                        : recipient.orcpt();
        return new Recipient(redirect.get(), recipient.notifyFlags(), original);
    }

    /** A next hop in its one form, with the port always there; empty when it is none. */
    static Optional<String> nextHop(String text) {
        if (Ascii.equalsIgnoreCase(text, BLACKHOLE)) {
            return Optional.of(BLACKHOLE);
        }
        return host(text, "smtp://", "25").or(() -> host(text, "smtps://", "465"))
                .or(() -> host(text, "lmtp://", "24"));
    }

    /** {@code smtp://host[:port]} in its one form, with the port always there. */
    private static Optional<String> host(String text, String prefix, String usualPort) {
        if (!Ascii.startsWithIgnoreCase(text, prefix)) {
            return Optional.empty();
        }
        String rest = Ascii.lower(text.substring(prefix.length()));
        int colon = rest.endsWith("]") ? -1 : rest.lastIndexOf(':');
        String host = colon < 0 ? rest : rest.substring(0, colon);
        String port = colon < 0 ? usualPort : rest.substring(colon + 1);
        if (!isHost(host) || port.isEmpty() || port.length() > 5
                || !port.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.empty();
        }
        int number = Integer.parseInt(port);
        return number < 1 || number > 65_535
                ? Optional.empty()
                : Optional.of(prefix + host + ":" + number);
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
