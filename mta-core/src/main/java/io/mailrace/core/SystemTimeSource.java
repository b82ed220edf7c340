// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/** The machine's clocks: the only place that reads them. */
enum SystemTimeSource implements TimeSource {
    INSTANCE;

    @Override
    public long epochMillis() {
        return System.currentTimeMillis();
    }

    @Override
    public long nanos() {
        return System.nanoTime();
    }
}
