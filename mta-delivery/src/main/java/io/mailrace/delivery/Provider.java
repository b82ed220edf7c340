// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.Rate;
import io.mailrace.core.SmtpReply;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Receivers with common behaviour, known by the names of their MX hosts: what they can take, and
 * what their replies mean. An entry of section {@code providers}. Immutable.
 *
 * @param matchMx host names, or {@code *.} and the end of names; none for {@code default}
 */
record Provider(String name, List<String> matchMx, Limits limits, List<ReplyRule> rules) {
    /** The receivers no other provider covers; its limits hold for each site by itself. */
    static final String DEFAULT = "default";

    /**
     * What one source may do at all hosts of a provider together (of {@code default}: of one site).
     *
     * @param connections open at once
     * @param messagesPerConnection sent over one connection
     * @param recipientsPerTransaction in one transaction
     * @param rates of messages begun; all must hold
     * @param connectionRates of connections opened; all must hold
     * @param tls empty: as section {@code delivery} says
     * @param adaptive whether the rate follows the share of 4xx replies
     * @param adaptivePause how long nothing is sent after the first push-back
     */
    record Limits(int connections, int messagesPerConnection, int recipientsPerTransaction,
            List<Rate> rates, List<Rate> connectionRates, Optional<TlsPolicy> tls,
            boolean adaptive, Duration adaptivePause) {
        Limits {
            rates = List.copyOf(rates);
            connectionRates = List.copyOf(connectionRates);
        }

        static Limits from(ConfigReader reader) {
            return new Limits(reader.integer("connections", 1, 10_000),
                    reader.integer("messages-per-connection", 1, 1_000_000),
                    reader.integer("recipients-per-transaction", 1, 1000),
                    readRates(reader, "rate"), readRates(reader, "connection-rate"),
                    reader.has("tls") ? Optional.of(reader.choice("tls", TlsPolicy.class))
                            : Optional.empty(),
                    reader.flag("adaptive"),
                    reader.duration("adaptive-pause", Duration.ofSeconds(1),
                            Duration.ofHours(1)));
        }
    }

    Provider {
        matchMx = List.copyOf(matchMx);
        rules = List.copyOf(rules);
        Set<String> names = new HashSet<>();
        for (ReplyRule rule : rules) {
            if (!names.add(rule.name())) {
                throw new IllegalArgumentException("two rules are called " + rule.name());
            }
        }
    }

    static Optional<Provider> from(String name, ConfigReader reader) {
        List<String> patterns = new ArrayList<>();
        for (String text : reader.texts("match-mx")) {
            if (isPattern(text)) {
                patterns.add(Ascii.lower(text));
            } else {
                reader.problem("match-mx", "must be a host name, or such as *.example.com, "
                        + "without a dot at the end; not \"" + text + "\"");
            }
        }
        if (patterns.isEmpty() != name.equals(DEFAULT)) {
            reader.problem("match-mx", name.equals(DEFAULT)
                    ? "has no meaning: default holds for every other receiver"
                    : "must name the provider's MX hosts, such as [\"*.example.com\"]");
        }
        Limits limits = Limits.from(reader);
        List<ReplyRule> rules = new ArrayList<>();
        reader.sectionList("rules").forEach(one -> ReplyRule.from(one).ifPresent(rules::add));
        return reader.build(() -> new Provider(name, patterns, limits, rules));
    }

    /** A rate or several, all of which must hold. */
    static List<Rate> readRates(ConfigReader reader, String key) {
        List<Rate> rates = new ArrayList<>();
        for (String text : reader.texts(key)) {
            Optional<Rate> rate = Rate.parse(text);
            if (rate.isEmpty()) {
                reader.problem(key, "must be a rate such as 10/s, 500/min, 5000/h or 20000/day, "
                        + "not \"" + text + "\"");
            }
            rate.ifPresent(rates::add);
        }
        return rates;
    }

    private static boolean isPattern(String text) {
        String host = text.startsWith("*.") ? text.substring(2) : text;
        return !host.isEmpty() && host.length() <= 253 && !host.startsWith(".")
                && !host.endsWith(".") && !host.contains("..")
                && host.chars().allMatch(c -> (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                        || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_');
    }

    /** Whether that MX host, in lower case without a dot at the end, is one of the provider's. */
    boolean has(String host) {
        for (String pattern : matchMx) {
            boolean fits = pattern.startsWith("*.")
                    ? host.length() > pattern.length() - 1 && host.endsWith(pattern.substring(1))
                    : host.equals(pattern);
            if (fits) {
                return true;
            }
        }
        return false;
    }

    /** The first rule about a reply. */
    Optional<ReplyRule> rule(Stage stage, SmtpReply reply, String text) {
        for (ReplyRule rule : rules) {
            if (rule.covers(stage, reply, text)) {
                return Optional.of(rule);
            }
        }
        return Optional.empty();
    }
}
