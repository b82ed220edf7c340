// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Lane;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Whose mail of a lane is taken next: deficit round robin over the tenants, the queues of a tenant
 * in turn. Which lane is served is not decided here but where mail leaves ({@link LaneQueue}).
 * Confined to its event loop; grows with the queues that have due mail, each is in it once.
 */
final class FairQueues {
    /*
     * A tenant's turn gives it QUANTUM units; a message costs one unit and one more for each full
     * 64 KiB. What a message costs is known only once it is taken, so a turn goes on while there
     * is credit and its last message may overdraw it; the debt is paid by the next turns, which
     * are passed over. Between two tenants that both have mail the costs served differ by less
     * than two quanta and two messages, however many queues they have and however they send.
     *
     * Credit does not outlive a tenant's mail, debt does: who leaves in debt stays in the round,
     * without queues, until it is paid or until no tenant of the lane has mail. Else somebody
     * with one large message at a time would pay for none.
     *
     * A tenant that is alone in its lane pays nothing and takes more at a time.
     *
     * Constant time: passing a tenant over pays a quantum of debt, and debt is made only by
     * sending that many units of 64 KiB.
     */
    static final int QUANTUM = 4;
    private static final int ALONE = 8;
    private static final int UNIT_BYTES = 64 * 1024;

    private static final class Tenant {
        final String name;
        final ArrayDeque<QueueVisit> queues = new ArrayDeque<>(1);
        int credit = QUANTUM;

        Tenant(String name) {
            this.name = name;
        }
    }

    /** The first of {@code turns} is the one whose turn it is. */
    private static final class Round {
        final Map<String, Tenant> tenants = new HashMap<>();
        final ArrayDeque<Tenant> turns = new ArrayDeque<>(1);
        int queues;
    }

    private final Map<Lane, Round> rounds = new EnumMap<>(Lane.class);
    private int size;
    private @Nullable Round lastRound;

    FairQueues() {
        for (Lane lane : Lane.values()) {
            rounds.put(lane, new Round());
        }
    }

    /** What a message of that size costs its tenant. */
    static int cost(long sizeBytes) {
        return (int) Math.min(Integer.MAX_VALUE / 2, 1 + sizeBytes / UNIT_BYTES);
    }

    boolean isEmpty() {
        return size == 0;
    }

    int size() {
        return size;
    }

    boolean has(Lane lane) {
        return round(lane).queues > 0;
    }

    /** Adds a queue that is not in it. */
    void add(QueueVisit visit) {
        Round round = round(visit.queue().key().lane());
        Tenant tenant = round.tenants.get(visit.queue().key().tenant());
        if (tenant == null) {
            tenant = new Tenant(visit.queue().key().tenant());
            round.tenants.put(tenant.name, tenant);
            round.turns.addLast(tenant);
        }
        tenant.queues.addLast(visit);
        round.queues++;
        size++;
    }

    /** The queue whose turn it is; it goes to the end of its line. The lane must have one. */
    QueueVisit next(Lane lane) {
        Round round = round(lane);
        if (round.queues == 0) {
            throw new IllegalStateException("no queue is there");
        }
        Tenant tenant = round.turns.getFirst();
        while (tenant.credit <= 0 || tenant.queues.isEmpty()) {
            round.turns.removeFirst();
            if (tenant.queues.isEmpty() && tenant.credit >= 0) {
                round.tenants.remove(tenant.name);
            } else {
                tenant.credit += QUANTUM;
                round.turns.addLast(tenant);
            }
            tenant = round.turns.getFirst();
        }
        lastRound = round;
        QueueVisit visit = tenant.queues.removeFirst();
        tenant.queues.addLast(visit);
        return visit;
    }

    /** How many messages the queue that {@link #next} gave may send now, if they are small. */
    int credit() {
        Round round = last();
        return round.turns.size() == 1 ? ALONE : round.turns.getFirst().credit;
    }

    /** It sends one; false when its tenant's turn is over with that. */
    boolean pay(long sizeBytes) {
        Round round = last();
        if (round.turns.size() == 1) {
            return true;
        }
        Tenant tenant = round.turns.getFirst();
        tenant.credit -= cost(sizeBytes);
        return tenant.credit > 0;
    }

    /** Takes out the queue that {@link #next} gave last. */
    void dropLast() {
        Round round = last();
        lastRound = null;
        Tenant tenant = round.turns.getFirst();
        tenant.queues.removeLast();
        size--;
        if (--round.queues == 0) {
            round.turns.clear();
            round.tenants.clear();
        } else if (tenant.queues.isEmpty() && tenant.credit >= 0) {
            round.turns.removeFirst();
            round.tenants.remove(tenant.name);
        }
    }

    /** Takes out everything. */
    List<QueueVisit> clear() {
        List<QueueVisit> all = new ArrayList<>(size);
        for (Round round : rounds.values()) {
            round.turns.forEach(tenant -> all.addAll(tenant.queues));
            round.turns.clear();
            round.tenants.clear();
            round.queues = 0;
        }
        size = 0;
        lastRound = null;
        return all;
    }

    private Round round(Lane lane) {
        return Objects.requireNonNull(rounds.get(lane));
    }

    private Round last() {
        Round round = lastRound;
        if (round == null) {
            throw new IllegalStateException("nothing was given");
        }
        return round;
    }
}
