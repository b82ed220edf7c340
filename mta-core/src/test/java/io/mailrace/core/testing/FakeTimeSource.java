// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core.testing;

import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/** Time that moves only when told to. */
public final class FakeTimeSource implements TimeSource {
    private final AtomicLong epochMillis = new AtomicLong(1_700_000_000_000L);
    private final AtomicLong nanos = new AtomicLong();

    @Override
    public long epochMillis() {
        return epochMillis.get();
    }

    @Override
    public long nanos() {
        return nanos.get();
    }

    /**
     * Moves both clocks. Whoever looks at the wall clock first, and then at the other, never sees
     * the wall clock ahead of it: that would look like a step of the wall clock.
     */
    public void advance(Duration by) {
        nanos.addAndGet(by.toNanos());
        epochMillis.addAndGet(by.toMillis());
    }

    /** Moves the wall clock alone, as an administrator or a bad time server would. */
    public void stepWallClock(Duration by) {
        epochMillis.addAndGet(by.toMillis());
    }
}
