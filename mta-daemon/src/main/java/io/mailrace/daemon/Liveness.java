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
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether the threads that move mail come around: each event loop (sessions and dispatchers live
 * there), the readers of the spool, the thread that writes it and the one that wakes its queues. At
 * most one question is on its way to each. A full disk or a dead network is no reason to call it
 * dead: only what a restart can mend. For one thread.
 */
final class Liveness {
    private static final Logger LOG = LoggerFactory.getLogger(Liveness.class);

    /** What is asked to run an empty task. */
    record Asked(String name, Executor where) {}

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

    /** @param limit a silence that is longer means stuck */
    Liveness(List<Asked> all, Spool spool, TimeSource time, Duration limit) {
        all.forEach(asked -> pulses.add(new Pulse(asked, time)));
        this.spool = spool;
        this.time = time;
        this.limit = limit;
    }

    /**
     * The name of what is stuck, empty when all is well; logs where it hangs, once. Asks everybody
     * anew, so it must be called more often than the limit.
     */
    Optional<String> look() {
        Optional<String> stuck = spool.stuck(limit);
        @Nullable
        Thread where = stuck.map(Liveness::find).orElse(null);
        for (Pulse pulse : pulses) {
            if (stuck.isEmpty() && time.nanos() - pulse.answeredNanos > limit.toNanos()) {
                stuck = Optional.of(pulse.asked.name());
                where = pulse.thread;
            }
            pulse.ask();
        }
        String name = stuck.orElse("");
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

    private static @Nullable Thread find(String name) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals(name)).findFirst().orElse(null);
    }
}
