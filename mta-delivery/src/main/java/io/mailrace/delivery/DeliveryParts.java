// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.Spool;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What all dispatchers share. Each part may be used by any thread.
 *
 * @param sources by name
 * @param reroute looks a queue's destination up again
 * @param left is told when a dispatcher has nothing to do with a queue any more
 */
record DeliveryParts(DeliveryConfig config, Spool spool, TimeSource time, DeliveryMeters meters,
        SigningPool signing, ConnectionBudget budget, Settlements settlements, DeliveryTls tls,
        Map<String, EgressSource> sources, Consumer<MailQueue> reroute,
        BiConsumer<QueueKey, Dispatcher> left) {
    private static final Logger LOG = LoggerFactory.getLogger(Delivery.class);

    DeliveryParts {
        sources = Map.copyOf(sources);
    }

    /** An error nobody foresaw: logged with its stack and counted; the mail is deferred. */
    void unforeseen(String where, Throwable error) {
        meters.error();
        LOG.error("unforeseen error where=\"{}\"", where, error);
    }

    /**
     * Parks a queue and makes sure that it reports itself when the time is over: it does so only
     * after a take gave less than asked.
     */
    void park(MailQueue queue, long millis, String why) {
        queue.park(time.epochMillis() + millis, why);
        queue.take(1).forEach(queue::putBack);
    }
}
