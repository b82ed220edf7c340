// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.Rate;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * One sending identity; an entry of section {@code sources}.
 *
 * @param address local address to bind, or the one the proxy sends from; empty: the system chooses
 * @param address6 the IPv6 address beside an IPv4 {@code address}
 * @param publicAddress what the world sees of the address of the same family
 * @param publicAddress6 the IPv6 one beside an IPv4 {@code publicAddress}
 * @param proxy what it sends through; empty: directly
 * @param ehlo the name given in EHLO
 * @param bounds on what it does, whoever receives it
 * @param warmup by which plan it is warmed up; empty: it is warm
 */
record SourceConfig(String name, Optional<InetAddress> address, Optional<InetAddress> address6,
        Optional<InetAddress> publicAddress, Optional<InetAddress> publicAddress6,
        Optional<EgressProxy> proxy, String ehlo, Bounds bounds,
        Optional<WarmupConfig.Joined> warmup) {

    /**
     * What one source may do to all receivers together.
     *
     * @param connections open at once
     */
    record Bounds(int connections, List<Rate> rates, List<Rate> connectionRates) {
        static final Bounds NONE = new Bounds(Integer.MAX_VALUE, List.of(), List.of());

        Bounds {
            rates = List.copyOf(rates);
            connectionRates = List.copyOf(connectionRates);
        }
    }

    SourceConfig {
        if (ehlo.isEmpty() || ehlo.length() > 255 || !ehlo.chars().allMatch(
                SourceConfig::inHostName)) {
            throw new IllegalArgumentException("ehlo must be a host name, not \"" + ehlo + "\"");
        }
        checkPair("address", address, address6);
        checkPair("public-address", publicAddress, publicAddress6);
        for (Optional<InetAddress> seen : List.of(publicAddress, publicAddress6)) {
            if (seen.isPresent() && Stream.concat(address.stream(), address6.stream())
                    .map(one -> sameFamily(one, seen.get())).toList().equals(List.of(false))) {
                throw new IllegalArgumentException("the source has no address of the family of "
                        + seen.get().getHostAddress());
            }
        }
        boolean header = proxy.filter(one -> one.kind() == EgressProxy.Kind.HAPROXY).isPresent();
        if (header && address.isEmpty() && address6.isEmpty()) {
            throw new IllegalArgumentException("a haproxy:// proxy is told which address to send "
                    + "from: address must be set");
        }
    }

    private static void checkPair(String key, Optional<InetAddress> one,
            Optional<InetAddress> six) {
        if (six.filter(address -> !(address instanceof Inet6Address)).isPresent()) {
            throw new IllegalArgumentException(key + "6 must be an IPv6 address");
        }
        if (six.isPresent() && one.filter(Inet6Address.class::isInstance).isPresent()) {
            throw new IllegalArgumentException(key + " and " + key + "6 are both IPv6: a source "
                    + "has one address of each family");
        }
    }

    /** Of that name, sending directly from whatever address the system chooses. */
    static SourceConfig plain(String name, String ehlo) {
        return new SourceConfig(name, Optional.empty(), Optional.empty(), Optional.empty(),
                Optional.empty(), Optional.empty(), ehlo, Bounds.NONE, Optional.empty());
    }

    /** The same, warmed up. */
    SourceConfig warmedUp(WarmupConfig.Joined by) {
        return new SourceConfig(name, address, address6, publicAddress, publicAddress6, proxy,
                ehlo, bounds, Optional.of(by));
    }

    static Optional<SourceConfig> from(String name, ConfigReader reader, String hostname) {
        Optional<InetAddress> address = address(reader, "address");
        Optional<InetAddress> address6 = address(reader, "address6");
        Optional<InetAddress> seen = address(reader, "public-address");
        Optional<InetAddress> seen6 = address(reader, "public-address6");
        String proxy = reader.string("proxy");
        Optional<EgressProxy> through = EgressProxy.parse(proxy);
        if (!proxy.isEmpty() && through.isEmpty()) {
            // what was written may have a password
            reader.problem("proxy", "must be socks5://host:port, socks5://user:password@host:port "
                    + "or haproxy://host:port");
        }
        String ehlo = reader.string("ehlo");
        Bounds bounds = new Bounds(reader.integer("connections", 1, 100_000),
                Provider.readRates(reader, "rate"), Provider.readRates(reader, "connection-rate"));
        Optional<WarmupConfig.Joined> warmup = WarmupConfig.joined(reader);
        return reader.build(() -> new SourceConfig(name, address, address6, seen, seen6, through,
                ehlo.isEmpty() ? hostname : ehlo, bounds, warmup));
    }

    private static Optional<InetAddress> address(ConfigReader reader, String key) {
        String text = reader.string(key);
        Optional<InetAddress> address = Cidr.parseAddress(text);
        if (!text.isEmpty() && address.isEmpty()) {
            reader.problem(key, "must be "
                    + (key.startsWith("public") ? "an address" : "an address of this machine")
                    + " such as 192.0.2.10, or empty; not \"" + text + "\"");
        }
        return address;
    }

    /** The addresses it sends from; none when the system chooses. */
    List<InetAddress> addresses() {
        return Stream.of(address, address6).flatMap(Optional::stream).toList();
    }

    /** The addresses it binds: none when the proxy has them. */
    List<InetAddress> bound() {
        return proxy.isPresent() ? List.of() : addresses();
    }

    /** The addresses receivers see, as far as they are known. */
    List<InetAddress> seen() {
        List<InetAddress> own = addresses();
        List<InetAddress> told = Stream.of(publicAddress, publicAddress6)
                .flatMap(Optional::stream).toList();
        return Stream.concat(told.stream(), own.stream().filter(one -> told.stream().noneMatch(
                other -> sameFamily(one, other)))).toList();
    }

    static boolean sameFamily(InetAddress one, InetAddress other) {
        return one.getAddress().length == other.getAddress().length;
    }

    static boolean inHostName(int c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                || c == '.' || c == '-' || c == '_' || c == '[' || c == ']' || c == ':';
    }
}
