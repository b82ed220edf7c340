// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Watches how many envelopes a daemon has taken from its queues and not yet settled on disk: what
 * may come twice when it dies. Asks all the time on a thread of its own; keeps the
 * answers of one life. Any thread asks it.
 */
final class TakenGauge implements AutoCloseable {
    static final String METRIC = "queue_envelopes_taken";
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    private static final long RECENT_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int MAX_SAMPLES = 100_000;

    private record Sample(long nanos, long taken) {}

    private final AdminPage page;
    private final Deque<Sample> samples = new ArrayDeque<>();
    private final Thread thread;
    private volatile boolean closed;
    private int life;

    TakenGauge(AdminPage page) {
        this.page = page;
        thread = Thread.ofPlatform().daemon(true).name("taken-gauge").start(this::run);
    }

    private void run() {
        while (!closed) {
            ask();
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    private synchronized int life() {
        return life;
    }

    private synchronized void add(int askedIn, long taken) {
        if (askedIn == life) {
            samples.add(new Sample(System.nanoTime(), taken));
            if (samples.size() > MAX_SAMPLES) {
                samples.remove();
            }
        }
    }

    /** Asks once more, now. Blocks. */
    void ask() {
        int asked = life();
        page.metric(METRIC).ifPresent(taken -> add(asked, taken));
    }

    /** The most it had in the last second, or in this life; empty when it never answered. */
    synchronized OptionalLong most() {
        long since = System.nanoTime() - RECENT_NANOS;
        OptionalLong recent = samples.stream().filter(s -> s.nanos() - since > 0)
                .mapToLong(Sample::taken).max();
        return recent.isPresent() ? recent : samples.stream().mapToLong(Sample::taken).max();
    }

    /** The daemon is dead; what was kept goes. */
    synchronized void nextLife() {
        life++;
        samples.clear();
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }
}
