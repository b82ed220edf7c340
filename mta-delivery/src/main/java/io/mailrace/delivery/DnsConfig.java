// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How names are looked up; section {@code dns}.
 *
 * @param servers resolvers to ask; empty: those of the system
 * @param dnssec whether their word that an answer was signed is believed
 */
record DnsConfig(List<InetSocketAddress> servers, Dnssec dnssec, Duration timeout, int tries,
        int concurrentQueries, int cacheSize, Duration minTtl, Duration maxTtl) {
    private static final int PORT = 53;

    /** Whether the AD bit of answers is believed (RFC 4035 3.2.3). */
    enum Dnssec {
        /** When all resolvers are on this machine. */
        AUTO,
        /** Always: the way to them is safe. */
        TRUSTED,
        /** Never: nothing counts as signed. */
        OFF
    }

    DnsConfig {
        servers = List.copyOf(servers);
        if (minTtl.compareTo(maxTtl) > 0) {
            throw new IllegalArgumentException("min-ttl must not exceed max-ttl");
        }
    }

    static DnsConfig from(ConfigReader reader) {
        List<InetSocketAddress> servers = reader.parsedList("servers",
                "an address or address:port such as 127.0.0.1:5353", DnsConfig::server);
        Dnssec dnssec = reader.choice("dnssec", Dnssec.class);
        Duration timeout = reader.duration("timeout", Duration.ofMillis(10),
                Duration.ofMinutes(1));
        int tries = reader.integer("tries", 1, 10);
        int concurrent = reader.integer("concurrent-queries", 1, 10_000);
        int cacheSize = reader.integer("cache-size", 1, 10_000_000);
        Duration minTtl = reader.duration("min-ttl", Duration.ZERO, Duration.ofDays(1));
        Duration maxTtl = reader.duration("max-ttl", Duration.ZERO, Duration.ofDays(1));
        return reader
                .build(() -> new DnsConfig(servers, dnssec, timeout, tries, concurrent, cacheSize,
                        minTtl, maxTtl))
                .orElseGet(
                        () -> new DnsConfig(List.of(), dnssec, timeout, tries, concurrent,
                                cacheSize,
                                maxTtl, maxTtl));
    }

    /** Reads {@code 192.0.2.1}, {@code 192.0.2.1:5353}, {@code 2001:db8::1}, {@code [::1]:53}. */
    private static Optional<InetSocketAddress> server(String text) {
        Optional<InetAddress> bare = Cidr.parseAddress(text);
        if (bare.isPresent()) {
            return Optional.of(new InetSocketAddress(bare.get(), PORT));
        }
        return Destination.hostAndPort(text, PORT).flatMap(to -> Cidr.parseAddress(to.host())
                .map(address -> new InetSocketAddress(address, to.port())));
    }
}
