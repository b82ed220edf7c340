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
 * @param clientCertificate whether clients show a certificate in the handshake
 * @param proxyFrom balancers that must say with the PROXY protocol whom they speak for
 * @param xclientFrom balancers that may say with XCLIENT whom they speak for
 * @param xclientLogin these may also say who logged in there
 * @param pressure what it may take of connections and memory
 */
public record ListenerConfig(InetSocketAddress bind, Tls tls, Auth auth, List<Cidr> relayFrom,
        ClientCertificates clientCertificate, List<Cidr> proxyFrom, List<Cidr> xclientFrom,
        boolean xclientLogin, ListenerPressure pressure) {

    /** When the connection is encrypted. */
    public enum Tls {
        OFF, STARTTLS, IMPLICIT
    }

    /** Who must log in: everybody, everybody outside relay-from, or nobody can. */
    public enum Auth {
        REQUIRED, OPTIONAL, NONE
    }

    /** Not asked for, asked for, or needed to connect. One that is shown must be good. */
    public enum ClientCertificates {
        OFF, OPTIONAL, REQUIRED
    }

    public ListenerConfig {
        relayFrom = List.copyOf(relayFrom);
        if (relayFrom.stream().anyMatch(ListenerConfig::everybody)) {
            throw new IllegalArgumentException("relay-from with a network of everybody is an open"
                    + " relay, which is found and used by spammers within a day: name your own"
                    + " networks, or set auth = required");
        }
        proxyFrom = notEverybody("proxy-from", proxyFrom);
        xclientFrom = notEverybody("xclient-from", xclientFrom);
        if (xclientLogin && xclientFrom.isEmpty()) {
            throw new IllegalArgumentException("xclient-login has no effect without xclient-from");
        }
        if (xclientLogin && auth == Auth.NONE) {
            throw new IllegalArgumentException("xclient-login needs users: set auth = required or"
                    + " auth = optional");
        }
        if (auth == Auth.NONE && relayFrom.isEmpty()) {
            throw new IllegalArgumentException("nobody could send mail here: set auth = required,"
                    + " or relay-from to the networks that may send without a password");
        }
        if (auth != Auth.NONE && tls == Tls.OFF) {
            throw new IllegalArgumentException("passwords are taken only over TLS:"
                    + " set tls = starttls or tls = implicit, or auth = none");
        }
        if (auth == Auth.NONE && clientCertificate != ClientCertificates.OFF) {
            throw new IllegalArgumentException("a client certificate logs a user in:"
                    + " set auth = required or auth = optional, or client-certificate = off");
        }
        if (auth == Auth.REQUIRED && !relayFrom.isEmpty()) {
            throw new IllegalArgumentException("relay-from has no effect with auth = required:"
                    + " set auth = optional to let these networks send without a password");
        }
    }

    /** Whoever is in such a list names the address we believe. */
    private static List<Cidr> notEverybody(String key, List<Cidr> blocks) {
        for (Cidr block : blocks) {
            if (block.prefixLength() == 0) {
                throw new IllegalArgumentException(key + " must not hold " + block + ": whoever is"
                        + " in it says which address a client has, name the balancers only");
            }
        }
        return List.copyOf(blocks);
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
        ClientCertificates certificate = section.choice("client-certificate",
                ClientCertificates.class);
        List<Cidr> proxyFrom = section.parsedList("proxy-from",
                "an address or a network such as 10.0.0.0/8", Cidr::parse);
        List<Cidr> xclientFrom = section.parsedList("xclient-from",
                "an address or a network such as 10.0.0.0/8", Cidr::parse);
        boolean xclientLogin = section.flag("xclient-login");
        ListenerPressure pressure = ListenerPressure.from(section.section("pressure"))
                .orElse(ListenerPressure.NONE);
        return section.build(() -> new ListenerConfig(bind, tls, auth, relayFrom, certificate,
                proxyFrom, xclientFrom, xclientLogin, pressure));
    }

    private static boolean everybody(Cidr block) {
        return block.prefixLength() == 0;
    }

    /** Whether mail of this client is taken without a password. */
    boolean relaysFor(InetAddress client) {
        return in(relayFrom, client);
    }

    /** Whether the other end of a socket must begin with a PROXY header. */
    boolean proxiedBy(InetAddress peer) {
        return in(proxyFrom, peer);
    }

    /** Whether this client may speak for others by XCLIENT. */
    boolean xclientFor(InetAddress client) {
        return in(xclientFrom, client);
    }

    private static boolean in(List<Cidr> blocks, InetAddress client) {
        for (Cidr block : blocks) {
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
