// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.delivery.SourceGate.Wait;
import io.mailrace.delivery.SourceMemory.Wish;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
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
    /** Warm sources that may not send for so long leave their mail to those that are not warm. */
    private static final long HOPELESS_NANOS = TimeUnit.MINUTES.toNanos(10);
    /** Something else will happen before; else it is looked again. */
    private static final long SOON_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int LOOKED_THROUGH = 100;

    private final Egress egress;
    private final HostLadder ladder;
    private final SitePaths paths;
    private final IntSupplier bound;
    private final ColdSources cold;
    private final Map<String, PoolShare> shares = new LinkedHashMap<>();
    private final Map<String, SourceChoice> whole = new HashMap<>();
    private final Set<PoolShare> wishes = new HashSet<>();
    /** Urgent or often passed over, then without connection, then who got one longest ago. */
    private static final Comparator<PoolShare> FIRST = Comparator
            .comparing((PoolShare share) -> !share.goesFirst())
            .thenComparing(share -> share.connections() > 0)
            .thenComparingLong(PoolShare::turn);
    private int turn;
    private long events;

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
            SourceChoice any = new SourceChoice(egress.wheelsOf(config), source -> true, ladder,
                    paths);
            SourceChoice warm = any.only(source -> !cold.has(source));
            whole.put(name, any.rationed(source -> cold.has(source)
                    ? cold.wait(source, warm.hopeless(HOPELESS_NANOS))
                    : null));
            return new PoolShare(name, warm, null);
        });
    }

    private SourceChoice whole(PoolShare pool) {
        return Objects.requireNonNull(whole.get(pool.name()));
    }

    /** The same for mail that servers have seen: it costs nothing of what sources may begin. */
    private SourceChoice wholeAgain(PoolShare pool) {
        return whole(pool).rationed(source -> cold.has(source) ? cold.waitAgain(source) : null);
    }

    /** How much mail of each lane is to be at hand: more when some of it goes before other. */
    int atHand(PoolShare pool, int usual) {
        boolean looks = pool.parent() == null && paths.warmsUp() && whole(pool).sources().stream()
                .anyMatch(source -> cold.prefers(source) && cold.has(source));
        return looks ? Math.max(LOOKED_THROUGH, usual) : usual;
    }

    /**
     * Gives mail of a pool to its sources that are not warm yet: first attempts as far as these
     * may send; other mail only when no warm source of the pool is of use for long.
     */
    void warmUp(PoolShare pool) {
        if (pool.parent() != null || pool.ready().isEmpty() || !paths.warmsUp()) {
            return;
        }
        List<EgressSource> sources = whole(pool).foremost(cold::has);
        boolean alone = onlyCold(pool);
        turn++;
        for (int i = 0; i < sources.size(); i++) {
            EgressSource source = sources.get((turn + i) % sources.size());
            PoolShare first = first(pool, source);
            if (first.mayOpenAndSend()) {
                cold.pick(pool.ready(), first.ready(), source, bound.getAsInt(), alone,
                        one -> alone || egress.memory().of(one.envelope()) == null);
            }
        }
        if (alone) {
            PoolShare again = again(pool);
            if (again.mayOpenAndSend()) {
                pool.ready().pick(one -> !one.first(), bound.getAsInt() - again.ready().size())
                        .forEach(one -> again.ready().addLast(one.lane(), one));
            }
        }
    }

    /** Where first attempts wait for a source that is not warm yet. */
    private PoolShare first(PoolShare pool, EgressSource source) {
        return shares.computeIfAbsent(pool.name() + " ~ " + source.name(), key -> {
            PoolShare[] self = new PoolShare[1];
            SourceChoice choice = whole(pool).only(one -> one == source).rationed(one -> {
                Attempt next = self[0].ready().peek();
                return next != null && cold.holds(next) ? null : cold.wait(one, alone(pool));
            });
            self[0] = new PoolShare(pool.name(), choice, pool, true);
            return self[0];
        });
    }

    /** Where other mail waits for such sources. */
    private PoolShare again(PoolShare pool) {
        return shares.computeIfAbsent(pool.name() + " ~ again", key -> new PoolShare(pool.name(),
                wholeAgain(pool).only(cold::has), pool));
    }

    /** Whether no warm source of the pool is of use for long; of a share its pool is meant. */
    boolean alone(PoolShare share) {
        PoolShare pool = share.parent();
        return (pool == null ? share : pool).choice().hopeless(HOPELESS_NANOS);
    }

    /** Whether there are sources that are not warm yet, and no other is of use for long. */
    boolean onlyCold(PoolShare pool) {
        return pool.parent() == null && paths.warmsUp() && alone(pool)
                && whole(pool).sources().stream().anyMatch(cold::has);
    }

    /** For how long mail that servers have seen waits when there are only such sources. */
    Wait againWait(PoolShare pool) {
        Wait wait = again(pool).firstWait();
        return wait == null
                ? new Wait(WARM_NANOS, "no source that warms up can be used")
                : new Wait(Math.max(wait.nanos(), SOON_NANOS), wait.why());
    }

    /**
     * For how long no source of a pool may send; null when no limit is in the way.
     *
     * @param not these are left out
     */
    @Nullable
    Wait firstWait(PoolShare pool, Set<EgressSource> not) {
        Wait warm = pool.choice().firstWait(pool::hasIdle, not);
        if (pool.parent() != null || !paths.warmsUp()) {
            return warm;
        }
        Wait wait = whole(pool).only(cold::has).firstWait(pool::hasIdle, not);
        if (wait == null) {
            return warm;
        }
        // one that is free has left this mail: for a mail that goes first, or a connection
        long nanos = Math.max(wait.nanos(), SOON_NANOS);
        if (warm != null) {
            return warm.nanos() <= nanos ? warm : new Wait(nanos, warm.why());
        }
        String why = wait.why().isEmpty() ? "sources that warm up take other mail first"
                : wait.why();
        return new Wait(pool.choice().sources().isEmpty() ? nanos : Math.min(nanos, WARM_NANOS),
                why);
    }

    /** Why nothing can be sent though no limit is in the way; empty: the hosts are to blame. */
    String whyNone(PoolShare pool, String site) {
        return (pool.parent() == null && pool.choice().sources().isEmpty() ? whole(pool)
                : pool.choice()).whyNone(pool.name(), site);
    }

    /** Where mail of a pool waits for a connection: with others, or with those of its wish. */
    PoolShare shareOf(PoolShare pool, Attempt attempt) {
        Wish wish = egress.memory().of(attempt.envelope());
        if (wish == null || (wish.same() && attempt.first())) {
            return pool; // a first attempt that was handed back: by its source when it may begin it
        }
        String key = pool.name() + (wish.same() ? " = " : " - ") + wish.source();
        PoolShare share = shares.get(key);
        if (share == null) {
            SourceChoice choice = (wish.same() ? wholeAgain(pool) : pool.choice())
                    .only(wish::allows);
            // another source is one of the pool itself; the same one may be of an overflow
            if (wish.same() ? choice.sources().isEmpty() : !choice.hasOwn()) {
                return pool;
            }
            share = new PoolShare(pool.name(), choice, pool);
        }
        if (wished() >= bound.getAsInt() || !share.mayOpenAndSend()) {
            return pool;
        }
        shares.putIfAbsent(key, share);
        wishes.add(share);
        return share;
    }

    /** Where mail waits that a connection did not send after all. */
    PoolShare waiting(PoolShare from, Attempt attempt) {
        PoolShare pool = from.parent();
        return shareOf(pool == null ? from : pool, attempt);
    }

    /** In the order in which connections are looked for: see {@link #FIRST}. */
    List<PoolShare> inTurn() {
        List<PoolShare> order = new ArrayList<>(shares.values());
        if (order.size() > 1) {
            order.sort(FIRST);
        }
        return order;
    }

    /** A share got a connection. */
    void served(PoolShare share) {
        share.turn(++events);
        for (PoolShare other : shares.size() == 1 ? List.<PoolShare>of() : shares.values()) {
            if (other != share && other.stranded()) {
                other.passedOver();
            }
        }
    }

    /**
     * Hands a connection that can send now over to the share whose turn it is of those that have
     * mail and found no connection: at once when its own has nothing to send, nothing as urgent, or
     * a source of its own again, else when it has sent {@code enough} for it. False when it stays
     * where it is.
     *
     * @param full the site may have no more: a share that cannot use this one has its turn, too, by
     *        the end of it
     */
    boolean handOver(Connection connection, int enough, boolean full) {
        PoolShare own = connection.pool();
        EgressSource source = connection.source();
        PoolShare next = null;
        for (PoolShare one : shares.values()) {
            if (one != own && one.stranded() && (next == null || FIRST.compare(one, next) < 0)
                    && (full || one.choice().mayUse(source))) {
                next = one;
            }
        }
        boolean lent = own.choice().outranked(source);
        boolean now = lent || own.ready().isEmpty() || connection.served() >= enough;
        if (next != null && (now || (next.urgent() && !own.urgent()))
                && next.choice().mayUse(source)) {
            return serve(connection, next);
        }
        if (lent) {
            for (PoolShare one : shares.values()) {
                if (one.parent() == null && one.connections() == 0
                        && one.choice().suits(source)) {
                    return serve(connection, one);
                }
            }
        }
        return false;
    }

    private boolean serve(Connection connection, PoolShare share) {
        connection.serve(share);
        served(share);
        return true;
    }

    /** Hands an idle connection of another share over; false when there is none of use. */
    boolean borrow(PoolShare pool) {
        for (PoolShare other : shares.values()) {
            boolean may = other != pool && (other.ready().isEmpty()
                    || (pool.connections() == 0 && FIRST.compare(pool, other) < 0));
            for (Connection idle : may ? other.idle() : List.<Connection>of()) {
                if (pool.choice().mayUse(idle.source())) {
                    other.idle().remove(idle);
                    pool.idle().addLast(idle);
                    return serve(idle, pool);
                }
            }
        }
        return false;
    }

    private int wished() {
        int count = 0;
        for (PoolShare share : wishes) {
            count += share.ready().size();
        }
        return count;
    }

    /** Forgets shares of wishes that nothing is in. */
    void sweep() {
        shares.values().removeIf(share -> share.parent() != null && share.connections() == 0
                && share.ready().isEmpty());
        wishes.removeIf(share -> share.connections() == 0 && share.ready().isEmpty());
    }
}
