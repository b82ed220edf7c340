// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import java.util.Optional;

/** The Host header of HTTP (RFC 9110 7.2). */
final class HostHeader {
    private HostHeader() {}

    /** Lower-case, without port, an IPv6 address without brackets; empty when malformed. */
    static Optional<String> host(String header) {
        if (header.startsWith("[")) {
            int end = header.indexOf(']');
            return end > 1 && port(header.substring(end + 1))
                    ? Optional.of(Ascii.lower(header.substring(1, end)))
                    : Optional.empty();
        }
        int colon = header.indexOf(':');
        String host = colon < 0 ? header : header.substring(0, colon);
        return !host.isEmpty() && port(colon < 0 ? "" : header.substring(colon))
                ? Optional.of(Ascii.lower(host))
                : Optional.empty();
    }

    static boolean numeric(String host) {
        return Cidr.parseAddress(host).isPresent();
    }

    private static boolean port(String text) {
        return text.isEmpty() || (text.length() <= 6 && text.charAt(0) == ':'
                && text.chars().skip(1).allMatch(c -> c >= '0' && c <= '9'));
    }
}
