// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads {@code spool-read}: work that may block on the spool's disk. Holds at most
 * {@value #MAX_WAITING} tasks from outside and refuses more with
 * {@link RejectedExecutionException}; the spool's own are bounded by the number of queues and of
 * taken envelopes.
 */
final class ReadPool implements Executor, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ReadPool.class);
    private static final int THREADS = 4;
    private static final int MAX_WAITING = 20_000;
    private static final int CLOSE_SECONDS = 30;

    private final AtomicInteger waiting = new AtomicInteger();
    private final AtomicInteger numbers = new AtomicInteger();
    private final ThreadPoolExecutor threads = new ThreadPoolExecutor(THREADS, THREADS, 10,
            TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                Thread thread = new Thread(task, "spool-read-" + numbers.incrementAndGet());
                thread.setDaemon(true);
                return thread;
            });

    ReadPool() {
        threads.allowCoreThreadTimeOut(true);
    }

    @Override
    public void execute(Runnable task) {
        if (waiting.incrementAndGet() > MAX_WAITING) {
            waiting.decrementAndGet();
            throw new RejectedExecutionException("too many reads of the spool are waiting");
        }
        try {
            threads.execute(() -> {
                waiting.decrementAndGet();
                guarded(task);
            });
        } catch (RejectedExecutionException closed) {
            waiting.decrementAndGet();
            throw closed;
        }
    }

    /**
     * Runs work of the spool itself.
     *
     * @throws RejectedExecutionException once the pool is closed
     */
    void own(Runnable task) {
        threads.execute(() -> guarded(task));
    }

    @SuppressWarnings("CatchingUnchecked")
    private static void guarded(Runnable task) {
        try {
            task.run();
        } catch (Exception unexpected) {
            LOG.error("read of the spool failed", unexpected);
        }
    }

    /** Whether nothing runs and nothing waits, as far as can be seen while others go on. */
    boolean idle() {
        return threads.getActiveCount() == 0 && threads.getQueue().isEmpty();
    }

    /** Lets what waits finish, for a bounded time. */
    @Override
    public void close() {
        threads.shutdown();
        try {
            if (!threads.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                threads.shutdownNow();
            }
        } catch (InterruptedException hurry) {
            threads.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
