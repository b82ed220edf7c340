// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.Optional;

/** The pages of shaping of a daemon whose delivery has not started. */
final class NoShaping {
    static final ShapingApi API = new ShapingApi(DaemonConfig.ofText(
            "hostname = mta1.example.com"), Optional::empty);

    private NoShaping() {}
}
