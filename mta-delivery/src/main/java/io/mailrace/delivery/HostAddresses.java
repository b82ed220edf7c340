// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Type;

/**
 * Addresses of hosts, A and AAAA at once, cached by TTL; many domains share one host. A host with
 * one family failing and the other answering has the addresses of the other. Any thread.
 */
final class HostAddresses {
    /**
     * Addresses of one host, IPv4 first; {@code trouble} when nobody could say.
     *
     * @param secure the answers were signed
     * @param end the host's name after aliases
     */
    record Addresses(List<InetAddress> addresses, String trouble, long validUntilNanos,
            boolean secure, String end) {
        boolean unknown() {
            return addresses.isEmpty() && !trouble.isEmpty();
        }
    }

    private static final int MAX_EACH = 10;

    private final DnsClient dns;
    private final DnsTtl ttl;
    private final TimeSource time;
    private final Cache<String, Addresses> cache;
    private final ConcurrentMap<String, CompletableFuture<Addresses>> asking;

    HostAddresses(DnsClient dns, DnsTtl ttl, DnsConfig config, TimeSource time) {
        this.dns = dns;
        this.ttl = ttl;
        this.time = time;
        asking = new ConcurrentHashMap<>();
        cache = Caffeine.newBuilder().maximumSize(config.cacheSize()).executor(Runnable::run)
                .build();
    }

    CompletableFuture<Addresses> of(String host) {
        Addresses known = cache.getIfPresent(host);
        if (known != null && known.validUntilNanos() - time.nanos() > 0) {
            return CompletableFuture.completedFuture(known);
        }
        CompletableFuture<Addresses> mine = new CompletableFuture<>();
        CompletableFuture<Addresses> others = asking.putIfAbsent(host, mine);
        if (others != null) {
            return others;
        }
        ask(host).whenComplete((found, bug) -> {
            Addresses answer = bug != null ? failed(host, String.valueOf(bug.getMessage()))
                    : found.unknown() && known != null && !known.addresses().isEmpty()
                            ? new Addresses(known.addresses(), "", ttl.retryNanos(),
                                    known.secure(), known.end())
                            : found;
            cache.put(host, answer);
            asking.remove(host, mine);
            mine.complete(answer);
        });
        return mine;
    }

    private Addresses failed(String host, String why) {
        return new Addresses(List.of(), why.isEmpty() ? "no answer" : why, ttl.retryNanos(), false,
                host);
    }

    private CompletableFuture<Addresses> ask(String host) {
        Name name = DnsNames.of(host);
        if (name == null) {
            return CompletableFuture.completedFuture(
                    new Addresses(List.of(), "", ttl.untilNanos(0), false, host));
        }
        CompletableFuture<DnsChain.Result> four = DnsChain.follow(dns, name, Type.A);
        CompletableFuture<DnsChain.Result> six = DnsChain.follow(dns, name, Type.AAAA);
        return four.thenCombine(six, this::combine);
    }

    private Addresses combine(DnsChain.Result four, DnsChain.Result six) {
        List<InetAddress> addresses = new ArrayList<>();
        long seconds = Math.min(four.ttlSeconds(), six.ttlSeconds());
        for (Record one : four.records()) {
            if (one instanceof ARecord a && addresses.size() < MAX_EACH) {
                addresses.add(a.getAddress());
            }
        }
        int bound = addresses.size() + MAX_EACH;
        for (Record one : six.records()) {
            if (one instanceof AAAARecord a && addresses.size() < bound) {
                addresses.add(a.getAddress());
            }
        }
        String trouble = !four.trouble().isEmpty() ? four.trouble() : six.trouble();
        return new Addresses(List.copyOf(addresses), Ascii.clean(trouble, 200),
                trouble.isEmpty() ? ttl.untilNanos(seconds) : ttl.retryNanos(),
                (four.secure() || !four.trouble().isEmpty())
                        && (six.secure() || !six.trouble().isEmpty()) && !addresses.isEmpty(),
                DnsNames.text(four.records().isEmpty() ? six.end() : four.end()));
    }
}
