// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.delivery.MxAnswer.MxHost;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Which address of a site the next connection goes to: hosts by preference, shuffled among equals,
 * without those that failed lately; none for a while once {@link MxResolver#MAX_ADDRESSES} failed
 * in a row. Confined to its event loop.
 */
final class HostLadder {
    static final Duration DOWN = Duration.ofMinutes(5);
    static final Duration CLEAR = Duration.ofMinutes(15);
    private static final int MAX_MARKS = 64;
    /** Of failures that say nothing about a source. */
    private static final String ANY_SOURCE = "";

    private final TimeSource time;
    private final int port;
    private final Map<InetAddress, Long> downUntil = new HashMap<>();
    private final Map<From, Long> downFrom = new HashMap<>();
    private final Map<String, Long> clearUntil = new HashMap<>();
    private final TlsDemand tls;
    private Hosts hosts;
    /** In a row, by source. */
    private final Map<String, Integer> failures = new HashMap<>();
    private long exhaustedUntilNanos;

    /** An address as one source sees it. */
    private record From(String source, InetAddress address) {}

    /** @param tls with DANE a host of which nobody knows the TLSA records is not used */
    HostLadder(Hosts hosts, int port, TlsDemand tls, TimeSource time) {
        this.tls = tls;
        this.hosts = hosts;
        this.port = port;
        this.time = time;
    }

    void update(Hosts newer) {
        hosts = newer;
    }

    List<String> hostNames() {
        return hosts.hosts().stream().map(MxHost::name).toList();
    }

    String firstName() {
        return hosts.hosts().getFirst().name();
    }

    /**
     * Null when every address that fits the source failed lately, or too many, or none fits.
     *
     * @param ipv4Only IPv6 is left out
     */
    @Nullable
    Target next(EgressSource source, boolean ipv4Only) {
        if (!reaches(source, ipv4Only)) {
            return null;
        }
        for (MxHost host : hosts.shuffled(ThreadLocalRandom.current())) {
            for (InetAddress address : usable(host)) {
                if (fits(source, address, ipv4Only) && !isDown(source, address)) {
                    return new Target(host.name(), address, port, host.dane());
                }
            }
        }
        return null;
    }

    /** Whether {@link #next} has an address for that source. */
    boolean reaches(EgressSource source, boolean ipv4Only) {
        if (exhausted(ANY_SOURCE) || exhausted(source.name())) {
            return false;
        }
        for (MxHost host : hosts.hosts()) {
            for (InetAddress address : usable(host)) {
                if (fits(source, address, ipv4Only) && !isDown(source, address)) {
                    return true;
                }
            }
        }
        return false;
    }

    private List<InetAddress> usable(MxHost host) {
        return tls.dane() && host.dane() instanceof Dane.Unknown ? List.of() : host.addresses();
    }

    /** Why no host may be used though each has addresses; null when one may. */
    @Nullable
    String untold() {
        String why = null;
        for (MxHost host : hosts.hosts()) {
            if (!tls.dane() || !(host.dane() instanceof Dane.Unknown unknown)) {
                return null;
            }
            why = unknown.why();
        }
        return why;
    }

    private static boolean fits(EgressSource source, InetAddress address, boolean ipv4Only) {
        return source.fits(address) && !(ipv4Only && address instanceof Inet6Address);
    }

    /** Whether an address the source can use now reaches one of the site's. */
    boolean fits(EgressSource source) {
        return anyAddress(source::fits);
    }

    /** Whether the source has an address of the family of one of the site's. */
    boolean suits(EgressSource source) {
        return anyAddress(source::suits);
    }

    private boolean anyAddress(Predicate<InetAddress> which) {
        for (MxHost host : hosts.hosts()) {
            for (InetAddress address : host.addresses()) {
                if (which.test(address)) {
                    return true;
                }
            }
        }
        return false;
    }

    private boolean isDown(EgressSource source, InetAddress address) {
        return marked(downUntil, address) || (!downFrom.isEmpty()
                && marked(downFrom, new From(source.name(), address)));
    }

    /** Down for that source; others may find it up. */
    void markDown(EgressSource source, InetAddress address, Duration how) {
        failed(source.name(), how);
        mark(downFrom, new From(source.name(), address), how);
    }

    void markDown(InetAddress address, Duration how) {
        failed(ANY_SOURCE, how);
        mark(downUntil, address, how);
    }

    private void failed(String source, Duration how) {
        long now = time.nanos();
        if (now - exhaustedUntilNanos >= 0) {
            failures.clear();
        }
        failures.merge(source, 1, Integer::sum);
        exhaustedUntilNanos = now + how.toNanos();
    }

    private boolean exhausted(String source) {
        return failures.getOrDefault(source, 0) >= MxResolver.MAX_ADDRESSES
                && time.nanos() - exhaustedUntilNanos < 0;
    }

    void markUp(InetAddress address) {
        failures.clear();
        downUntil.remove(address);
    }

    /** TLS failed with this host: the next connections go in the clear. */
    void markClear(String host) {
        mark(clearUntil, host, CLEAR);
    }

    boolean inTheClear(String host) {
        return !clearUntil.isEmpty() && marked(clearUntil, host);
    }

    /** Everything may be tried again. */
    void forgetDown() {
        failures.clear();
        downUntil.clear();
        downFrom.clear();
    }

    private <K> void mark(Map<K, Long> marks, K key, Duration how) {
        if (marks.size() >= MAX_MARKS) {
            for (Iterator<Long> all = marks.values().iterator(); all.hasNext();) {
                if (all.next() - time.nanos() <= 0) {
                    all.remove();
                }
            }
        }
        if (marks.size() >= MAX_MARKS) {
            // without a mark it would be tried again at once, and again
            marks.entrySet().stream().min(Map.Entry.comparingByValue())
                    .ifPresent(soonest -> marks.remove(soonest.getKey()));
        }
        marks.put(key, time.nanos() + how.toNanos());
    }

    private <K> boolean marked(Map<K, Long> marks, K key) {
        Long until = marks.get(key);
        if (until == null) {
            return false;
        }
        if (until - time.nanos() > 0) {
            return true;
        }
        marks.remove(key);
        return false;
    }
}
