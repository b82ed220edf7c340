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
 * Who is served next: lanes by priority, tenants of a lane in turn, queues of a tenant in turn.
 * Confined to its event loop; grows with the queues that have due mail, each is in it once.
 */
final class FairQueues {
    /** Each 16th turn belongs to bulk and each 8th to default: nobody starves. */
    private static final int BULK_TURN = 16;
    private static final int DEFAULT_TURN = 8;

    private record Tenant(String name, ArrayDeque<QueueVisit> queues) {}

    private static final class LaneTurns {
        final Map<String, Tenant> tenants = new HashMap<>();
        final ArrayDeque<Tenant> turns = new ArrayDeque<>();
    }

    private final Map<Lane, LaneTurns> lanes = new EnumMap<>(Lane.class);
    private int size;
    private int turn;
    private @Nullable QueueVisit last;

    FairQueues() {
        for (Lane lane : Lane.values()) {
            lanes.put(lane, new LaneTurns());
        }
    }

    boolean isEmpty() {
        return size == 0;
    }

    int size() {
        return size;
    }

    /** Adds a queue that is not in it. */
    void add(QueueVisit visit) {
        LaneTurns lane = of(visit.queue().key().lane());
        String name = visit.queue().key().tenant();
        Tenant tenant = lane.tenants.get(name);
        if (tenant == null) {
            tenant = new Tenant(name, new ArrayDeque<>());
            lane.tenants.put(name, tenant);
            lane.turns.addLast(tenant);
        }
        tenant.queues().addLast(visit);
        size++;
    }

    /** The queue whose turn it is; it goes to the end of its line. Must not be empty. */
    QueueVisit next() {
        LaneTurns lane = laneOfTurn();
        Tenant tenant = lane.turns.removeFirst();
        lane.turns.addLast(tenant);
        QueueVisit visit = tenant.queues().removeFirst();
        tenant.queues().addLast(visit);
        last = visit;
        return visit;
    }

    /** Takes out the queue that {@link #next} gave last. */
    void dropLast() {
        QueueVisit visit = last;
        if (visit == null) {
            throw new IllegalStateException("nothing was given");
        }
        last = null;
        LaneTurns lane = of(visit.queue().key().lane());
        Tenant tenant = lane.turns.getLast();
        tenant.queues().removeLast();
        if (tenant.queues().isEmpty()) {
            lane.turns.removeLast();
            lane.tenants.remove(tenant.name());
        }
        size--;
    }

    /** Takes out everything. */
    List<QueueVisit> clear() {
        List<QueueVisit> all = new ArrayList<>(size);
        for (LaneTurns lane : lanes.values()) {
            lane.turns.forEach(tenant -> all.addAll(tenant.queues()));
            lane.turns.clear();
            lane.tenants.clear();
        }
        size = 0;
        last = null;
        return all;
    }

    private LaneTurns laneOfTurn() {
        turn = (turn + 1) % BULK_TURN;
        if (turn == 0 && has(Lane.BULK)) {
            return of(Lane.BULK);
        }
        if (turn % DEFAULT_TURN == DEFAULT_TURN / 2 && has(Lane.DEFAULT)) {
            return of(Lane.DEFAULT);
        }
        for (LaneTurns lane : lanes.values()) {
            if (!lane.turns.isEmpty()) {
                return lane;
            }
        }
        throw new IllegalStateException("no queue is there");
    }

    private LaneTurns of(Lane lane) {
        return Objects.requireNonNull(lanes.get(lane));
    }

    private boolean has(Lane lane) {
        return !of(lane).turns.isEmpty();
    }
}
