// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.delivery.SourceGate.Wait;
import io.mailrace.delivery.SourceMemory.Wish;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What one dispatcher holds for its pools. Mail that is to go by a certain source, or not by one,
 * waits in a share of its own beside its pool's, as long as such a source may send: so it never
 * stands in the way of other mail. So does mail for sources that are not warm yet. Confined to the
 * site's event loop; such mail is at most as much as the bound says, what comes beyond goes by any
 * source.
 */
final class PoolShares {
    /** Warm sources that cannot be used now may be usable by then. */
    private static final long WARM_NANOS = TimeUnit.MINUTES.toNanos(1);

    private final Egress egress;
    private final HostLadder ladder;
    private final SitePaths paths;
    private final IntSupplier bound;
    private final ColdSources cold;
    private final Map<String, PoolShare> shares = new LinkedHashMap<>();
    private final Map<String, SourceChoice> whole = new HashMap<>();

    /** @param bound how much mail with a wish may be at hand */
    PoolShares(Egress egress, HostLadder ladder, SitePaths paths, ColdSources cold,
            IntSupplier bound) {
        this.egress = egress;
        this.cold = cold;
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
        return shares.computeIfAbsent(config.name(), name -> {
            SourceChoice all = new SourceChoice(egress.wheelsOf(config), source -> true, ladder,
                    paths);
            whole.put(name, all);
            return new PoolShare(name, all.only(source -> !cold.has(source)), null);
        });
    }

    private SourceChoice whole(PoolShare pool) {
        return Objects.requireNonNull(whole.get(pool.name()));
    }

    /**
     * Gives mail of a pool to its sources that are not warm yet: first attempts as far as these
     * may send; all others only when no source of the pool is warm.
     */
    void warmUp(PoolShare pool) {
        if (pool.parent() != null || pool.ready().isEmpty() || !paths.warmsUp()) {
            return;
        }
        SourceChoice all = whole(pool);
        if (all.sources().stream().noneMatch(cold::has)) {
            return;
        }
        SourceChoice which = all.only(cold::has);
        PoolShare first = beside(pool, " ~ first", which.rationed(cold::wait), true);
        if (first.maySend()) {
            cold.pick(pool.ready(), first.ready(), which.sources(), bound.getAsInt(),
                    one -> egress.memory().of(one.envelope()) == null);
        }
        if (pool.choice().sources().isEmpty()) {
            PoolShare again = beside(pool, " ~ again", which, false);
            if (again.maySend()) {
                pool.ready().pick(one -> !one.first(), bound.getAsInt()).forEach(
                        one -> again.ready().addLast(one.lane(), one));
            }
        }
    }

    private PoolShare beside(PoolShare pool, String name, SourceChoice choice, boolean rationed) {
        return shares.computeIfAbsent(pool.name() + name, key -> new PoolShare(pool.name(),
                choice, pool, rationed));
    }

    /** For how long no source of a pool may send; null when no limit is in the way. */
    @Nullable
    Wait firstWait(PoolShare pool) {
        Wait first = pool.firstWait();
        if (first != null || pool.parent() != null || !paths.warmsUp()) {
            return first;
        }
        Wait wait = whole(pool).only(cold::has).rationed(cold::wait).firstWait(pool::hasIdle);
        return wait == null || pool.choice().sources().isEmpty() ? wait
                : new Wait(Math.min(wait.nanos(), WARM_NANOS), wait.why());
    }

    /** Why nothing can be sent though no limit is in the way; empty: the hosts are to blame. */
    String whyNone(PoolShare pool, String site) {
        return (pool.parent() == null && pool.choice().sources().isEmpty() ? whole(pool)
                : pool.choice()).whyNone(pool.name(), site);
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
            SourceChoice choice = (wish.same() ? whole(pool) : pool.choice()).only(wish::allows);
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
