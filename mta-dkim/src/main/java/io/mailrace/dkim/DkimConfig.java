// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

import io.mailrace.core.ConfigReader;

/** Stub. */
public record DkimConfig() {
    public static DkimConfig from(ConfigReader root) {
        root.section("dkim");
        return new DkimConfig();
    }
}
