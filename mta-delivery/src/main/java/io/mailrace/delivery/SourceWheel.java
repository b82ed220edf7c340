// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Smooth weighted round robin over the sources of a pool: each message is charged to one, and the
 * one furthest behind its weight is next. Shared by all sites, so that the weights hold over many
 * sites with little mail each. Any thread; the lock is held for a few additions and is innermost.
 */
final class SourceWheel {
    private final String pool;
    private final List<EgressSource> sources;
    private final int[] weights;
    /** Guarded by itself. Its sum does not change, but for what {@link #charge} forgives. */
    private final long[] credit;

    /**
     * One source was chosen among some.
     *
     * @param usable by place in the wheel, as it was at that time
     */
    record Turn(SourceWheel wheel, EgressSource source, int at, BitSet usable) {
        /** It is not used after all: as if it had not been chosen. */
        void undo() {
            wheel.move(at, usable, -1);
        }
    }

    SourceWheel(String pool, List<EgressSource> sources, int[] weights) {
        this.pool = pool;
        this.sources = List.copyOf(sources);
        this.weights = weights.clone();
        credit = new long[weights.length];
    }

    /** Sources that are unknown or of no weight are left out. */
    static SourceWheel of(PoolConfig config, Map<String, EgressSource> all) {
        List<EgressSource> sources = new ArrayList<>();
        int[] weights = new int[config.sources().size()];
        for (Map.Entry<String, Integer> one : config.sources().entrySet()) {
            EgressSource source = all.get(one.getKey());
            if (source != null && one.getValue() > 0) {
                weights[sources.size()] = one.getValue();
                sources.add(source);
            }
        }
        return new SourceWheel(config.name(), sources, Arrays.copyOf(weights, sources.size()));
    }

    String pool() {
        return pool;
    }

    List<EgressSource> sources() {
        return sources;
    }

    boolean has(EgressSource source) {
        return sources.contains(source);
    }

    /** The source whose turn it is among the usable ones, charged; null when none is usable. */
    @Nullable
    Turn next(Predicate<EgressSource> usable) {
        BitSet may = new BitSet(weights.length);
        // outside the lock: who is asked has locks of its own
        for (int i = 0; i < weights.length; i++) {
            may.set(i, usable.test(sources.get(i)));
        }
        if (may.isEmpty()) {
            return null;
        }
        int first = may.nextSetBit(0);
        int chosen = may.nextSetBit(first + 1) < 0 ? first : turn(may);
        return new Turn(this, sources.get(chosen), chosen, may);
    }

    private int turn(BitSet may) {
        synchronized (credit) {
            int best = -1;
            for (int i = may.nextSetBit(0); i >= 0; i = may.nextSetBit(i + 1)) {
                if (best < 0 || credit[i] + weights[i] > credit[best] + weights[best]) {
                    best = i;
                }
            }
            move(best, may, 1);
            return best;
        }
    }

    /** Each that might have been chosen gets its weight, the chosen one pays for all. */
    private void move(int chosen, BitSet may, int sign) {
        synchronized (credit) {
            for (int i = may.nextSetBit(0); i >= 0; i = may.nextSetBit(i + 1)) {
                credit[i] += (long) sign * weights[i];
                credit[chosen] -= (long) sign * weights[i];
            }
        }
    }

    /** A message went by this source, one of the wheel, without being asked for. */
    void charge(EgressSource source) {
        int at = sources.indexOf(source);
        if (weights.length == 1 || at < 0) {
            return;
        }
        BitSet awake = new BitSet(weights.length);
        long total = 0;
        for (int i = 0; i < weights.length; i++) {
            if (i == at || !sources.get(i).resting()) {
                awake.set(i);
                total += weights[i];
            }
        }
        synchronized (credit) {
            move(at, awake, 1);
            // Bounded, so that a long one-sided stretch is not paid back by an equally long one.
            credit[at] = Math.max(credit[at], -100 * total);
        }
    }
}
