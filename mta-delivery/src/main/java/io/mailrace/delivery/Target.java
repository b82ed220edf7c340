// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.net.Inet6Address;
import java.net.InetAddress;

/**
 * One address of one host of a site.
 *
 * @param dane what the host's TLSA records say
 * @param secure the host's name was signed, or configured
 */
record Target(String host, InetAddress address, int port, Dane dane, boolean secure) {

    /** {@code 192.0.2.1:25}, {@code [2001:db8::1]:25}. */
    String addressText() {
        String text = address.getHostAddress();
        return (address instanceof Inet6Address ? "[" + text + "]" : text) + ":" + port;
    }

    /** The name for SNI; none for an address literal. */
    String nameForTls() {
        return host.startsWith("[") ? address.getHostAddress() : host;
    }

    @Override
    public String toString() {
        return host + "[" + address.getHostAddress() + "]:" + port;
    }
}
