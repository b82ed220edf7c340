// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Brings a dispatcher mail from its queues: taken in fair order, in small batches, signed before it
 * is ready. Confined to the dispatcher's event loop. Remembers each queue that waits for its turn
 * or has mail at hand; each envelope taken ends in {@link #gave} or {@link #putBack}.
 */
final class MailFeed {
    private static final int BATCH = 8;
    /** A destination is looked up at most that often for a queue that always has mail. */
    private static final long MIN_VALID_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long STARVED_MILLIS = 1000;
    private static final long TROUBLE_MILLIS = TimeUnit.MINUTES.toMillis(1);

    private final DeliveryParts parts;
    private final Dispatcher dispatcher;
    private final Map<QueueKey, QueueVisit> visits = new HashMap<>();
    private boolean wishesSigning;
    private boolean starved;

    MailFeed(DeliveryParts parts, Dispatcher dispatcher) {
        this.parts = parts;
        this.dispatcher = dispatcher;
    }

    /** A queue has due mail. */
    void join(PoolShare pool, MailQueue queue, Hosts hosts) {
        QueueVisit visit = visits.computeIfAbsent(queue.key(), key -> new QueueVisit(queue));
        visit.validUntil(Math.max(hosts.validUntilNanos(),
                parts.time().nanos() + MIN_VALID_NANOS));
        if (!visit.waiting()) {
            visit.waiting(true);
            pool.queues().add(visit);
        }
    }

    /** No queue has to do with the dispatcher. */
    boolean isEmpty() {
        return visits.isEmpty();
    }

    boolean waitsForSigning() {
        return wishesSigning;
    }

    /** Whether the dispatcher must try again when an outcome is written. */
    boolean starved() {
        return starved;
    }

    /** Takes mail until {@code target} is at hand, as far as there is any. */
    void fill(PoolShare pool, int target) {
        int want = target - pool.ready().size() - pool.signing();
        while (want > 0 && !pool.queues().isEmpty()) {
            if (!parts.settlements().room()) {
                starve();
                return;
            }
            QueueVisit visit = pool.queues().next();
            if (visit.validUntilNanos() - parts.time().nanos() <= 0) {
                leaves(pool, visit);
                parts.reroute().accept(visit.queue());
                continue;
            }
            int granted = reserve(Math.min(want, BATCH));
            if (granted == 0) {
                return;
            }
            List<Envelope> taken = visit.queue().take(granted);
            parts.signing().release(granted - taken.size());
            visit.took(taken.size());
            if (taken.size() < granted) {
                leaves(pool, visit);
            }
            want -= taken.size();
            prepare(pool, visit.queue(), taken);
        }
    }

    /** Looks again by itself: the outcomes in the way may all be those of other sites. */
    private void starve() {
        if (!starved) {
            starved = true;
            dispatcher.loop().schedule(() -> {
                starved = false;
                dispatcher.pumpSoon();
            }, STARVED_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    private int reserve(int wanted) {
        int granted = parts.signing().reserve(wanted);
        if (granted == 0 && !wishesSigning) {
            wishesSigning = true;
            parts.signing().wish(() -> dispatcher.loop().execute(() -> {
                wishesSigning = false;
                dispatcher.pumpSoon();
            }));
            granted = parts.signing().reserve(wanted);
        }
        return granted;
    }

    private void leaves(PoolShare pool, QueueVisit visit) {
        pool.queues().dropLast();
        visit.waiting(false);
        if (visit.over()) {
            forget(visit);
        }
    }

    private void prepare(PoolShare pool, MailQueue queue, List<Envelope> taken) {
        List<Attempt> unsigned = new ArrayList<>(taken.size());
        for (Envelope envelope : taken) {
            try {
                prepare(pool, queue, envelope, unsigned);
            } catch (RuntimeException bug) {
                parts.unforeseen("preparing " + envelope.id(), bug);
                gave(queue);
                queue.putBack(envelope);
                parts.park(queue, TROUBLE_MILLIS, "internal error");
            }
        }
        parts.signing().release(taken.size() - unsigned.size());
        if (!unsigned.isEmpty()) {
            pool.signing(unsigned.size());
            parts.signing().sign(unsigned, dispatcher.loop(), () -> signed(pool, unsigned));
        }
    }

    private void prepare(PoolShare pool, MailQueue queue, Envelope envelope,
            List<Attempt> unsigned) {
        if (parts.settlements().settleRemembered(queue, envelope, dispatcher.loop(), () -> {})) {
            gave(queue);
            return;
        }
        Attempt attempt = new Attempt(envelope, queue, parts.spool().content(envelope));
        if (parts.signing().mustSign(attempt)) {
            unsigned.add(attempt);
        } else {
            pool.ready().addLast(attempt);
        }
    }

    private void signed(PoolShare pool, List<Attempt> batch) {
        pool.signing(-batch.size());
        for (Attempt attempt : batch) {
            SmtpReply trouble = attempt.whyUnsigned().orElse(null);
            if (dispatcher.resting()) {
                putBack(attempt);
            } else if (trouble != null) {
                dispatcher.defer(attempt, trouble);
            } else {
                pool.ready().addLast(attempt);
            }
        }
        dispatcher.pumpSoon();
    }

    /** Puts back what waits for a connection and parks the queues it came from, and the others. */
    void park(PoolShare pool, long millis, String why) {
        Set<MailQueue> queues = new LinkedHashSet<>();
        for (Attempt one = pool.ready().pollFirst(); one != null; one = pool.ready()
                .pollFirst()) {
            queues.add(one.queue());
            putBack(one);
        }
        for (QueueVisit visit : pool.queues().clear()) {
            queues.add(visit.queue());
            visit.waiting(false);
            if (visit.over()) {
                forget(visit);
            }
        }
        queues.forEach(queue -> parts.park(queue, millis, why));
    }

    /** Puts back what waits for a connection and forgets the queues: the service stops. */
    void stop(PoolShare pool) {
        for (Attempt one = pool.ready().pollFirst(); one != null; one = pool.ready()
                .pollFirst()) {
            putBack(one);
        }
        pool.queues().clear();
    }

    void putBack(Attempt attempt) {
        gave(attempt.queue());
        attempt.queue().putBack(attempt.envelope());
    }

    /** One envelope of the queue is not at hand any more. */
    void gave(MailQueue queue) {
        QueueVisit visit = visits.get(queue.key());
        if (visit != null) {
            visit.gave();
            if (visit.over()) {
                forget(visit);
            }
        }
    }

    private void forget(QueueVisit visit) {
        visits.remove(visit.queue().key());
        parts.left().accept(visit.queue().key(), dispatcher);
    }
}
