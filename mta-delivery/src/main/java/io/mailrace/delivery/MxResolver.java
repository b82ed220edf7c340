// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import io.mailrace.core.Metrics;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.MxAnswer.Hosts;
import io.mailrace.delivery.MxAnswer.MxHost;
import io.mailrace.delivery.MxAnswer.Undeliverable;
import io.mailrace.delivery.MxAnswer.Unknown;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.xbill.DNS.MXRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Type;

/**
 * Where a destination's mail goes (RFC 5321 section 5). Any thread; never blocks. Answers are kept
 * for their TTL between bounds, at most a configured number; a question under way is not asked
 * twice; after a failure an expired answer is used rather than none.
 */
final class MxResolver {
    static final int MAX_HOSTS = 20;
    static final int MAX_ADDRESSES = 10;

    private record Kept(MxAnswer answer, long validUntilNanos) {}

    /** An MX host by name, before its addresses are known. */
    private record Named(String name, int preference) {}

    private final DeliveryConfig config;
    private final OwnAddresses own;
    private final TimeSource time;
    private final DnsTtl ttl;
    private final DnsClient dns;
    private final HostAddresses hosts;
    private final DaneLookup dane;
    private final Cache<String, Kept> cache;
    private final ConcurrentMap<String, CompletableFuture<MxAnswer>> asking;

    MxResolver(DeliveryConfig config, TimeSource time, Metrics metrics) {
        this(config, time, new DnsClient(config.dns(), metrics));
    }

    MxResolver(DeliveryConfig config, TimeSource time, DnsClient dns) {
        this.config = config;
        this.time = time;
        asking = new ConcurrentHashMap<>();
        own = new OwnAddresses(config);
        ttl = DnsTtl.of(config.dns(), time);
        this.dns = dns;
        hosts = new HostAddresses(dns, ttl, config.dns(), time);
        dane = new DaneLookup(dns, ttl, config.dns(), time);
        cache = Caffeine.newBuilder().maximumSize(config.dns().cacheSize())
                .executor(Runnable::run).build();
    }

    /** Never completes exceptionally. */
    CompletableFuture<MxAnswer> resolve(Destination destination) {
        return switch (destination) {
            case Destination.Domain domain -> domain(domain.name());
            case Destination.Literal literal -> CompletableFuture.completedFuture(
                    literal(literal.address()));
            case Destination.SmartHost host -> smartHost(host);
            case Destination.Blackhole nowhere ->
                throw new IllegalArgumentException("nowhere has no hosts");
            case Destination.Unreadable unreadable -> CompletableFuture.completedFuture(
                    new Unknown(SmtpReply.of(451, "4.3.5", "the route is broken: "
                            + unreadable.text())));
        };
    }

    /** Whether a question about the domain is under way. */
    boolean asking(String domain) {
        return asking.containsKey(domain);
    }

    private MxAnswer literal(InetAddress address) {
        String name = "[" + address.getHostAddress() + "]";
        return isOwn(address) ? loop(name)
                : judge(List.of(new MxHost(name, 0, List.of(address))), false, "",
                        ttl.untilNanos(3600));
    }

    private CompletableFuture<MxAnswer> domain(String domain) {
        Kept kept = cache.getIfPresent(domain);
        if (kept != null && kept.validUntilNanos() - time.nanos() > 0) {
            return CompletableFuture.completedFuture(kept.answer());
        }
        CompletableFuture<MxAnswer> mine = new CompletableFuture<>();
        CompletableFuture<MxAnswer> others = asking.putIfAbsent(domain, mine);
        if (others != null) {
            return others;
        }
        ask(domain).whenComplete((found, bug) -> {
            Kept answer = found != null ? found : unknown(domain, String.valueOf(bug));
            if (answer.answer() instanceof Unknown && kept != null
                    && kept.answer() instanceof Hosts stale) {
                answer = new Kept(new Hosts(stale.hosts(), stale.secure(), ttl.retryNanos()),
                        ttl.retryNanos());
            }
            if (!(answer.answer() instanceof Unknown)) {
                cache.put(domain, answer);
            }
            asking.remove(domain, mine);
            mine.complete(answer.answer());
        });
        return mine;
    }

