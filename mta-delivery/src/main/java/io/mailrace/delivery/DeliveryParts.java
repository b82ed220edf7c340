// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import io.mailrace.queue.QueueStatus;
import io.mailrace.queue.Spool;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What all dispatchers share. Each part may be used by any thread.
 *
 * @param reroute looks a queue's destination up again
 * @param left is told when a dispatcher has nothing to do with a queue any more
 */
record DeliveryParts(DeliveryConfig config, Spool spool, TimeSource time, DeliveryMeters meters,
        SigningPool signing, ConnectionBudget budget, Settlements settlements, DeliveryTls tls,
        Egress egress, Shaping shaping, Warmup warmup, TlsReports tlsReports,
        Consumer<MailQueue> reroute,
        BiConsumer<QueueKey, Dispatcher> left) {
    private static final Logger LOG = LoggerFactory.getLogger(Delivery.class);

    /** An error nobody foresaw: logged with its stack and counted; the mail is deferred. */
    void unforeseen(String where, Throwable error) {
        meters.error();
        LOG.error("unforeseen error where=\"{}\"", where, error);
    }

    /** Parks a queue, which comes back when the time is over. */
    void park(MailQueue queue, long millis, String why) {
        if (!parkedAndArmed(queue, time.epochMillis() + millis, why)) {
            reroute.accept(queue);
        }
    }

    /** Parks mail no server has seen yet; its queue says so when there is other mail. */
    void parkUntried(MailQueue queue, long millis, String why) {
        queue.parkUntried(time.epochMillis() + millis, why);
        if (!armed(queue)) {
            reroute.accept(queue);
        }
    }

    /** Queues parked for such a reason go on; looks through all of them. Any thread. */
    static void unpark(Spool spool, Predicate<String> why) {
        for (QueueStatus status : spool.queues().statuses()) {
            if (status.parkedUntilEpochMillis() > 0 && why.test(status.parkedWhy())) {
                spool.queues().find(status.key()).ifPresent(queue -> queue.park(0, ""));
            }
        }
    }

    /**
     * Parks a queue and makes it report itself when the time is over, which it does only after a
     * take gave less than asked. False when the time was over before that: then the queue is due
     * and will not say so again, and the caller must see to it now.
     */
    static boolean parkedAndArmed(MailQueue queue, long untilEpochMillis, String why) {
        queue.park(untilEpochMillis, why);
        return armed(queue);
    }

    /** Makes a queue report itself; false when it has mail now, which it will not say again. */
    private static boolean armed(MailQueue queue) {
        List<Envelope> early = queue.take(1);
        early.forEach(queue::putBack);
        return early.isEmpty();
    }
}
