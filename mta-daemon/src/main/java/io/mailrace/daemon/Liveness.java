// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import io.mailrace.queue.Spool;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether the threads that move mail come around: each event loop (sessions and dispatchers live
 * there), the readers of the spool, the thread that writes it and the one that wakes its queues. At
 * most one question is on its way to each. A full disk or a dead network is no reason to call it
 * dead: only what a restart can mend. While the disk does not answer a write, what waits for it has
 * {@value #DISK_LIMIT_MINUTES} minutes: a restart would wait for the same disk, and lose what
 * clients have begun.
 *
 * <p>The thread {@code liveness} looks; any thread asks what it found.
 */
final class Liveness implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Liveness.class);

    private static final int DISK_LIMIT_MINUTES = 10;
    private static final Duration DISK_LIMIT = Duration.ofMinutes(DISK_LIMIT_MINUTES);
    /** A write that takes longer waits for a disk that does not answer. */
    private static final Duration SLOW_WRITE = Duration.ofSeconds(1);
    private static final long LONGEST_PAUSE_MILLIS = 10_000;
    private static final long SHORTEST_PAUSE_MILLIS = 20;
    private static final long JOIN_MILLIS = 1000;

    /**
     * What is asked to run an empty task.
     *
     * @param disk whether it may have to wait for the disk
     */
    record Asked(String name, Executor where, boolean disk) {}

    private static final class Pulse implements Runnable {
        private final Asked asked;
        private final TimeSource time;
        private volatile long answeredNanos;
        private volatile boolean waiting;
        private volatile @Nullable Thread thread;

        Pulse(Asked asked, TimeSource time) {
            this.asked = asked;
            this.time = time;
            answeredNanos = time.nanos();
        }

        void ask() {
            if (waiting) {
                return;
            }
            waiting = true;
            try {
                asked.where().execute(this);
            } catch (RejectedExecutionException ended) {
                // it never answers again, or has too much to do: both show by the silence
                waiting = false;
            }
        }

        @Override
        public void run() {
            thread = Thread.currentThread();
            answeredNanos = time.nanos();
            waiting = false;
        }
    }

    private final List<Pulse> pulses = new ArrayList<>();
    private final Spool spool;
    private final TimeSource time;
    private final Duration limit;
    private String reported = "";
    private volatile String found = "";
    private volatile long lookedNanos;
    private @Nullable Thread thread;

    /** @param limit a silence that is longer means stuck */
    Liveness(List<Asked> all, Spool spool, TimeSource time, Duration limit) {
        all.forEach(asked -> pulses.add(new Pulse(asked, time)));
        this.spool = spool;
        this.time = time;
        this.limit = limit;
        lookedNanos = time.nanos();
    }

    /** Looks now and then from now on. */
    Liveness start() {
        Thread looking = Thread.ofPlatform().name("liveness").daemon(true).unstarted(this::run);
        thread = looking;
        looking.start();
        return this;
    }

    private void run() {
        long pause = Math.clamp(limit.toMillis() / 4, SHORTEST_PAUSE_MILLIS,
                LONGEST_PAUSE_MILLIS);
        while (!Thread.currentThread().isInterrupted()) {
            try {
                look();
            } catch (RuntimeException bug) {
                LOG.error("liveness unknown", bug);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(pause));
        }
    }

    /** The name of what is stuck as last seen, empty when all is well. Never blocks. */
    Optional<String> stuck() {
        if (time.nanos() - lookedNanos > limit.toNanos() + SLOW_WRITE.toNanos()) {
            return Optional.of("liveness");
        }
        return found.isEmpty() ? Optional.empty() : Optional.of(found);
    }

    /**
     * The name of what is stuck, empty when all is well; logs where it hangs, once. Asks everybody
     * anew, so it must be called more often than the limit.
     */
    Optional<String> look() {
        Duration waiting = spool.stalled().compareTo(SLOW_WRITE) > 0
                && limit.compareTo(DISK_LIMIT) < 0 ? DISK_LIMIT : limit;
        Optional<String> stuck = spool.stuck(waiting);
        @Nullable
        Thread where = stuck.map(Liveness::find).orElse(null);
        for (Pulse pulse : pulses) {
            long silentNanos = time.nanos() - pulse.answeredNanos;
            Duration allowed = pulse.asked.disk() ? waiting : limit;
            if (stuck.isEmpty() && silentNanos > allowed.toNanos()) {
                stuck = Optional.of(pulse.asked.name());
                where = pulse.thread;
            }
            pulse.ask();
        }
        String name = stuck.orElse("");
        found = name;
        lookedNanos = time.nanos();
        if (!name.equals(reported)) {
            reported = name;
            report(name, where);
        }
        return stuck;
    }

    private void report(String name, @Nullable Thread where) {
        if (name.isEmpty()) {
            LOG.warn("stuck=no, all threads come around again");
        } else {
            StringBuilder stack = new StringBuilder();
            for (StackTraceElement frame : where == null
                    ? new StackTraceElement[0]
                    : where.getStackTrace()) {
                stack.append(stack.isEmpty() ? "" : " < ").append(frame);
            }
            LOG.error("stuck={} seconds={} at=\"{}\"", name, limit.toSeconds(), stack);
        }
    }

    /** Nobody looks any more. */
    @Override
    public void close() {
        Thread looking = thread;
        if (looking == null) {
            return;
        }
        looking.interrupt();
        try {
            looking.join(JOIN_MILLIS);
        } catch (InterruptedException hurry) {
            Thread.currentThread().interrupt();
        }
    }

    private static @Nullable Thread find(String name) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals(name)).findFirst().orElse(null);
    }
}
