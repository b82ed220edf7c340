// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Ascii;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.Recipient;
import io.mailrace.core.RoutingHints;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Splits a submission into envelopes: the first matching route of the config decides lane, pool and
 * next hop; recipients with the same queue share an envelope of at most {@value #MAX_RECIPIENTS}.
 * Immutable, any thread.
 */
final class Router {
    static final int MAX_RECIPIENTS = 1000;

    /** Recipients that travel together. */
    record Part(QueueKey queue, List<Recipient> recipients) {}

    /**
     * What all recipients of a message have in common.
     *
     * @param tag empty when it has none
     */
    record Mail(MailAddress sender, String tenant, String tag, RoutingHints hints) {
        static Mail of(Submission submission) {
            return of(new Draft(submission.sender(), submission.recipients(),
                    submission.options(), submission.tenant(), submission.facts().tag(),
                    submission.hints()));
        }

        static Mail of(Draft draft) {
            RoutingHints hints = draft.hints();
            Lane lane = hints.lane().orElseGet(() -> Lane.ofPriority(draft.options().priority()));
            return new Mail(draft.sender(), draft.tenant(), draft.tag(),
                    new RoutingHints(Optional.of(lane), hints.pool(), hints.fields()));
        }

        Lane lane() {
            return hints.lane().orElse(Lane.DEFAULT);
        }
    }

    private final List<Route> routes;
    private final Route usual;
    private final Set<String> fields;

    Router(List<Route> routes) {
        this(routes, LintPolicy.OFF);
    }

    /** @param lint what holds for mail that no route matches */
    Router(List<Route> routes, LintPolicy lint) {
        this.routes = routes;
        usual = Route.usual(lint);
        Set<String> names = new TreeSet<>();
        routes.forEach(route -> names.addAll(route.when().fields().keySet()));
        fields = Set.copyOf(names);
    }

    /** Names of the header fields routes look at, in lower case. */
    Set<String> fields() {
        return fields;
    }

    List<Part> split(Mail mail, List<Recipient> recipients) {
        if (recipients.size() == 1) {
            Route route = routeOf(mail, recipients.getFirst());
            Recipient to = route.redirected(recipients.getFirst());
            return List.of(new Part(queueOf(mail, to, route), List.of(to)));
        }
        Map<QueueKey, Map<MailAddress, Recipient>> byQueue = new LinkedHashMap<>();
        for (Recipient recipient : recipients) {
            Route route = routeOf(mail, recipient);
            Recipient to = route.redirected(recipient);
            byQueue.computeIfAbsent(queueOf(mail, to, route), key -> new LinkedHashMap<>())
                    .putIfAbsent(to.address(), to);
        }
        List<Part> parts = new ArrayList<>(byQueue.size());
        byQueue.forEach((queue, people) -> {
            List<Recipient> all = List.copyOf(people.values());
            for (int from = 0; from < all.size(); from += MAX_RECIPIENTS) {
                parts.add(new Part(queue,
                        all.subList(from, Math.min(all.size(), from + MAX_RECIPIENTS))));
            }
        });
        return parts;
    }

    /** What the routes of these recipients ask of the message itself. */
    RouteTerms terms(Mail mail, List<Recipient> recipients) {
        RouteTerms all = termsOf(mail, recipients.getFirst());
        for (int i = 1; i < recipients.size() && !routes.isEmpty(); i++) {
            RouteTerms one = termsOf(mail, recipients.get(i));
            all = all.equals(one) ? all : all.and(one);
        }
        return all;
    }

    private RouteTerms termsOf(Mail mail, Recipient recipient) {
        Route route = routeOf(mail, recipient);
        return new RouteTerms(route.lane().orElse(mail.lane()) == Lane.BULK, route.lint(),
                route.headers(), false);
    }

    private Route routeOf(Mail mail, Recipient recipient) {
        for (Route candidate : routes) {
            if (candidate.when().holds(mail, recipient.address().domain())) {
                return candidate;
            }
        }
        return usual;
    }

    private static QueueKey queueOf(Mail mail, Recipient recipient, Route route) {
        return new QueueKey(route.lane().orElse(mail.lane()), mail.tenant(),
                route.via().isEmpty() ? recipient.address().domain() : route.via(),
                route.pool().or(mail.hints()::pool).orElse(Route.DEFAULT_POOL));
    }

    /** Whether a value is what a pattern says: {@code *} stands for any text, case is ignored. */
    static boolean matches(String pattern, String value) {
        String text = Ascii.lower(value);
        String[] pieces = pattern.split("\\*", -1);
        if (pieces.length == 1) {
            return text.equals(pattern);
        }
        int at = pieces[0].length();
        String last = pieces[pieces.length - 1];
        if (!text.startsWith(pieces[0]) || text.length() < at + last.length()
                || !text.endsWith(last)) {
            return false;
        }
        int end = text.length() - last.length();
        for (int i = 1; i < pieces.length - 1; i++) {
            int found = text.indexOf(pieces[i], at);
            if (found < 0 || found + pieces[i].length() > end) {
                return false;
            }
            at = found + pieces[i].length();
        }
        return true;
    }
}
