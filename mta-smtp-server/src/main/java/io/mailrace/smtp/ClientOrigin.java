// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.net.InetAddress;

/**
 * Where a client comes from, and what that alone permits. Immutable.
 *
 * @param text the numeric address, without the scope of an IPv6 address
 * @param relaysFrom the client is in the listener's relay-from
 */
record ClientOrigin(InetAddress client, String text, boolean relaysFrom) {

    static ClientOrigin of(InetAddress client, ListenerConfig listener) {
        return new ClientOrigin(client, text(client), listener.relaysFor(client));
    }

    /** The numeric address, without the scope of an IPv6 address. */
    static String text(InetAddress client) {
        String address = client.getHostAddress();
        int scope = address.indexOf('%');
        return scope < 0 ? address : address.substring(0, scope);
    }
}
