// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The memory that all messages being read may take together: their recipients, and of the content
 * what is not on disk yet. Any thread; never blocks: who is given no more refuses its message and
 * frees what it had, so a message half read never waits for another one. Holds one entry for each
 * owner with a transaction.
 */
final class IntakeBudget {
    /*
     * Room is taken in steps, before the bytes are there. One owner (a user, else an address) may
     * take all but a quarter; the last quarter is for those who hold less than half, so that one
     * who fills his share with messages that never end does not stop the others.
     */
    private static final int SMALL_STEP = 4 << 10;
    private static final int SMALL = 64 << 10;
    private static final int STEP = 32 << 10;

    private final long limit;
    private final AtomicLong used = new AtomicLong();
    private final Map<String, AtomicLong> byOwner = new ConcurrentHashMap<>();

    /** @param limit in octets */
    IntakeBudget(long limit) {
        this.limit = limit;
    }

    /** The room of one transaction; empty at first. Confined to its session. */
    final class Grant implements AutoCloseable {
        private final String owner;
        /** Must have it too. */
        private final @Nullable IntakeBudget part;
        private long held;

        private Grant(String owner, @Nullable IntakeBudget part) {
            this.owner = owner;
            this.part = part;
        }

        /** Makes the room that large; false when there is no more, and nothing changes then. */
        boolean covers(long octets) {
            if (octets <= held) {
                return true;
            }
            long step = octets <= SMALL ? SMALL_STEP : STEP;
            long more = (octets + step - 1) / step * step - held;
            if (!take(owner, more)) {
                return false;
            }
            if (part != null && !part.take(owner, more)) {
                give(owner, more);
                return false;
            }
            held += more;
            return true;
        }

        long held() {
            return held;
        }

        /** Gives all of it back. A second time does nothing. */
        @Override
        public void close() {
            if (held > 0) {
                give(owner, held);
                if (part != null) {
                    part.give(owner, held);
                }
                held = 0;
            }
        }
    }

    Grant open(String owner) {
        return new Grant(owner, null);
    }

    /** A room that is also counted in a part of this budget, and must fit into it. */
    Grant openWithin(IntakeBudget part, String owner) {
        return new Grant(owner, part);
    }

    private boolean take(String owner, long more) {
        long all = used.addAndGet(more);
        if (all > limit) {
            used.addAndGet(-more);
            return false;
        }
        long own = byOwner.compute(owner, (o, had) -> {
            AtomicLong sum = had == null ? new AtomicLong() : had;
            sum.addAndGet(more);
            return sum;
        }).get();
        if (own > limit / 2 && all > limit - limit / 4) {
            give(owner, more);
            return false;
        }
        return true;
    }

    private void give(String owner, long octets) {
        byOwner.computeIfPresent(owner, (o, had) -> had.addAndGet(-octets) > 0 ? had : null);
        used.addAndGet(-octets);
    }

    /** Octets taken now. */
    long used() {
        return used.get();
    }

    long limit() {
        return limit;
    }

    /** Owners with room now. */
    int owners() {
        return byOwner.size();
    }
}
