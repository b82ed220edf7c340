// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.Optional;

/**
 * A whole run of {@code mailrace bench}.
 *
 * @param full at full load, or at the rate that was asked for
 * @param half at half of what full load gave; empty when a rate was asked for
 */
record BenchResult(BenchOptions options, int cores, int warmUpSeconds, double perSecond,
        BenchProbe.Disk disk, double signaturesPerSecond, BenchPhase full,
        Optional<BenchPhase> half, BenchLimit limit, BenchRig.Account account) {

    /** Times say something only where the load leaves room. */
    BenchPhase timed() {
        return half.orElse(full);
    }
}
