// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Cidr;
import io.mailrace.core.ConfigReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;

/**
 * One address the server listens on, and who may hand in mail there.
 *
 * @param bind a numeric address with a port; port 0 lets the system choose
 * @param relayFrom clients that need not authenticate
 */
public record ListenerConfig(InetSocketAddress bind, Tls tls, Auth auth, List<Cidr> relayFrom) {

    /** When the connection is encrypted. */
    public enum Tls {
        OFF, STARTTLS, IMPLICIT
    }

    /** Who must log in: everybody, everybody outside relay-from, or nobody can. */
    public enum Auth {
        REQUIRED, OPTIONAL, NONE
    }

    public ListenerConfig {
        relayFrom = List.copyOf(relayFrom);
        if (relayFrom.stream().anyMatch(ListenerConfig::everybody)) {
            throw new IllegalArgumentException("relay-from with a network of everybody is an open"
                    + " relay, which is found and used by spammers within a day: name your own"
                    + " networks, or set auth = required");
        }
        if (auth == Auth.NONE && relayFrom.isEmpty()) {
            throw new IllegalArgumentException("nobody could send mail here: set auth = required,"
                    + " or relay-from to the networks that may send without a password");
        }
        if (auth != Auth.NONE && tls == Tls.OFF) {
            throw new IllegalArgumentException("passwords are taken only over TLS:"
                    + " set tls = starttls or tls = implicit, or auth = none");
        }
        if (auth == Auth.REQUIRED && !relayFrom.isEmpty()) {
            throw new IllegalArgumentException("relay-from has no effect with auth = required:"
                    + " set auth = optional to let these networks send without a password");
        }
    }

    static Optional<ListenerConfig> from(ConfigReader section) {
        InetSocketAddress bind = section.parsed("bind",
                "an address with a port, such as 0.0.0.0:587 or [::]:587",
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                ListenerConfig::parseBind);
        Tls tls = section.choice("tls", Tls.class);
        Auth auth = section.choice("auth", Auth.class);
        List<Cidr> relayFrom = section.parsedList("relay-from",
                "an address or a network such as 10.0.0.0/8", Cidr::parse);
        return section.build(() -> new ListenerConfig(bind, tls, auth, relayFrom));
    }

    private static boolean everybody(Cidr block) {
        return block.prefixLength() == 0;
    }

    /** Whether mail of this client is taken without a password. */
    boolean relaysFor(InetAddress client) {
        for (Cidr block : relayFrom) {
            if (block.contains(client)) {
                return true;
            }
        }
        return false;
    }

    static Optional<InetSocketAddress> parseBind(String text) {
        int colon = text.lastIndexOf(':');
        if (colon < 1 || colon == text.length() - 1 || text.length() - colon > 6) {
            return Optional.empty();
        }
        String digits = text.substring(colon + 1);
        if (!digits.chars().allMatch(c -> c >= '0' && c <= '9')
                || Integer.parseInt(digits) > 65535) {
            return Optional.empty();
        }
        String host = text.substring(0, colon);
        boolean bracketed = host.startsWith("[") && host.endsWith("]");
        if (bracketed != (host.indexOf(':') >= 0)) {
            return Optional.empty();
        }
        return Cidr.parseAddress(bracketed ? host.substring(1, host.length() - 1) : host)
                .map(address -> new InetSocketAddress(address, Integer.parseInt(digits)));
    }
}
