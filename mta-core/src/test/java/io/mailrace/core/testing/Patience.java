// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core.testing;

import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** How tests wait for what other threads bring about: long enough, never for ever. */
public final class Patience {
    /**
     * A machine that stands still stands still for those threads too: what lies between two looks
     * counts for no more than this.
     */
    private static final long LONGEST_STEP_NANOS = Duration.ofMillis(100).toNanos();
    private static final long PAUSE_NANOS = 100_000;

    private Patience() {}

    /**
     * Waits until something holds.
     *
     * @throws AssertionError when it did not within {@code limit} of running time
     */
    public static void await(Duration limit, BooleanSupplier condition) {
        await(TimeSource.system(), limit, condition);
    }

    static void await(TimeSource time, Duration limit, BooleanSupplier condition) {
        long left = limit.toNanos();
        long last = time.nanos();
        while (!condition.getAsBoolean()) {
            if (left <= 0) {
                throw new AssertionError("waited in vain");
            }
            LockSupport.parkNanos(PAUSE_NANOS);
            long now = time.nanos();
            left -= Math.min(now - last, LONGEST_STEP_NANOS);
            last = now;
        }
    }
}
