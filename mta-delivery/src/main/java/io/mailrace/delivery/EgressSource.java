// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.util.Optional;

/** A sending identity at work, shared by all event loops: it may rest for a while. */
final class EgressSource {
    /** Until when, and why; {@code untilNanos} means nothing when {@code why} is empty. */
    private record Rest(long untilNanos, String why) {}

    private final SourceConfig config;
    private final TimeSource time;
    private volatile Rest rest = new Rest(0, "");

    EgressSource(SourceConfig config, TimeSource time) {
        this.config = config;
        this.time = time;
    }

    String name() {
        return config.name();
    }

    Optional<InetAddress> address() {
        return config.address();
    }

    String ehlo() {
        return config.ehlo();
    }

    /** Whether its address can reach that one at all. */
    boolean fits(InetAddress peer) {
        return config.address().isEmpty()
                || config.address().get().getAddress().length == peer.getAddress().length;
    }

    void rest(long nanos, String why) {
        rest = new Rest(time.nanos() + nanos, why);
    }

    /** Its rest is over. */
    void wake() {
        rest = new Rest(0, "");
    }

    boolean resting() {
        Rest now = rest;
        return !now.why().isEmpty() && now.untilNanos() - time.nanos() > 0;
    }

    String whyResting() {
        return rest.why();
    }
}
