// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Lane;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The connections of all sites together: at most {@code total}, of which connections of sites that
 * have not proven themselves may take half, so that dead destinations never take all. Any thread.
 * Who gets none leaves a wish and is woken when one is free, in the order of {@link LaneQueue};
 * there is at most one wish for each lane and site.
 */
final class ConnectionBudget {
    private final int total;
    private final int unprovenBound;
    private final AtomicInteger used = new AtomicInteger();
    private final AtomicInteger unproven = new AtomicInteger();
    private final AtomicInteger sites = new AtomicInteger();
    private final AtomicInteger promised = new AtomicInteger();
    private final Wishes provenWishes = new Wishes();
    private final Wishes unprovenWishes = new Wishes();

    /** Its monitor guards the line; the numbers may be read by anybody. */
    private static final class Wishes {
        private final LaneQueue<Runnable> line = new LaneQueue<>();
        private volatile int size;
        private volatile int urgent;

        synchronized void add(Lane lane, Runnable wake) {
            line.addLast(lane, wake);
            count();
        }

        void wake() {
            Runnable next;
            synchronized (this) {
                next = line.poll();
                count();
            }
            if (next != null) {
                next.run();
            }
        }

        private void count() {
            size = line.size();
            urgent = line.size(Lane.TRANSACTIONAL);
        }
    }

    ConnectionBudget(int total) {
        this.total = total;
        unprovenBound = Math.max(1, total / 2);
    }

    boolean acquire(boolean proven) {
        if (!takeOne(used, total)) {
            return false;
        }
        if (proven || takeOne(unproven, unprovenBound)) {
            return true;
        }
        used.decrementAndGet();
        return false;
    }

    /** A connection that was acquired unproven works. */
    void prove() {
        unproven.decrementAndGet();
        unprovenWishes.wake();
    }

    void release(boolean proven) {
        if (!proven) {
            unproven.decrementAndGet();
        }
        used.decrementAndGet();
        provenWishes.wake();
        unprovenWishes.wake();
    }

    /** Runs {@code wake}, on any thread, when trying again is worth it; try once after this. */
    void wish(boolean proven, Lane lane, Runnable wake) {
        (proven ? provenWishes : unprovenWishes).add(lane, wake);
    }

    /** A woken one had no need any more. */
    void passOn() {
        if (used.get() < total) {
            provenWishes.wake();
            unprovenWishes.wake();
        }
    }

    void siteOpens() {
        sites.incrementAndGet();
    }

    void siteCloses() {
        sites.decrementAndGet();
    }

    /** Whether a site with that many connections should give one to those that wait. */
    boolean shouldGive(int connections) {
        return used.get() >= total && provenWishes.size + unprovenWishes.size > 0
                && connections > Math.max(1, total / Math.max(1, sites.get()));
    }

    /**
     * Whether a site with that many connections gives one up at once because transactional mail of
     * another site waits for one: as many are promised as such sites wait. It must be closed soon,
     * and then {@link #kept} called.
     */
    boolean promise(int connections) {
        return used.get() >= total && connections > 1
                && takeOne(promised, provenWishes.urgent + unprovenWishes.urgent);
    }

    /** A promised connection is closed and released. */
    void kept() {
        promised.decrementAndGet();
    }

    int used() {
        return used.get();
    }

    private static boolean takeOne(AtomicInteger from, int bound) {
        for (int now = from.get(); now < bound; now = from.get()) {
            if (from.compareAndSet(now, now + 1)) {
                return true;
            }
        }
        return false;
    }
}