    private Kept unknown(String name, String why) {
        return new Kept(new Unknown(SmtpReply.of(451, "4.4.3", "DNS lookup of " + name
                + " failed: " + why)), ttl.retryNanos());
    }

    private Kept never(int code, String status, String text, long ttlSeconds) {
        return new Kept(new Undeliverable(SmtpReply.of(code, status, text)),
                ttl.untilNanos(ttlSeconds));
    }

    private CompletableFuture<Kept> ask(String domain) {
        Name name = DnsNames.of(domain);
        if (name == null) {
            return CompletableFuture.completedFuture(never(550, "5.1.2",
                    domain + " cannot be a domain name", 3600));
        }
        return DnsChain.follow(dns, name, Type.MX).thenCompose(mx -> {
            if (!mx.trouble().isEmpty()) {
                return CompletableFuture.completedFuture(unknown(domain, mx.trouble()));
            }
            if (!mx.exists()) {
                return CompletableFuture.completedFuture(never(550, "5.1.2",
                        "the domain " + domain + " does not exist", mx.ttlSeconds()));
            }
            List<Named> named = named(mx.records());
            if (named.size() == 1 && named.getFirst().name().isEmpty()) {
                return CompletableFuture.completedFuture(never(556, "5.1.10",
                        "the domain " + domain + " accepts no mail (null MX, RFC 7505)",
                        mx.ttlSeconds()));
            }
            if (mx.records().isEmpty()) {
                named.add(new Named(domain, 0));
            }
            named.removeIf(one -> one.name().isEmpty());
            return complete(new MxSet(domain, named, mx.secure(), mx.ttlSeconds()));
        });
    }

    private static List<Named> named(List<Record> records) {
        List<Named> named = new ArrayList<>();
        for (Record one : records) {
            if (one instanceof MXRecord mx && named.size() < MAX_HOSTS * 10) {
                named.add(new Named(DnsNames.text(mx.getTarget()), mx.getPriority()));
            }
        }
        named.sort(Comparator.comparingInt(Named::preference));
        return named;
    }

    /** What the MX records of a domain say. */
    private record MxSet(String domain, List<Named> hosts, boolean secure, long ttlSeconds) {}

    /** What was found of one host. */
    private record Looked(HostAddresses.Addresses addresses, DaneLookup.Found dane) {}

    /** Cuts the list at ourselves, then asks for the addresses of what is left. */
    private CompletableFuture<Kept> complete(MxSet mx) {
        int cut = Integer.MAX_VALUE;
        for (Named one : mx.hosts()) {
            if (Ascii.equalsIgnoreCase(one.name(), config.hostname())) {
                cut = Math.min(cut, one.preference());
            }
        }
        int bound = cut;
        List<Named> left = mx.hosts().stream().filter(one -> one.preference() < bound)
                .limit(MAX_HOSTS).toList();
        if (left.isEmpty()) {
            return CompletableFuture.completedFuture(cut < Integer.MAX_VALUE
                    ? new Kept(loop(mx.domain()), ttl.untilNanos(mx.ttlSeconds()))
                    : never(550, "5.4.4", "the domain " + mx.domain() + " has no usable MX host",
                            mx.ttlSeconds()));
        }
        int port = config.delivery().port();
        List<CompletableFuture<Looked>> asked = left.stream()
                .map(one -> look(one.name(), mx.secure(), port)).toList();
        return CompletableFuture.allOf(asked.toArray(CompletableFuture[]::new))
                .thenApply(done -> join(mx, left, asked.stream().map(CompletableFuture::join)
                        .toList()));
    }

    /** @param secure the name itself can be relied on, so TLSA records of it count */
    private CompletableFuture<Looked> look(String host, boolean secure, int port) {
        return hosts.of(host).thenCompose(found -> {
            if (!secure || !found.secure() || !config.delivery().dane()) {
                return CompletableFuture.completedFuture(new Looked(found,
                        new DaneLookup.Found(Dane.NONE, found.validUntilNanos())));
            }
            return dane.of(host, found.end(), port).thenApply(tlsa -> new Looked(found, tlsa));
        });
    }

