// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Runs one task at the earliest of the times it was asked for; who asked for a later one asks again
 * then. Confined to its event loop.
 */
final class EarliestTimer {
    private final EventLoop loop;
    private final TimeSource time;
    private final Runnable task;
    private @Nullable ScheduledFuture<?> timer;
    private long atNanos;

    EarliestTimer(EventLoop loop, TimeSource time, Runnable task) {
        this.loop = loop;
        this.time = time;
        this.task = task;
    }

    /** Not later than in so many nanoseconds. */
    void within(long nanos) {
        long at = time.nanos() + nanos;
        ScheduledFuture<?> running = timer;
        if (running != null) {
            if (at - atNanos >= 0) {
                return;
            }
            running.cancel(false);
        }
        atNanos = at;
        timer = loop.schedule(() -> {
            timer = null;
            task.run();
        }, nanos, TimeUnit.NANOSECONDS);
    }
}
