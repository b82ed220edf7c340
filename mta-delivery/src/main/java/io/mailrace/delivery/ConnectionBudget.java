// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The connections of all sites together: at most {@code total}, of which connections of sites that
 * have not proven themselves may take half, so that dead destinations never take all. Any thread.
 * Who gets none leaves a wish and is woken, in order, when one is free.
 */
final class ConnectionBudget {
    private final int total;
    private final int unprovenBound;
    private final AtomicInteger used = new AtomicInteger();
    private final AtomicInteger unproven = new AtomicInteger();
    private final AtomicInteger sites = new AtomicInteger();
    private final Queue<Runnable> provenWishes = new ConcurrentLinkedQueue<>();
    private final Queue<Runnable> unprovenWishes = new ConcurrentLinkedQueue<>();

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
        wake(unprovenWishes);
    }

    void release(boolean proven) {
        if (!proven) {
            unproven.decrementAndGet();
        }
        used.decrementAndGet();
        wake(provenWishes);
        wake(unprovenWishes);
    }

    /** Runs {@code wake}, on any thread, when trying again is worth it; try once after this. */
    void wish(boolean proven, Runnable wake) {
        (proven ? provenWishes : unprovenWishes).add(wake);
    }

    /** A woken one had no need any more. */
    void passOn() {
        if (used.get() < total) {
            wake(provenWishes);
            wake(unprovenWishes);
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
        return used.get() >= total && !(provenWishes.isEmpty() && unprovenWishes.isEmpty())
                && connections > Math.max(1, total / Math.max(1, sites.get()));
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

    private static void wake(Queue<Runnable> wishes) {
        Runnable next = wishes.poll();
        if (next != null) {
            next.run();
        }
    }
}
