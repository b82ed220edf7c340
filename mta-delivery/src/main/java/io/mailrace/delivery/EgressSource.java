// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Rate;
import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

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
    private volatile Set<InetAddress> missing = Set.of();
    private volatile String blocked = "";
    private volatile @Nullable InetSocketAddress proxyAddress;

    EgressSource(SourceConfig config, TimeSource time) {
        this.config = config;
        this.time = time;
        refusedNanos = time.nanos() - WANTED_NANOS;
        config.proxy().ifPresent(proxy -> blocked = "source " + config.name() + ": proxy " + proxy
                + " was not looked up yet");
    }

    String name() {
        return config.name();
    }

    SourceConfig config() {
        return config;
    }

    /** The local address to bind for a connection to that one; empty: none is bound. */
    Optional<InetAddress> local(InetAddress peer) {
        return config.proxy().isPresent() ? Optional.empty() : sender(peer);
    }

    /** The address that one is sent to from; empty: nobody chooses it. */
    Optional<InetAddress> sender(InetAddress peer) {
        return config.addresses().stream()
                .filter(one -> SourceConfig.sameFamily(one, peer)).findFirst();
    }

    /** The blocks of addresses receivers may judge it by; none when its address is unknown. */
    List<String> blocks() {
        return config.seen().stream().map(Subject::blockOf).toList();
    }

    /** The block that receiver judges it by; empty when its address is unknown. */
    Optional<String> block(InetAddress peer) {
        return config.seen().stream().filter(one -> SourceConfig.sameFamily(one, peer))
                .findFirst().map(Subject::blockOf);
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

    /** Whether an address of it that can be used now reaches that one. */
    boolean fits(InetAddress peer) {
        return config.addresses().isEmpty()
                || sender(peer).filter(one -> !missing.contains(one)).isPresent();
    }

    /** Whether it has an address of that one's family, usable or not. */
    boolean suits(InetAddress peer) {
        return config.addresses().isEmpty() || sender(peer).isPresent();
    }

    void rest(long nanos, String why) {
        rest = new Rest(time.nanos() + nanos, why);
    }

    /** Its rest is over; what it lacks it lacks still. */
    void wake() {
        rest = new Rest(0, "");
    }

    /** Which of its addresses are not on this machine: none of them is used. */
    void lacks(Set<InetAddress> addresses) {
        missing = Set.copyOf(addresses);
    }

    Set<InetAddress> lacking() {
        return missing;
    }

    /** The address of its proxy is not known: nothing is sent. Empty: it is. */
    void blocked(String why) {
        blocked = why;
    }

    /** Where its proxy listens; only for a source that has one and is not blocked. */
    InetSocketAddress proxyAddress() {
        return Objects.requireNonNull(proxyAddress);
    }

    boolean proxyKnown() {
        return proxyAddress != null;
    }

    void proxyAddress(InetSocketAddress found) {
        proxyAddress = found;
    }

    /** Whether it sends nothing now, to nobody. */
    boolean resting() {
        if (!blocked.isEmpty() || lacksAll()) {
            return true;
        }
        Rest now = rest;
        return !now.why().isEmpty() && now.untilNanos() - time.nanos() > 0;
    }

    /** How long it rests for sure; for ever when something must be mended first. */
    long restNanos() {
        return !blocked.isEmpty() || lacksAll() ? Long.MAX_VALUE
                : Math.max(0, rest.untilNanos() - time.nanos());
    }

    private boolean lacksAll() {
        Set<InetAddress> now = missing;
        return !now.isEmpty() && now.size() == config.addresses().size();
    }

    String whyResting() {
        return !blocked.isEmpty() ? blocked : lacksAll() ? whyLacking() : rest.why();
    }

    /** The sentence on addresses that are not on this machine; empty when it lacks none. */
    String whyLacking() {
        List<InetAddress> now = config.addresses().stream().filter(missing::contains).toList();
        return now.isEmpty() ? "" : whyNotHere(now);
    }

    /** The sentence on an address that could not be bound. */
    String whyNotBound(InetAddress peer, String reason) {
        return reason.contains("annot assign requested address")
                ? whyNotHere(sender(peer).stream().toList())
                : "source " + name() + " cannot use its address: " + reason;
    }

    private String whyNotHere(List<InetAddress> addresses) {
        return "source " + name() + ": address " + addresses.stream()
                .map(InetAddress::getHostAddress).collect(Collectors.joining(" and "))
                + (addresses.size() == 1 ? " is" : " are") + " not on this machine";
    }
}
