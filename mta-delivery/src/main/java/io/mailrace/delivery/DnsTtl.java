// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import java.util.concurrent.TimeUnit;

/** How long an answer is kept: its TTL between two bounds; trouble for the lower one. */
record DnsTtl(TimeSource time, long minNanos, long maxNanos) {

    static DnsTtl of(DnsConfig config, TimeSource time) {
        return new DnsTtl(time, config.minTtl().toNanos(), config.maxTtl().toNanos());
    }

    long untilNanos(long ttlSeconds) {
        return time.nanos() + Math.clamp(TimeUnit.SECONDS.toNanos(Math.max(0, ttlSeconds)),
                minNanos, maxNanos);
    }

    /** When a question that failed may be asked again. */
    long retryNanos() {
        return time.nanos() + minNanos;
    }
}
