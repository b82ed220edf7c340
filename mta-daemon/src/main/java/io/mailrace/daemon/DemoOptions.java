// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

/**
 * What a demo run shall do.
 *
 * @param messages how many are submitted
 * @param sessions how many clients submit at once
 * @param json the report as JSON instead of text, without progress
 * @param liveProgress one progress line that is overwritten, for a terminal
 * @param stay keep the daemon running after the report until the standard input ends
 */
public record DemoOptions(int messages, int sessions, boolean json, boolean liveProgress,
        boolean stay) {
    public DemoOptions {
        if (messages < 1 || messages > 1_000_000) {
            throw new IllegalArgumentException("messages must be 1 to 1000000");
        }
        if (sessions < 1 || sessions > 500) {
            throw new IllegalArgumentException("sessions must be 1 to 500");
        }
    }
}
