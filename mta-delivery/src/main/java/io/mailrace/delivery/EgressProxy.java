// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * The proxy a source sends through. Its text never has the password.
 *
 * @param host a name or an address
 * @param user empty: the proxy asks for none
 */
record EgressProxy(Kind kind, String host, int port, String user, String password) {
    /** RFC 1929 has one octet for the length. */
    private static final int MAX_CREDENTIAL = 255;

    /** How the proxy is told where to connect to. */
    enum Kind {
        /** RFC 1928, with RFC 1929 when there is a user. */
        SOCKS5("socks5"),
        /** A header of the PROXY protocol, version 2, whose destination the proxy connects to. */
        HAPROXY("haproxy");

        private final String scheme;

        Kind(String scheme) {
            this.scheme = scheme;
        }
    }

    /** Reads {@code socks5://[user:password@]host:port} or {@code haproxy://host:port}. */
    static Optional<EgressProxy> parse(String text) {
        for (Kind kind : Kind.values()) {
            String begin = kind.scheme + "://";
            if (text.startsWith(begin)) {
                return parse(kind, text.substring(begin.length()));
            }
        }
        return Optional.empty();
    }

    private static Optional<EgressProxy> parse(Kind kind, String text) {
        int at = text.lastIndexOf('@');
        String user = "";
        String password = "";
        if (at >= 0) {
            int colon = text.indexOf(':');
            if (kind != Kind.SOCKS5 || colon < 0 || colon > at) {
                return Optional.empty();
            }
            Optional<String> who = decode(text.substring(0, colon));
            Optional<String> secret = decode(text.substring(colon + 1, at));
            if (who.isEmpty() || secret.isEmpty()) {
                return Optional.empty();
            }
            user = who.get();
            password = secret.get();
        }
        Optional<Destination.HostPort> place = Destination.hostAndPort(text.substring(at + 1), 0);
        if (place.isEmpty() || place.get().port() == 0
                || !place.get().host().chars().allMatch(SourceConfig::inHostName)) {
            return Optional.empty();
        }
        return Optional.of(new EgressProxy(kind, place.get().host(), place.get().port(), user,
                password));
    }

    /** %3A for a colon and so on. */
    private static Optional<String> decode(String text) {
        try {
            String decoded = URLDecoder.decode(text.replace("+", "%2B"),
                    StandardCharsets.ISO_8859_1);
            return decoded.isEmpty() || decoded.length() > MAX_CREDENTIAL
                    || !Ascii.isPrintable(decoded) ? Optional.empty() : Optional.of(decoded);
        } catch (IllegalArgumentException broken) {
            return Optional.empty();
        }
    }

    @Override
    public String toString() {
        return kind.scheme + "://" + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":"
                + port;
    }
}
