// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/** The clocks. Passed in everywhere, so that tests own the time. Thread-safe. */
public interface TimeSource {

    /** Wall clock in milliseconds since 1970; may jump either way. Only for stored times. */
    long epochMillis();

    /** Monotonic nanoseconds from an arbitrary start. For every interval. */
    long nanos();

    /** The machine's clocks. */
    static TimeSource system() {
        return SystemTimeSource.INSTANCE;
    }
}
