// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.MailAddress;
import io.mailrace.core.Recipient;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Splits a submission into envelopes: the first matching route of the config decides lane, pool and
 * next hop; recipients with the same queue share an envelope of at most {@value #MAX_RECIPIENTS}.
 * Immutable, any thread.
 */
final class Router {
    static final int MAX_RECIPIENTS = 1000;

    /** Recipients that travel together. */
    record Part(QueueKey queue, List<Recipient> recipients) {}

    private final List<Route> routes;

    Router(List<Route> routes) {
        this.routes = routes;
    }

    List<Part> split(MailAddress sender, List<Recipient> recipients, String tenant) {
        if (recipients.size() == 1) {
            return List.of(new Part(queueOf(sender, recipients.getFirst(), tenant), recipients));
        }
        Map<QueueKey, List<Recipient>> byQueue = new LinkedHashMap<>();
        for (Recipient recipient : recipients) {
            byQueue.computeIfAbsent(queueOf(sender, recipient, tenant), key -> new ArrayList<>())
                    .add(recipient);
        }
        List<Part> parts = new ArrayList<>(byQueue.size());
        byQueue.forEach((queue, all) -> {
            for (int from = 0; from < all.size(); from += MAX_RECIPIENTS) {
                parts.add(new Part(queue,
                        all.subList(from, Math.min(all.size(), from + MAX_RECIPIENTS))));
            }
        });
        return parts;
    }

    private QueueKey queueOf(MailAddress sender, Recipient recipient, String tenant) {
        String domain = recipient.address().domain();
        Route route = Route.NONE;
        for (Route candidate : routes) {
            if (candidate.when().holds(tenant, sender, domain)) {
                route = candidate;
                break;
            }
        }
        return new QueueKey(route.lane(), tenant, route.via().isEmpty() ? domain : route.via(),
                route.pool());
    }
}
