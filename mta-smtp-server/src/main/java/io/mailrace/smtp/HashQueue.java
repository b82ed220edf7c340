// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Passwords that wait to be hashed, on {@value #THREADS} threads named {@code password}. Origins
 * take turns, one login each, and no origin holds more than an eighth of the places (at least
 * {@value #MIN_SHARE}): one that guesses at full speed makes others wait for one hash, not for all
 * of its. Any thread; never blocks. Threads end after a minute without work.
 */
final class HashQueue implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HashQueue.class);
    static final int THREADS = 2;
    private static final int MIN_SHARE = 4;

    private final int max;
    private final int share;
    private final ThreadPoolExecutor pool;
    /** In order of their next turn; guarded by this, as are the counts. */
    private final Map<InetAddress, ArrayDeque<Runnable>> waiting = new LinkedHashMap<>();
    private int size;
    private int workers;
    private boolean closed;

    HashQueue(int max) {
        this(max, Thread.ofPlatform().daemon().name("password-", 0).factory());
    }

    HashQueue(int max, ThreadFactory threads) {
        this.max = max;
        share = Math.max(MIN_SHARE, max / 8);
        pool = new ThreadPoolExecutor(THREADS, THREADS, 1, TimeUnit.MINUTES,
                new ArrayBlockingQueue<>(THREADS), threads);
        pool.allowCoreThreadTimeOut(true);
    }

    /** Has it run; false when there is no place for it. */
    synchronized boolean offer(InetAddress origin, Runnable login) {
        ArrayDeque<Runnable> same = waiting.get(origin);
        if (closed || size >= max || (same != null && same.size() >= share)) {
            return false;
        }
        waiting.computeIfAbsent(origin, o -> new ArrayDeque<>()).add(login);
        size++;
        if (workers < THREADS && !begins() && workers == 0) {
            withdraw(origin);
            return false;
        }
        return true;
    }

    /** Has one more thread at work; false when the machine gives none. */
    private boolean begins() {
        workers++;
        try {
            // A worker that has just ended may hold its thread for a moment: the next waits for it.
            pool.execute(this::work);
            return true;
        } catch (RuntimeException | Error noThread) {
            LOG.error("auth=error: no thread to check a password", noThread);
            workers--;
            return false;
        }
    }

    /** Takes the last login of an origin back. */
    private void withdraw(InetAddress origin) {
        ArrayDeque<Runnable> logins = Objects.requireNonNull(waiting.get(origin));
        logins.removeLast();
        if (logins.isEmpty()) {
            waiting.remove(origin);
        }
        size--;
    }

    private void work() {
        for (Runnable next = next(); next != null; next = next()) {
            try {
                next.run();
            } catch (RuntimeException | Error bug) {
                LOG.error("auth=error", bug);
            }
        }
    }

    /** The next of the origin whose turn it is; without one the worker has ended. */
    private synchronized @Nullable Runnable next() {
        Iterator<Map.Entry<InetAddress, ArrayDeque<Runnable>>> turns = waiting.entrySet()
                .iterator();
        if (!turns.hasNext()) {
            workers--;
            return null;
        }
        Map.Entry<InetAddress, ArrayDeque<Runnable>> turn = turns.next();
        InetAddress origin = turn.getKey();
        ArrayDeque<Runnable> logins = turn.getValue();
        turns.remove();
        Runnable login = logins.remove();
        if (!logins.isEmpty()) {
            waiting.put(origin, logins);
        }
        size--;
        return login;
    }

    @Override
    public synchronized void close() {
        closed = true;
        waiting.clear();
        size = 0;
        pool.shutdownNow();
    }
}
