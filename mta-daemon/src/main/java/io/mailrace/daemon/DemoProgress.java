// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.PrintStream;
import java.util.Locale;

/**
 * Shows how far a demo run is: one line that is overwritten on a terminal, else a line now and
 * then. Confined to one thread.
 */
final class DemoProgress {
    private static final int BAR = 24;
    private static final double PLAIN_SECONDS = 1.0;

    private final PrintStream out;
    private final boolean live;
    private double nextPlainSeconds;

    DemoProgress(PrintStream out, boolean live) {
        this.out = out;
        this.live = live;
    }

    void show(double seconds, int acknowledged, int messages, int settled, int recipients) {
        if (!live && seconds < nextPlainSeconds) {
            return;
        }
        nextPlainSeconds = seconds + PLAIN_SECONDS;
        int filled = recipients == 0 ? 0 : (int) ((long) settled * BAR / recipients);
        String line = String.format(Locale.ROOT,
                "%6.1f s  [%s%s]  %,d of %,d acknowledged, %,d of %,d recipients settled",
                seconds, "#".repeat(filled), ".".repeat(BAR - filled), acknowledged, messages,
                settled, recipients);
        if (live) {
            out.print("\r" + line + "  ");
            out.flush();
        } else {
            out.println(line);
        }
    }

    /** Leaves the line. */
    void end() {
        if (live) {
            out.println();
        }
    }
}
