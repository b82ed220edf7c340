// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.net.InetAddress;

/**
 * Where a client comes from, and what that alone permits. Immutable.
 *
 * @param text the numeric address, without the scope of an IPv6 address
 * @param relaysFrom the client is in the listener's relay-from
 * @param speaksForOthers the other end is in the listener's xclient-from
 * @param spokenFor the other end said by XCLIENT for whom it speaks: TLS is between it and us
 */
record ClientOrigin(InetAddress client, String text, boolean relaysFrom,
        boolean speaksForOthers, boolean spokenFor) {

    static ClientOrigin of(InetAddress client, ListenerConfig listener) {
        return new ClientOrigin(client, text(client), listener.relaysFor(client),
                listener.xclientFor(client), false);
    }

    /** The numeric address, without the scope of an IPv6 address. */
    static String text(InetAddress client) {
        String address = client.getHostAddress();
        int scope = address.indexOf('%');
        return scope < 0 ? address : address.substring(0, scope);
    }

    /**
     * Another client for which this one says to speak. What comes now may be that client's own
     * words, so it speaks for nobody else.
     */
    ClientOrigin speakingFor(InetAddress other, ListenerConfig listener) {
        return of(other, listener).forItself();
    }

    /** The same address, which may not be the client's: it permits nothing. */
    ClientOrigin unknown() {
        return new ClientOrigin(client, text, false, false, true);
    }

    /** The same, who speaks for nobody else from now on. */
    ClientOrigin forItself() {
        return new ClientOrigin(client, text, relaysFrom, false, true);
    }
}
