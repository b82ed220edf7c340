// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueKey;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Brings a dispatcher mail from its queues: taken in fair order, in small batches, signed before it
 * is ready. Confined to the dispatcher's event loop. Remembers each queue that waits for its turn
 * or has mail at hand, and the names of those it parked until they come back; each envelope taken
 * ends in {@link #gave} or {@link #putBack}.
 */
final class MailFeed {
    private static final Lane[] LANES = Lane.values();
    /** A destination is looked up at most that often for a queue that always has mail. */
    private static final long MIN_VALID_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long STARVED_MILLIS = 1000;
    private static final long TROUBLE_MILLIS = TimeUnit.MINUTES.toMillis(1);

    private final DeliveryParts parts;
    private final Dispatcher dispatcher;
    private final Map<QueueKey, QueueVisit> visits = new HashMap<>();
    private final Set<Lane> wishesSigning = EnumSet.noneOf(Lane.class);
    private final Set<QueueKey> parked = new HashSet<>();
    private boolean starved;

    MailFeed(DeliveryParts parts, Dispatcher dispatcher) {
        this.parts = parts;
        this.dispatcher = dispatcher;
    }

    /** A queue has due mail. */
    void join(PoolShare pool, MailQueue queue, Hosts hosts) {
        QueueVisit visit = visits.computeIfAbsent(queue.key(), key -> new QueueVisit(queue));
        visit.found(hosts.secure(), Math.max(hosts.validUntilNanos(),
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
        return !wishesSigning.isEmpty();
    }

    /** Whether the dispatcher must try again when an outcome is written. */
    boolean starved() {
        return starved;
    }

    /**
     * Takes mail until {@code target} of each lane is at hand, as far as there is any: what is at
     * hand of one lane never keeps another from its turn.
     */
    void fill(PoolShare pool, int target) {
        for (Lane lane : LANES) {
            int want = target - pool.atHand(lane);
            while (want > 0 && pool.queues().has(lane)) {
                if (!parts.settlements().room()) {
                    starve();
                    return;
                }
                QueueVisit visit = pool.queues().next(lane);
                if (visit.validUntilNanos() - parts.time().nanos() <= 0) {
                    leaves(pool, visit);
                    parts.reroute().accept(visit.queue());
                    continue;
                }
                SourceGate.Wait wait = dispatcher.paths().queueWait(visit.queue().key());
                if (wait != null) {
                    hold(pool, visit, wait);
                    continue;
                }
                int granted = reserve(lane, Math.min(want, pool.queues().credit()));
                if (granted == 0) {
                    break;
                }
                want -= take(pool, visit, granted);
            }
        }
    }

    /** The queue may not send now: for long it is parked, for a moment it steps aside. */
    private void hold(PoolShare pool, QueueVisit visit, SourceGate.Wait wait) {
        if (wait.nanos() >= Dispatcher.PARKING_NANOS) {
            leaves(pool, visit);
            park(visit.queue(), millis(wait), wait.why());
            return;
        }
        pool.queues().dropLast();
        visit.waiting(false);
        visit.resting(true);
        dispatcher.loop().schedule(() -> {
            visit.resting(false);
            if (dispatcher.stopping()) {
                if (visit.over()) {
                    forget(visit);
                }
            } else if (!visit.waiting()) {
                visit.waiting(true);
                pool.queues().add(visit);
                dispatcher.pumpSoon();
            }
        }, wait.nanos(), TimeUnit.NANOSECONDS);
    }

    private static long millis(SourceGate.Wait wait) {
        return Math.max(1, TimeUnit.NANOSECONDS.toMillis(wait.nanos()));
    }

    /** Takes up to that many from a queue; how many stay at hand. */
    private int take(PoolShare pool, QueueVisit visit, int granted) {
        List<Limit> limits = dispatcher.paths().queueLimits(visit.queue().key());
        long now = parts.time().nanos();
        int allowed = permits(limits, granted, now);
        List<Envelope> taken = new ArrayList<>(visit.queue().take(allowed));
        boolean empty = taken.size() < allowed;
        int within = 0;
        boolean turn = true;
        while (turn && within < taken.size()) {
            turn = pool.queues().pay(taken.get(within++).facts().sizeBytes());
        }
        visit.took(within);
        if (within > 0 && !parked.isEmpty()) {
            // Only now: a queue may also come because it was due before it was parked.
            parked.remove(visit.queue().key());
        }
        if (empty && within == taken.size()) {
            leaves(pool, visit);
        }
        // Large ones ended the turn early.
        List<Envelope> beyond = taken.subList(within, taken.size());
        beyond.forEach(visit.queue()::putBack);
        beyond.clear();
        for (int unused = within; unused < allowed; unused++) {
            giveBack(limits, now);
        }
        parts.signing().release(visit.queue().key().lane(), granted - within);
        prepare(pool, visit, taken, limits, now);
        return within;
    }

    /** How many of so many the limits allow; each is taken. */
    private static int permits(List<Limit> limits, int wanted, long nowNanos) {
        if (limits.isEmpty()) {
            return wanted;
        }
        int allowed = 0;
        while (allowed < wanted && SourceGate.takeAll(limits, nowNanos) == null) {
            allowed++;
        }
        return allowed;
    }

    private static void giveBack(List<Limit> limits, long takenNanos) {
        limits.forEach(limit -> limit.giveBack(takenNanos));
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

    private int reserve(Lane lane, int wanted) {
        int granted = parts.signing().reserve(lane, wanted);
        if (granted == 0 && wishesSigning.add(lane)) {
            parts.signing().wish(lane, () -> dispatcher.loop().execute(() -> {
                wishesSigning.remove(lane);
                dispatcher.pumpSoon();
            }));
            granted = parts.signing().reserve(lane, wanted);
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

    /** @param limits each took one of them at that time */
    private void prepare(PoolShare pool, QueueVisit visit, List<Envelope> taken,
            List<Limit> limits, long takenNanos) {
        MailQueue queue = visit.queue();
        Lane lane = queue.key().lane();
        List<Attempt> unsigned = new ArrayList<>(taken.size());
        for (Envelope envelope : taken) {
            Attempt attempt = new Attempt(envelope, queue, parts.spool().content(envelope));
            attempt.hostsSecure(visit.secure());
            attempt.permits(limits, takenNanos);
            try {
                prepare(pool, attempt, unsigned);
            } catch (RuntimeException bug) {
                parts.unforeseen("preparing " + envelope.id(), bug);
                putBack(attempt);
                parts.park(queue, TROUBLE_MILLIS, "internal error");
            }
        }
        parts.signing().release(lane, taken.size() - unsigned.size());
        if (!unsigned.isEmpty()) {
            pool.signing(lane, unsigned.size());
            parts.signing().sign(lane, unsigned, dispatcher.loop(),
                    signed -> signed(pool, lane, signed));
        }
    }

    private void prepare(PoolShare pool, Attempt attempt, List<Attempt> unsigned) {
        if (parts.settlements().settleRemembered(attempt.queue(), attempt.envelope(),
                dispatcher.loop(), dispatcher::pumpSoon)) {
            attempt.giveBackPermits();
            gave(attempt.queue());
            return;
        }
        parts.shaping().suppressions().apply(attempt);
        if (attempt.decided()) {
            dispatcher.finished(attempt, Event.Route.NONE, false);
            dispatcher.pumpSoon();
            return;
        }
        SourceGate.Wait wait = dispatcher.paths().mailWait(attempt);
        if (wait != null) {
            dispatcher.postpone(attempt, wait);
            return;
        }
        if (parts.signing().mustSign(attempt)) {
            unsigned.add(attempt);
        } else {
            dispatcher.ready(pool, attempt);
        }
    }

    private void signed(PoolShare pool, Lane lane, List<Attempt> batch) {
        pool.signing(lane, -batch.size());
        for (Attempt attempt : batch) {
            SmtpReply trouble = attempt.whyUnsigned().orElse(null);
            if (dispatcher.resting()) {
                putBack(attempt);
            } else if (trouble != null) {
                dispatcher.defer(attempt, trouble);
            } else {
                dispatcher.ready(pool, attempt);
            }
        }
        dispatcher.pumpSoon();
    }

    /** Puts back what waits for a connection and parks the queues it came from, and the others. */
    void park(PoolShare pool, long millis, String why) {
        Set<MailQueue> queues = new LinkedHashSet<>();
        for (Attempt one : pool.ready().clear()) {
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
        queues.forEach(queue -> park(queue, millis, why));
    }

    /** As above for mail no server has seen yet, of queues that have such mail at hand. */
    void parkUntried(PoolShare pool, long millis, String why) {
        Set<MailQueue> queues = new LinkedHashSet<>();
        for (Attempt one : pool.ready().pick(Attempt::first, Integer.MAX_VALUE)) {
            queues.add(one.queue());
            putBack(one);
        }
        for (MailQueue queue : queues) {
            parked.add(queue.key());
            parts.parkUntried(queue, millis, why);
        }
    }

    void park(MailQueue queue, long millis, String why) {
        parked.add(queue.key());
        parts.park(queue, millis, why);
    }

    /**
     * What was parked from here for a source that warms up comes back. On the event loop: what is
     * being parked just now is parked by then.
     */
    void endWarmupParking() {
        for (QueueKey key : List.copyOf(parked)) {
            parts.spool().queues().find(key)
                    .filter(queue -> Warmup.isWhy(queue.status().parkedWhy()))
                    .ifPresent(queue -> queue.park(0, ""));
        }
    }

    /** Those of the queues that are here or were parked from here. */
    Set<QueueKey> queuesOf(Predicate<QueueKey> which) {
        return Stream.concat(visits.keySet().stream(), parked.stream()).filter(which)
                .collect(Collectors.toSet());
    }

    /** Puts back what waits for a connection and forgets the queues: the service stops. */
    void stop(PoolShare pool) {
        pool.ready().clear().forEach(this::putBack);
        pool.queues().clear();
    }

    void putBack(Attempt attempt) {
        attempt.pass().ifPresent(parts.warmup()::giveBack);
        attempt.giveBackPermits();
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
