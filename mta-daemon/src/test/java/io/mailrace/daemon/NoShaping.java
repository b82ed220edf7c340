// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.Optional;

/** The pages of shaping of a daemon whose delivery has not started. */
final class NoShaping {
    private static final DaemonConfig CONFIG = DaemonConfig.ofText("hostname = mta1.example.com");
    static final ShapingApi API = new ShapingApi(CONFIG, CONFIG::dkim, Optional::empty);

    private NoShaping() {}
}
