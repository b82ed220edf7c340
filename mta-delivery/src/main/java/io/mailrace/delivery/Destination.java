// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import java.net.InetAddress;
import java.util.Optional;

/** What a queue's destination text names. */
sealed interface Destination {
    /** Mail to it is taken for delivered and thrown away. */
    String BLACKHOLE = "blackhole://";

    /** A domain: its MX hosts are asked for. */
    record Domain(String name) implements Destination {}

    /** {@code [192.0.2.1]} or {@code [ipv6:2001:db8::1]} (RFC 5321 4.1.3). */
    record Literal(InetAddress address) implements Destination {}

    /** How a configured next hop is spoken to. */
    enum Protocol {
        SMTP("smtp://", 25),
        /** TLS from the first byte (RFC 8314 3.3). */
        SMTPS("smtps://", 465),
        /** A reply for each recipient after the content (RFC 2033). */
        LMTP("lmtp://", 24);

        private final String prefix;
        private final int port;

        Protocol(String prefix, int port) {
            this.prefix = prefix;
            this.port = port;
        }

        String prefix() {
            return prefix;
        }
    }

    /** A configured next hop, name or address. */
    record SmartHost(Protocol protocol, String host, int port) implements Destination {

        /** The host as it stands in a site's name: with a port behind it, it can be read again. */
        String site() {
            return protocol.prefix() + (host.indexOf(':') < 0 ? host : "[" + host + "]");
        }

        /** As in routes. */
        String text() {
            return site() + ":" + port;
        }
    }

    /** Nowhere. */
    record Blackhole() implements Destination {}

    /** Not one of ours: a broken route. */
    record Unreadable(String text) implements Destination {}

    /** A host and a port. */
    record HostPort(String host, int port) {}

    static Destination parse(String text) {
        for (Protocol protocol : Protocol.values()) {
            if (text.startsWith(protocol.prefix)) {
                return hostAndPort(text.substring(protocol.prefix.length()), protocol.port)
                        .<Destination>map(to -> new SmartHost(protocol, to.host(), to.port()))
                        .orElse(new Unreadable(text));
            }
        }
        if (text.equals(BLACKHOLE)) {
            return new Blackhole();
        }
        if (text.startsWith("[") && text.endsWith("]")) {
            String inner = text.substring(1, text.length() - 1);
            String address = Ascii.startsWithIgnoreCase(inner, "ipv6:") ? inner.substring(5)
                    : inner;
            return Cidr.parseAddress(address).<Destination>map(Literal::new)
                    .orElse(new Unreadable(text));
        }
        return text.isEmpty() ? new Unreadable(text) : new Domain(text);
    }

    /** Reads {@code host}, {@code host:port}, {@code [ipv6]} or {@code [ipv6]:port}. */
    static Optional<HostPort> hostAndPort(String text, int otherwise) {
        int end = text.startsWith("[") ? text.indexOf(']') : -1;
        String host;
        String rest;
        if (end > 0) {
            host = text.substring(1, end);
            rest = text.substring(end + 1);
        } else {
            int colon = text.indexOf(':');
            host = colon < 0 ? text : text.substring(0, colon);
            rest = colon < 0 ? "" : text.substring(colon);
        }
        if (host.isEmpty() || (!rest.isEmpty() && !rest.startsWith(":"))) {
            return Optional.empty();
        }
        if (rest.isEmpty()) {
            return Optional.of(new HostPort(host, otherwise));
        }
        String digits = rest.substring(1);
        if (digits.isEmpty() || digits.length() > 5
                || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.empty();
        }
        int port = Integer.parseInt(digits);
        return port < 1 || port > 65_535 ? Optional.empty()
                : Optional.of(new HostPort(host, port));
    }
}
