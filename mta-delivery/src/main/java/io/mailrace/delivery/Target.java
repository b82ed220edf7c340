// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.net.Inet6Address;
import java.net.InetAddress;

/**
 * One address of one host of a site.
 *
 * @param dane what the host's TLSA records say
 */
record Target(String host, InetAddress address, int port, Dane dane) {

    /** {@code 192.0.2.1:25}, {@code [2001:db8::1]:25}. */
    String addressText() {
        String text = address.getHostAddress();
        return (address instanceof Inet6Address ? "[" + text + "]" : text) + ":" + port;
    }

    /** The name for SNI: where the TLSA records are (RFC 7672 8.1); none for an address literal. */
    String nameForTls() {
        return dane instanceof Dane.Records named ? named.base()
                : host.startsWith("[") ? address.getHostAddress() : host;
    }

    @Override
    public String toString() {
        return host + "[" + address.getHostAddress() + "]:" + port;
    }
}
