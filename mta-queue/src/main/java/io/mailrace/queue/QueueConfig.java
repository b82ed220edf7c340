// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ConfigReader;
import io.mailrace.core.MailAddress;
import io.mailrace.core.Recipient;
import io.mailrace.core.RoutingHints;
import java.util.List;

/**
 * What the operator decided about spool, retries, routes and notifications. Immutable.
 *
 * @param routes in order; the first that matches decides
 * @param lint what holds for mail that no route matches
 * @param hostname our name, in DSNs
 */
public record QueueConfig(SpoolConfig spool, RetryConfig retry, List<Route> routes,
        LintPolicy lint, DsnConfig dsn, String hostname) {

    public QueueConfig {
        routes = List.copyOf(routes);
    }

    /** The queue mail of that kind goes to: what its route says. */
    public QueueKey queueOf(MailAddress sender, MailAddress recipient, String tenant) {
        return new Router(routes).split(new Router.Mail(sender, tenant, "", RoutingHints.NONE),
                List.of(new Recipient(recipient))).getFirst().queue();
    }

    /**
     * Reads {@code spool}, {@code retry}, {@code routes}, {@code lint} and {@code dsn}; problems
     * are noted in the reader.
     */
    public static QueueConfig from(ConfigReader root, String hostname) {
        LintPolicy lint = LintPolicy.from(root.section("lint"));
        return new QueueConfig(SpoolConfig.from(root.section("spool")),
                RetryConfig.from(root.section("retry")), Route.listFrom(root, lint), lint,
                DsnConfig.from(root.section("dsn")), hostname);
    }
}
