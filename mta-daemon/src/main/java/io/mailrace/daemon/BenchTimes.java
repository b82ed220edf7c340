// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import org.HdrHistogram.Histogram;

/** Percentiles of what took how long, in nanoseconds; all 0 when there was nothing. */
public record BenchTimes(long count, long p50, long p99, long p999, long max) {

    static BenchTimes of(Histogram histogram) {
        return histogram.getTotalCount() == 0
                ? new BenchTimes(0, 0, 0, 0, 0)
                : new BenchTimes(histogram.getTotalCount(), histogram.getValueAtPercentile(50),
                        histogram.getValueAtPercentile(99), histogram.getValueAtPercentile(99.9),
                        histogram.getMaxValue());
    }
}
