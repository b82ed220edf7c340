// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.util.concurrent.atomic.AtomicLong;

/** Gives out SpoolIds: rising, never one twice, over restarts and clock steps. Any thread. */
final class SpoolIds {
    private final TimeSource time;
    private final AtomicLong newest;

    /** @param floor the highest id that may have been given out before */
    SpoolIds(TimeSource time, long floor) {
        this.time = time;
        newest = new AtomicLong(floor);
    }

    SpoolId next() {
        long first = SpoolId.firstOf(time.epochMillis()).value();
        return new SpoolId(newest.updateAndGet(last -> Math.max(last + 1, first)));
    }

    long newest() {
        return newest.get();
    }
}
