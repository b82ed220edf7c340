// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigReader;
import io.mailrace.queue.QueueKey;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything delivery can be told: sections {@code delivery}, {@code sources}, {@code pools},
 * {@code providers}, {@code limits}, {@code smart-hosts}, {@code warmup}, {@code tls-reports} and
 * {@code dns}. The keys are explained in this module's {@code reference.conf}.
 *
 * @param hostname the machine's own mail name: an MX naming it is a loop
 * @param sources by name; never empty
 * @param pools by name; holds {@code default}
 * @param providerRoutes which pool a provider's mail leaves by, the first that holds decides
 * @param smartHosts what holds for configured next hops, by the text of {@code via}
 */
public record DeliveryConfig(String hostname, Settings delivery,
        Map<String, SourceConfig> sources, Map<String, PoolConfig> pools, Providers providers,
        List<MailLimit> limits, Map<String, SmartHostConfig> smartHosts,
        List<ProviderRoute> providerRoutes, WarmupConfig warmup, TlsReportConfig tlsReports,
        DnsConfig dns) {
    static final String DEFAULT = "default";

    public DeliveryConfig {
        sources = Collections.unmodifiableMap(new LinkedHashMap<>(sources));
        pools = Collections.unmodifiableMap(new LinkedHashMap<>(pools));
        limits = List.copyOf(limits);
        smartHosts = Map.copyOf(smartHosts);
        providerRoutes = List.copyOf(providerRoutes);
    }

    /** The pool mail of a queue leaves by; null when there is none of that name. */
    @Nullable
    PoolConfig poolOf(QueueKey queue, String provider) {
        for (ProviderRoute route : providerRoutes) {
            if (route.holds(queue, provider)) {
                return pools.get(route.pool());
            }
        }
        return pools.get(queue.pool());
    }

    /** What holds for a configured next hop. */
    SmartHostConfig smartHost(String via) {
        return smartHosts.getOrDefault(via, SmartHostConfig.PLAIN);
    }

    /** Section {@code delivery}. */
    record Settings(int port, List<Cidr> allowDestinations, TlsPolicy tls,
            PeerTlsConfig peerTls, int connections, int connectionsPerSite,
            int messagesPerConnection, int recipientsPerTransaction,
            Duration idleTimeout, boolean pipelining, boolean chunking, int signingThreads,
            Duration parkFirst, Duration parkMax, DeliveryTimeouts timeouts) {
        Settings {
            allowDestinations = List.copyOf(allowDestinations);
            if (connectionsPerSite > connections) {
                throw new IllegalArgumentException(
                        "connections-per-site must not exceed connections");
            }
            if (parkFirst.compareTo(parkMax) > 0) {
                throw new IllegalArgumentException("park-first must not exceed park-max");
            }
        }

        boolean dane() {
            return peerTls.dane() && tls != TlsPolicy.OFF;
        }

        /** Whether the operator allows this address as a next hop though it is not public. */
        boolean allows(InetAddress address) {
            for (Cidr block : allowDestinations) {
                if (block.contains(address)) {
                    return true;
                }
            }
            return false;
        }
    }

    /** Reads the sections; problems are noted in the reader. */
    public static DeliveryConfig from(ConfigReader root, String hostname) {
        Map<String, SourceConfig> sources = new LinkedHashMap<>();
        Map<String, ConfigReader> named = root.sections("sources", "source-defaults");
        named.forEach((name, reader) -> SourceConfig.from(name, reader, hostname)
                .ifPresent(source -> sources.put(name, source)));
        if (sources.isEmpty()) {
            sources.put(DEFAULT, SourceConfig.plain(DEFAULT,
                    hostname.isEmpty() ? "localhost" : hostname));
        }
        Map<String, PoolConfig> pools = new LinkedHashMap<>();
        Map<String, ConfigReader> readers = root.sections("pools", "pool-defaults");
        readers.forEach((name, reader) -> PoolConfig.from(name, reader, sources.keySet())
                .ifPresent(pool -> pools.put(name, pool)));
        pools.computeIfAbsent(DEFAULT, name -> PoolConfig.even(name, sources.keySet()));
        PoolConfig.checkOverflows(pools, readers);
        Providers providers = Providers.from(root);
        WarmupConfig warmup = WarmupConfig.from(root.section("warmup"), providers.names());
        warmup.check(named, sources, pools);
        return new DeliveryConfig(hostname, settings(root.section("delivery")), sources, pools,
                providers, MailLimit.listFrom(root, providers), SmartHostConfig.allFrom(root),
                ProviderRoute.listFrom(root, providers, pools.keySet()),
                warmup, TlsReportConfig.from(root.section("tls-reports"), hostname),
                DnsConfig.from(root.section("dns")));
    }

    private static Settings settings(ConfigReader reader) {
        int port = reader.integer("port", 1, 65_535);
        List<Cidr> allow = reader.parsedList("allow-destinations",
                "an address or block such as 10.0.0.0/8", Cidr::parse);
        TlsPolicy tls = reader.choice("tls", TlsPolicy.class);
        PeerTlsConfig peerTls = PeerTlsConfig.from(reader);
        int connections = reader.integer("connections", 1, 100_000);
        int perSite = reader.integer("connections-per-site", 1, 10_000);
        int messages = reader.integer("messages-per-connection", 1, 1_000_000);
        int recipients = reader.integer("recipients-per-transaction", 1, 1000);
        Duration idle = reader.duration("idle-timeout", Duration.ofMillis(10),
                Duration.ofHours(1));
        boolean pipelining = reader.flag("pipelining");
        boolean chunking = reader.flag("chunking");
        int threads = reader.integer("signing-threads", 0, 256);
        Duration first = reader.duration("park-first", Duration.ofMillis(10),
                Duration.ofHours(6));
        Duration max = reader.duration("park-max", Duration.ofMillis(10), Duration.ofHours(6));
        DeliveryTimeouts timeouts = DeliveryTimeouts.from(reader.section("timeouts"));
        return reader
                .build(() -> new Settings(port, allow, tls, peerTls, connections, perSite, messages,
                        recipients, idle, pipelining, chunking, threads, first, max, timeouts))
                .orElseGet(() -> new Settings(port, allow, tls, peerTls, perSite, perSite, messages,
                        recipients, idle, pipelining, chunking, threads, max, max, timeouts));
    }
}
