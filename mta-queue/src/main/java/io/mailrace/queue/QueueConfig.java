// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ConfigReader;
import java.util.List;

/**
 * What the operator decided about spool, retries and routes. Immutable.
 *
 * @param routes in order; the first that matches decides
 * @param hostname our name, in DSNs
 */
public record QueueConfig(SpoolConfig spool, RetryConfig retry, List<Route> routes,
        String hostname) {

    public QueueConfig {
        routes = List.copyOf(routes);
    }

    /** Reads {@code spool}, {@code retry} and {@code routes}; problems are noted in the reader. */
    public static QueueConfig from(ConfigReader root, String hostname) {
        return new QueueConfig(SpoolConfig.from(root.section("spool")),
                RetryConfig.from(root.section("retry")), Route.listFrom(root), hostname);
    }
}
