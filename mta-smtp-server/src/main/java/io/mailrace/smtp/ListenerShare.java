// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.netty.channel.Channel;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What one listener may take of what all of them have together: connections, and memory for
 * messages being read. A listener for bulk then cannot take what the one for password resets needs.
 * Any thread.
 */
final class ListenerShare {
    private final ListenerPressure bounds;
    private final int maxConnections;
    private final @Nullable IntakeBudget budget;
    private final AtomicInteger open = new AtomicInteger();

    ListenerShare(ListenerPressure bounds) {
        this.bounds = bounds;
        maxConnections = bounds.maxConnections() == 0
                ? Integer.MAX_VALUE
                : bounds.maxConnections();
        budget = bounds.budget() == 0 ? null : new IntakeBudget(bounds.budget());
    }

    /** Counts a connection in until it is closed; false when there are as many as may be. */
    boolean takes(Channel connection) {
        if (open.incrementAndGet() > maxConnections) {
            open.decrementAndGet();
            return false;
        }
        connection.closeFuture().addListener(closed -> open.decrementAndGet());
        return true;
    }

    /** Connections open now. */
    int open() {
        return open.get();
    }

    /** What it has now, under its name. */
    IntakePressure.Share show(String listener) {
        return new IntakePressure.Share(listener, open(), bounds.maxConnections(),
                budget == null ? 0 : budget.used(), bounds.budget());
    }

    /** The room of one transaction, which must fit here and into what all have. */
    IntakeBudget.Grant room(IntakeBudget ofAll, String owner) {
        return budget == null ? ofAll.open(owner) : ofAll.openWithin(budget, owner);
    }
}
