// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.delivery.SourceMemory.Wish;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntSupplier;

/**
 * What one dispatcher holds for its pools. Mail that is to go by a certain source, or not by one,
 * waits in a share of its own beside its pool's, as long as such a source may send: so it never
 * stands in the way of other mail. Confined to the site's event loop; such mail is at most as much
 * as the bound says, what comes beyond goes by any source.
 */
final class PoolShares {
    private final Egress egress;
    private final HostLadder ladder;
    private final SitePaths paths;
    private final IntSupplier bound;
    private final Map<String, PoolShare> shares = new LinkedHashMap<>();

    /** @param bound how much mail with a wish may be at hand */
    PoolShares(Egress egress, HostLadder ladder, SitePaths paths, IntSupplier bound) {
        this.egress = egress;
        this.ladder = ladder;
        this.paths = paths;
        this.bound = bound;
    }

    Collection<PoolShare> all() {
        return shares.values();
    }

    int size() {
        return shares.size();
    }

    PoolShare of(PoolConfig config) {
        return shares.computeIfAbsent(config.name(), name -> new PoolShare(name,
                new SourceChoice(egress.wheelsOf(config), source -> true, ladder, paths), null));
    }

    /** Where mail of a pool waits for a connection: with others, or with those of its wish. */
    PoolShare shareOf(PoolShare pool, Attempt attempt) {
        Wish wish = egress.memory().of(attempt.envelope());
        if (wish == null) {
            return pool;
        }
        String key = pool.name() + (wish.same() ? " = " : " - ") + wish.source();
        PoolShare share = shares.get(key);
        if (share == null) {
            SourceChoice choice = pool.choice().only(wish::allows);
            // another source is one of the pool itself; the same one may be of an overflow
            if (wish.same() ? choice.sources().isEmpty() : !choice.hasOwn()) {
                return pool;
            }
            share = new PoolShare(pool.name(), choice, pool);
        }
        if (wished() >= bound.getAsInt() || !share.maySend()) {
            return pool;
        }
        shares.putIfAbsent(key, share);
        return share;
    }

    private int wished() {
        int count = 0;
        for (PoolShare share : shares.values()) {
            count += share.parent() == null ? 0 : share.ready().size();
        }
        return count;
    }

    /** Forgets shares of wishes that nothing is in. */
    void sweep() {
        shares.values().removeIf(share -> share.parent() != null && share.connections() == 0
                && share.ready().isEmpty());
    }
}
