// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import org.jspecify.annotations.Nullable;

/**
 * What the measures in force leave of one source towards one site of a receiver. Immutable.
 *
 * @param stoppedUntil wall-clock milliseconds before which nothing is sent; 0: not stopped
 * @param connections at most so many to all sites of the receiver
 * @param siteConnections at most so many of these to the site
 * @param messages on one connection at most
 * @param slow what each message must pass; null: not slowed
 * @param why the measure that stops it, or the narrowest; null when there is none
 * @param validUntil wall-clock milliseconds after which it must be looked up again
 */
record Narrowing(long stoppedUntil, int connections, int siteConnections, int messages,
        @Nullable EvenRate slow, boolean ipv4Only, @Nullable Measure why, long validUntil) {
    /** Nothing is in force. */
    static final Narrowing NONE = new Narrowing(0, Integer.MAX_VALUE, Integer.MAX_VALUE,
            Integer.MAX_VALUE, null, false, null, Long.MAX_VALUE);

    boolean stopped(long nowEpochMillis) {
        return stoppedUntil > nowEpochMillis;
    }
}
