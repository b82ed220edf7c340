// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Smooth weighted round robin over the sources of a pool: each message is charged to one, and the
 * one furthest behind its weight is next. Confined to its event loop.
 */
final class SourceWheel {
    private final List<EgressSource> sources;
    private final int[] weights;
    private final long[] credit;

    SourceWheel(List<EgressSource> sources, int[] weights) {
        this.sources = List.copyOf(sources);
        this.weights = weights.clone();
        credit = new long[weights.length];
    }

    /** The source whose turn it is among the usable ones, charged; null when none is usable. */
    @Nullable
    EgressSource next(Predicate<EgressSource> usable) {
        int best = -1;
        long total = 0;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] > 0 && usable.test(sources.get(i))) {
                credit[i] += weights[i];
                total += weights[i];
                if (best < 0 || credit[i] > credit[best]) {
                    best = i;
                }
            }
        }
        if (best < 0) {
            return null;
        }
        credit[best] -= total;
        return sources.get(best);
    }

    /** A message went by this source without being asked for. */
    void charge(EgressSource source) {
        if (weights.length == 1) {
            return;
        }
        long total = 0;
        for (int i = 0; i < weights.length; i++) {
            if (!sources.get(i).resting()) {
                credit[i] += weights[i];
                total += weights[i];
            }
        }
        int at = sources.indexOf(source);
        if (at >= 0) {
            // Bounded, so that a long one-sided stretch is not paid back by an equally long one.
            credit[at] = Math.max(credit[at] - total, -100 * total);
        }
    }

    List<EgressSource> sources() {
        return sources;
    }
}
