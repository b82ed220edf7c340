// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigReader;
import io.mailrace.core.Rate;
import java.net.InetAddress;
import java.util.List;
import java.util.Optional;

/**
 * One sending identity; an entry of section {@code sources}.
 *
 * @param address local address to bind; empty: the system chooses
 * @param ehlo the name given in EHLO
 * @param bounds on what it does, whoever receives it
 */
record SourceConfig(String name, Optional<InetAddress> address, String ehlo, Bounds bounds) {

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
    }

    static Optional<SourceConfig> from(String name, ConfigReader reader, String hostname) {
        String address = reader.string("address");
        Optional<InetAddress> local = Cidr.parseAddress(address);
        if (!address.isEmpty() && local.isEmpty()) {
            reader.problem("address", "must be an address of this machine such as 192.0.2.10, "
                    + "or empty; not \"" + address + "\"");
        }
        String ehlo = reader.string("ehlo");
        Bounds bounds = new Bounds(reader.integer("connections", 1, 100_000),
                Provider.readRates(reader, "rate"), Provider.readRates(reader, "connection-rate"));
        return reader.build(() -> new SourceConfig(name, local, ehlo.isEmpty() ? hostname
                : ehlo, bounds));
    }

    private static boolean inHostName(int c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                || c == '.' || c == '-' || c == '_' || c == '[' || c == ']' || c == ':';
    }
}
