// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Lane;

/**
 * Identity of a queue.
 *
 * @param destination a domain in lower-case ASCII, an address literal in brackets, or a
 *        configured next hop as {@code smtp://host:port}, {@code smtps:}, {@code lmtp:}, or
 *        {@code blackhole://}
 * @param pool name of the egress pool
 */
public record QueueKey(Lane lane, String tenant, String destination, String pool) {
    private static final String SCHEME = "://";

    /** Whether the mail goes to a configured next hop instead of the domain's MX hosts. */
    public boolean toSmartHost() {
        return destination.contains(SCHEME);
    }

    /** {@code lane/tenant/destination/pool}: how people and logs name the queue. */
    @Override
    public String toString() {
        return lane.word() + "/" + tenant + "/" + destination + "/" + pool;
    }
}
