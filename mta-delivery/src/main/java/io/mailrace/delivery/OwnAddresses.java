// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which next hops are ourselves or not public. Immutable; read once at start. */
final class OwnAddresses {
    private static final Logger LOG = LoggerFactory.getLogger(OwnAddresses.class);

    private final Set<InetAddress> own = new HashSet<>();

    OwnAddresses(DeliveryConfig config) {
        config.sources().values().forEach(source -> {
            own.addAll(source.addresses());
            own.addAll(source.seen());
        });
        try {
            for (NetworkInterface one : Collections.list(NetworkInterface
                    .getNetworkInterfaces())) {
                own.addAll(Collections.list(one.getInetAddresses()));
            }
        } catch (SocketException unknown) {
            LOG.warn("own addresses not known reason=\"{}\"", unknown.getMessage());
        }
        // Loopback is refused as not public; where it is allowed, it means somebody else.
        own.removeIf(InetAddress::isLoopbackAddress);
    }

    boolean contains(InetAddress address) {
        return own.contains(address);
    }

    /** Whether an address is one the internet's mail has no business with. */
    static boolean isPrivate(InetAddress address) {
        if (address.isLoopbackAddress() || address.isLinkLocalAddress()
                || address.isSiteLocalAddress() || address.isAnyLocalAddress()
                || address.isMulticastAddress()) {
            return true;
        }
        byte[] b = address.getAddress();
        if (address instanceof Inet4Address) {
            return isPrivate4(b, 0);
        }
        return address instanceof Inet6Address && isPrivate6(b);
    }

    private static boolean isPrivate4(byte[] b, int at) {
        int first = b[at] & 0xff;
        int second = b[at + 1] & 0xff;
        return first == 0 || first == 10 || first == 127 || first >= 224
                || (first == 100 && second >= 64 && second < 128)
                || (first == 169 && second == 254)
                || (first == 172 && second >= 16 && second < 32)
                || (first == 192 && second == 168)
                || (first == 192 && second == 0 && b[at + 2] == 0)
                || (first == 198 && (second == 18 || second == 19));
    }

    private static boolean isPrivate6(byte[] b) {
        if ((b[0] & 0xfe) == 0xfc) {
            return true;
        }
        boolean nat64 = b[0] == 0 && b[1] == 0x64 && (b[2] & 0xff) == 0xff
                && (b[3] & 0xff) == 0x9b;
        if (nat64) {
            return isPrivate4(b, 12);
        }
        boolean sixToFour = b[0] == 0x20 && b[1] == 0x02;
        if (sixToFour) {
            return isPrivate4(b, 2);
        }
        for (int i = 0; i < 10; i++) {
            if (b[i] != 0) {
                return false;
            }
        }
        // ::a.b.c.d and ::ffff:a.b.c.d hide an IPv4 address
        return isPrivate4(b, 12);
    }
}
