// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.List;
import java.util.function.IntSupplier;

/**
 * Which connections of a site make room, so that other sites and the site's other shares have their
 * turn: by their end, or by serving another share from now on. Confined to the site's event loop.
 */
final class RightOfWay {
    /** Messages after which a connection makes room for others. */
    private static final int ENOUGH = 10;

    private final ConnectionBudget budget;
    private final PoolShares pools;
    private final SitePaths paths;
    private final SitePace pace;
    private final IntSupplier connections;

    /** @param connections how many the site has */
    RightOfWay(ConnectionBudget budget, PoolShares pools, SitePaths paths, SitePace pace,
            IntSupplier connections) {
        this.budget = budget;
        this.pools = pools;
        this.paths = paths;
        this.pace = pace;
        this.connections = connections;
    }

    /** Whether the site has all connections it may have. */
    private boolean full() {
        return connections.getAsInt() >= pace.connections();
    }

    /** Lets a connection serve the share whose turn it is; false when that is its own. */
    boolean handOver(Connection connection) {
        return pools.size() > 1 && !leaves(connection)
                && pools.handOver(connection, ENOUGH, full());
    }

    /** Whether it is to end whatever this site has to send. */
    private boolean leaves(Connection connection) {
        EgressPath path = connection.path();
        return connection.promised() || path.stopped() || path.tooMany()
                || budget.shouldGive(connections.getAsInt())
                || (connection.session().messages() >= ENOUGH && path.wanted());
    }

    /** Whether it is to end: for another site, for another share. */
    boolean mustGo(Connection connection) {
        PoolShare pool = connection.pool();
        if (leaves(connection) || outOfBounds(connection)
                || pool.choice().outranked(connection.source())) {
            return true;
        }
        if (connection.session().messages() > 0 && !pool.urgent()
                && budget.promise(connections.getAsInt())) {
            connection.promise();
            return true;
        }
        return pools.size() > 1 && full() && connection.served() > 0 && goesForAShare(connection);
    }

    /** Whether another share has too few connections, its own too many. */
    private boolean goesForAShare(Connection connection) {
        PoolShare pool = connection.pool();
        int part = pace.connections() / pools.size();
        if (pool.connections() <= part) {
            return false;
        }
        for (PoolShare other : pools.all()) {
            boolean now = connection.served() >= ENOUGH || (other.urgent() && !pool.urgent());
            // one without any is handed this one, when it can use it
            if (now && other != pool && !other.ready().isEmpty()
                    && other.connections() < Math.max(1, part)
                    && (other.connections() > 0 || !other.choice().suits(connection.source()))
                    && other.choice().couldOpen(connection.source())) {
                return true;
            }
        }
        return false;
    }

    /** Whether its source may send nothing, or nothing of this, or has too many connections. */
    boolean outOfBounds(Connection connection) {
        return connection.path().stopped() || connection.path().tooMany()
                || (paths.warmsUp() && !connection.pool().choice().allows(connection.source()));
    }

    /**
     * The site's connections are all taken: an idle one that another share does not use makes room.
     * One that would do for this share, too, is about to be used by the other.
     */
    void closeIdleOfOthers(PoolShare pool) {
        for (PoolShare other : pools.all()) {
            for (Connection idle : other == pool ? List.<Connection>of() : other.idle()) {
                if (!pool.choice().mayUse(idle.source())) {
                    other.idle().remove(idle);
                    idle.drain();
                    return;
                }
            }
        }
    }
}
