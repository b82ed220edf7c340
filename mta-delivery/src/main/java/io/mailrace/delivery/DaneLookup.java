// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.TLSARecord;
import org.xbill.DNS.Type;

/**
 * TLSA records of hosts (RFC 7672 2.2.3), cached by TTL. Asked only for hosts whose addresses are
 * signed: zones that are not may have servers that choke on the question. Any thread, never blocks.
 */
final class DaneLookup {
    private static final int MAX_RECORDS = 20;
    private static final int DANE_TA = 2;
    private static final int DANE_EE = 3;

    /** An answer with its validity. */
    record Found(Dane dane, long validUntilNanos) {}

    private final DnsClient dns;
    private final DnsTtl ttl;
    private final TimeSource time;
    private final Cache<String, Found> cache;

    DaneLookup(DnsClient dns, DnsTtl ttl, DnsConfig config, TimeSource time) {
        this.dns = dns;
        this.ttl = ttl;
        this.time = time;
        cache = Caffeine.newBuilder().maximumSize(config.cacheSize()).executor(Runnable::run)
                .build();
    }

    /**
     * What is known of a host; never completes exceptionally.
     *
     * @param end the host's name after aliases, which is asked for first (2.2.3)
     */
    CompletableFuture<Found> of(String host, String end, int port) {
        String key = host + ' ' + end + ' ' + port;
        Found known = cache.getIfPresent(key);
        if (known != null && known.validUntilNanos() - time.nanos() > 0) {
            return CompletableFuture.completedFuture(known);
        }
        return ask(end, port).thenCompose(found -> found.dane() instanceof Dane.None
                && !end.equals(host) ? ask(host, port) : CompletableFuture.completedFuture(found))
                .exceptionally(bug -> unknown(host, String.valueOf(bug.getMessage())))
                .thenApply(found -> {
                    cache.put(key, found);
                    return found;
                });
    }

    private Found unknown(String host, String why) {
        return new Found(new Dane.Unknown("the TLSA records of " + host + " are not known: "
                + Ascii.clean(why, 200)), ttl.retryNanos());
    }

    private CompletableFuture<Found> ask(String host, int port) {
        Name name = DnsNames.of("_" + port + "._tcp." + host);
        if (name == null) {
            return CompletableFuture.completedFuture(new Found(Dane.NONE, ttl.untilNanos(0)));
        }
        return DnsChain.follow(dns, name, Type.TLSA).thenApply(result -> result.trouble().isEmpty()
                ? new Found(read(host, result), ttl.untilNanos(result.ttlSeconds()))
                : unknown(host, result.trouble()));
    }

    private static Dane read(String host, DnsChain.Result result) {
        if (!result.secure() || result.records().isEmpty()) {
            return Dane.NONE;
        }
        List<TLSARecord> usable = new ArrayList<>();
        for (Record one : result.records()) {
            if (one instanceof TLSARecord record && usable(record) && usable.size() < MAX_RECORDS) {
                usable.add(record);
            }
        }
        return usable.isEmpty() ? new Dane.Unusable() : new Dane.Records(host, usable);
    }

    /** Usages 0 and 1 have no meaning for mail (RFC 7672 3.1.3). */
    private static boolean usable(TLSARecord record) {
        int octets = record.getCertificateAssociationData().length;
        boolean sound = switch (record.getMatchingType()) {
            case 0 -> octets > 0;
            case 1 -> octets == 32;
            case 2 -> octets == 64;
            default -> false;
        };
        return sound && record.getSelector() <= 1 && (record.getCertificateUsage() == DANE_TA
                || record.getCertificateUsage() == DANE_EE);
    }
}
