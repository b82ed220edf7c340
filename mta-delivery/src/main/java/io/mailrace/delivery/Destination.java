// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import java.net.InetAddress;
import java.util.Optional;

/** What a queue's destination text names. */
sealed interface Destination {
    String SMART_HOST = "smtp://";

    /** A domain: its MX hosts are asked for. */
    record Domain(String name) implements Destination {}

    /** {@code [192.0.2.1]} or {@code [ipv6:2001:db8::1]} (RFC 5321 4.1.3). */
    record Literal(InetAddress address) implements Destination {}

    /** A configured next hop, name or address. */
    record SmartHost(String host, int port) implements Destination {}

    /** Not one of ours: a broken route. */
    record Unreadable(String text) implements Destination {}

    static Destination parse(String text) {
        if (text.startsWith(SMART_HOST)) {
            return hostAndPort(text.substring(SMART_HOST.length()), 25)
                    .<Destination>map(to -> to).orElse(new Unreadable(text));
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
    static Optional<SmartHost> hostAndPort(String text, int otherwise) {
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
            return Optional.of(new SmartHost(host, otherwise));
        }
        String digits = rest.substring(1);
        if (digits.isEmpty() || digits.length() > 5
                || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.empty();
        }
        int port = Integer.parseInt(digits);
        return port < 1 || port > 65_535 ? Optional.empty()
                : Optional.of(new SmartHost(host, port));
    }
}
