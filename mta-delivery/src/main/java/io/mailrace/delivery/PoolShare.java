// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Lane;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What one dispatcher holds for one pool. Confined to its event loop. */
final class PoolShare {
    private final String name;
    private final SourceWheel wheel;
    private final FairQueues queues = new FairQueues();
    private final LaneQueue<Attempt> ready = new LaneQueue<>();
    private final ArrayDeque<Connection> idle = new ArrayDeque<>();
    private final Map<Lane, Integer> signing = new EnumMap<>(Lane.class);
    private int opening;
    private int connections;

    PoolShare(String name, SourceWheel wheel) {
        this.name = name;
        this.wheel = wheel;
    }

    /** Nothing at hand yet; sources that are unknown or of no weight are left out. */
    static PoolShare of(PoolConfig config, Map<String, EgressSource> all) {
        List<EgressSource> sources = new ArrayList<>();
        int[] weights = new int[config.sources().size()];
        for (Map.Entry<String, Integer> one : config.sources().entrySet()) {
            EgressSource source = all.get(one.getKey());
            if (source != null && one.getValue() > 0) {
                weights[sources.size()] = one.getValue();
                sources.add(source);
            }
        }
        return new PoolShare(config.name(), new SourceWheel(sources, Arrays.copyOf(weights,
                sources.size())));
    }

    String name() {
        return name;
    }

    SourceWheel wheel() {
        return wheel;
    }

    /** Queues with due mail. */
    FairQueues queues() {
        return queues;
    }

    /** Taken, signed, waiting for a connection. Bounded by what the dispatcher takes. */
    LaneQueue<Attempt> ready() {
        return ready;
    }

    /** Connections with nothing to do, the latest used last. */
    ArrayDeque<Connection> idle() {
        return idle;
    }

    void signing(Lane lane, int change) {
        signing.merge(lane, change, Integer::sum);
    }

    /** Envelopes of a lane that are being signed or wait for a connection. */
    int atHand(Lane lane) {
        return ready.size(lane) + signing.getOrDefault(lane, 0);
    }

    /** Whether mail of the highest lane waits for a connection. */
    boolean urgent() {
        return ready.size(Lane.TRANSACTIONAL) > 0;
    }

    /** Connections on their way, each of which will fetch mail. */
    int opening() {
        return opening;
    }

    void opening(int change) {
        opening += change;
    }

    /** Connections it has, opening ones included. */
    int connections() {
        return connections;
    }

    void connections(int change) {
        connections += change;
    }

    /** The warmest idle connection from that source; null when there is none. */
    @Nullable
    Connection takeIdle(EgressSource source) {
        for (Iterator<Connection> all = idle.descendingIterator(); all.hasNext();) {
            Connection one = all.next();
            if (one.source() == source) {
                all.remove();
                return one;
            }
        }
        return null;
    }

    boolean hasIdle(EgressSource source) {
        for (Connection one : idle) {
            if (one.source() == source) {
                return true;
            }
        }
        return false;
    }

    boolean quiet() {
        return queues.isEmpty() && ready.isEmpty()
                && signing.values().stream().allMatch(count -> count == 0);
    }
}
