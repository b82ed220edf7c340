// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * So many a second or minute, spread evenly: after a pause there is no burst beyond a twentieth of
 * a second's worth (the generic cell rate algorithm).
 */
final class EvenRate implements Limit {
    private static final long TOLERANCE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final String name;
    private final TimeSource time;
    private volatile long spacing;
    /** When the next one is expected, in nanoseconds of the time source. */
    private final AtomicLong next;
    private final AtomicLong line;

    /** @param spacingNanos between two of them, at least 1 */
    EvenRate(String name, long spacingNanos, TimeSource time) {
        this.name = name;
        this.time = time;
        spacing = spacingNanos;
        next = new AtomicLong(time.nanos());
        line = new AtomicLong(time.nanos());
    }

    void spacing(long nanos) {
        spacing = Math.max(1, nanos);
    }

    @Override
    public long peek() {
        return wait(next.get(), time.nanos());
    }

    private long wait(long expected, long now) {
        // what is closer together than the tolerance may catch up
        long tolerance = spacing < TOLERANCE_NANOS ? TOLERANCE_NANOS : 0;
        return Math.max(0, expected - tolerance - now);
    }

    @Override
    public long take() {
        long now = time.nanos();
        while (true) {
            long expected = next.get();
            long wait = wait(expected, now);
            if (wait > 0) {
                return wait;
            }
            long after = (expected - now > 0 ? expected : now) + spacing;
            if (next.compareAndSet(expected, after)) {
                return 0;
            }
        }
    }

    @Override
    public void giveBack(long takenNanos) {
        if (time.nanos() - takenNanos <= Math.max(spacing, TOLERANCE_NANOS)) {
            next.addAndGet(-spacing);
        }
    }

    /** Each has its own time. */
    @Override
    public long queueUp() {
        long now = time.nanos();
        long first = Math.max(0, next.get() - now) + now;
        return Math.max(1, line.updateAndGet(last -> Math.max(last, first) + spacing) - now);
    }

    @Override
    public String name() {
        return name;
    }
}
