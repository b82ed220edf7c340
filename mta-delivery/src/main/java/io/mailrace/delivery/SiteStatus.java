// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.concurrent.TimeUnit;

/**
 * What one site says of itself: why its mail waits, and whether it is of use any more. Written on
 * the site's event loop, read by any thread.
 */
final class SiteStatus {
    private static final long QUIET_NANOS = TimeUnit.MINUTES.toNanos(1);
    /** What is known of a site that fails is kept that long. */
    private static final long FAILING_NANOS = TimeUnit.MINUTES.toNanos(40);

    private final String name;
    private volatile long quietSinceNanos;
    private volatile boolean quiet = true;
    private volatile String rests = "";
    private volatile String limited = "";
    private volatile boolean paused;
    private volatile boolean waitsForConnection;
    private volatile boolean waitsForSigning;
    private volatile String trying = "";
    private volatile int open;
    private volatile int proven;

    SiteStatus(String name, long nowNanos) {
        this.name = name;
        quietSinceNanos = nowNanos;
    }

    /** Why the site as a whole rests; empty: it does not. */
    void rests(String why) {
        rests = why;
    }

    String whyResting() {
        return rests;
    }

    /** Why its sources, or some of them, may not send at the moment; empty: they may. */
    void limited(String why) {
        limited = why;
    }

    /** Local trouble: no connection is opened for a moment. */
    void paused(boolean is) {
        paused = is;
    }

    boolean paused() {
        return paused;
    }

    void waits(boolean forConnection, boolean forSigning) {
        waitsForConnection = forConnection;
        waitsForSigning = forSigning;
    }

    /**
     * @param in all connections, those on their way included
     * @param works of these, those that were established
     * @param to of one of them, when none works; else empty
     */
    void connections(int in, int works, String to) {
        trying = to;
        open = in;
        proven = works;
    }

    /** There is work. */
    void busy() {
        quiet = false;
    }

    /** @param now no connection and no queue has to do with it */
    void quiet(boolean now, long nowNanos) {
        if (now && !quiet) {
            quietSinceNanos = nowNanos;
        }
        quiet = now;
    }

    /** Whether it may go, as far as seen from any thread. */
    boolean seemsForgotten(long nowNanos) {
        return quiet && nowNanos - quietSinceNanos > QUIET_NANOS;
    }

    /** Whether it was quiet for so long that it is of no use. On the event loop. */
    boolean forgotten(boolean failing, long nowNanos) {
        return nowNanos - quietSinceNanos > (failing ? FAILING_NANOS : QUIET_NANOS);
    }

    /**
     * Why mail of a queue waits, one sentence.
     *
     * @param most connections the site may have
     */
    String why(int most) {
        String rest = rests;
        String limit = limited;
        int in = open;
        if (!rest.isEmpty()) {
            return rest;
        }
        if (!limit.isEmpty()) {
            return limit;
        }
        if (waitsForConnection) {
            return "all connections of this server (delivery.connections) are in use";
        }
        if (waitsForSigning) {
            return "waiting for DKIM signing";
        }
        if (paused) {
            return "local trouble: connections cannot be opened for a moment";
        }
        if (proven == 0 && in > 0) {
            return "connecting to " + trying + " for site " + name;
        }
        return in >= most
                ? "all " + in + " connections to site " + name + " are busy"
                : "on its way to site " + name + " over " + in + " connections";
    }
}
