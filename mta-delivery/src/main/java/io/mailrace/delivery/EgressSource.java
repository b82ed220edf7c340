// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Rate;
import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A sending identity at work, shared by all event loops: it may rest for a while. */
final class EgressSource {
    /** Until when, and why; {@code untilNanos} means nothing when {@code why} is empty. */
    private record Rest(long untilNanos, String why) {}

    private static final long WANTED_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final SourceConfig config;
    private final TimeSource time;
    private final AtomicInteger connections = new AtomicInteger();
    private final IdleOffers idle = new IdleOffers();
    private volatile long refusedNanos;
    private volatile Rest rest = new Rest(0, "");

    EgressSource(SourceConfig config, TimeSource time) {
        this.config = config;
        this.time = time;
        refusedNanos = time.nanos() - WANTED_NANOS;
    }

    String name() {
        return config.name();
    }

    Optional<InetAddress> address() {
        return config.address();
    }

    /** The block of addresses receivers may judge it by; empty when its address is unknown. */
    Optional<String> block() {
        return Subject.blockOf(config.address());
    }

    /** Connections it may have to all receivers together. */
    int mostConnections() {
        return config.bounds().connections();
    }

    List<Rate> rates() {
        return config.bounds().rates();
    }

    List<Rate> connectionRates() {
        return config.bounds().connectionRates();
    }

    /** Who has an idle connection of it, to whatever receiver. */
    IdleOffers idle() {
        return idle;
    }

    /** Whether somebody was refused a connection of late, so that who has one makes room. */
    boolean wanted() {
        return connections.get() >= mostConnections()
                && time.nanos() - refusedNanos < WANTED_NANOS;
    }

    /** Takes the right to one connection; {@link #closeOne} must follow. */
    boolean openOne() {
        for (int now = connections.get(); now < mostConnections(); now = connections.get()) {
            if (connections.compareAndSet(now, now + 1)) {
                return true;
            }
        }
        refusedNanos = time.nanos();
        return false;
    }

    void closeOne() {
        connections.decrementAndGet();
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