    private static MxAnswer loop(String domain) {
        return new Undeliverable(SmtpReply.of(554, "5.4.6", "mail for " + domain
                + " loops back to this machine"));
    }

    private Kept join(MxSet mx, List<Named> named, List<Looked> looked) {
        List<MxHost> found = new ArrayList<>();
        int cut = Integer.MAX_VALUE;
        String trouble = "";
        long until = ttl.untilNanos(mx.ttlSeconds());
        for (int i = 0; i < named.size(); i++) {
            HostAddresses.Addresses of = looked.get(i).addresses();
            DaneLookup.Found tlsa = looked.get(i).dane();
            if (of.addresses().stream().anyMatch(this::isOwn)) {
                cut = Math.min(cut, named.get(i).preference());
            }
            if (!of.trouble().isEmpty()) {
                trouble = named.get(i).name() + ": " + of.trouble();
            }
            until = earlier(until, earlier(of.validUntilNanos(), tlsa.validUntilNanos()));
            found.add(new MxHost(named.get(i).name(), named.get(i).preference(),
                    of.addresses(), tlsa.dane()));
        }
        int bound = cut;
        found.removeIf(host -> host.preference() >= bound);
        if (found.isEmpty()) {
            return new Kept(loop(mx.domain()), until);
        }
        found.removeIf(host -> host.addresses().isEmpty());
        if (found.isEmpty()) {
            return trouble.isEmpty()
                    ? new Kept(new Undeliverable(SmtpReply.of(550, "5.4.4", "no host of "
                            + mx.domain() + " has an address")), until)
                    : unknown(mx.domain(), trouble);
        }
        return new Kept(judge(found, mx.secure(), trouble, until), until);
    }

    private static long earlier(long one, long other) {
        return one - other < 0 ? one : other;
    }

    /** Ourselves; an address the operator allows by name is taken for somebody else. */
    private boolean isOwn(InetAddress address) {
        return own.contains(address) && !config.delivery().allows(address);
    }

    /** Leaves out addresses that are not public and not allowed. */
    private MxAnswer judge(List<MxHost> found, boolean secure, String trouble, long until) {
        List<MxHost> usable = new ArrayList<>();
        String refused = "";
        for (MxHost host : found) {
            List<InetAddress> addresses = new ArrayList<>();
            for (InetAddress address : host.addresses()) {
                if (!OwnAddresses.isPrivate(address) || config.delivery().allows(address)) {
                    addresses.add(address);
                } else {
                    refused = address.getHostAddress();
                }
            }
            if (!addresses.isEmpty()) {
                usable.add(new MxHost(host.name(), host.preference(), addresses, host.dane()));
            }
        }
        if (!usable.isEmpty()) {
            return new Hosts(usable, secure, until);
        }
        if (!trouble.isEmpty()) {
            return unknown(found.getFirst().name(), trouble).answer();
        }
        return new Undeliverable(SmtpReply.of(550, "5.4.4", "the next hop "
                + found.getFirst().name() + " [" + refused + "] is not a public address; "
                + "delivery.allow-destinations would allow it"));
    }

    /** A configured host may be private; that it cannot be found is our trouble, not the mail's. */
    private CompletableFuture<MxAnswer> smartHost(Destination.SmartHost host) {
        Optional<InetAddress> address = Cidr.parseAddress(host.host());
        if (address.isPresent()) {
            return CompletableFuture.completedFuture(new Hosts(List.of(new MxHost(host.host(), 0,
                    List.of(address.get()))), true, ttl.untilNanos(3600)));
        }
        return look(Ascii.lower(host.host()), true, host.port()).thenApply(
                found -> smartHost(host, found));
    }

    private MxAnswer smartHost(Destination.SmartHost host, Looked looked) {
        HostAddresses.Addresses of = looked.addresses();
        if (of.addresses().isEmpty()) {
            return new Unknown(SmtpReply.of(451, "4.4.3", "the configured host " + host.host()
                    + " has no address" + (of.trouble().isEmpty() ? ""
                            : ": " + of.trouble())));
        }
        return new Hosts(List.of(new MxHost(host.host(), 0, of.addresses(),
                looked.dane().dane())), true, earlier(of.validUntilNanos(),
                        looked.dane().validUntilNanos()));
    }
}
