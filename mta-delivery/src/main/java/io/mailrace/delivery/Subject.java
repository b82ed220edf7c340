// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import java.net.InetAddress;
import java.util.Locale;

/**
 * Whom a measure is about.
 *
 * @param receiver name of the provider, or of the site when it has none; empty: everywhere
 * @param name of the source, its address block, the domain, the tenant; empty for a receiver
 */
record Subject(Kind kind, String receiver, String name) {
    private static final int BLOCK_V4 = 24;
    private static final int BLOCK_V6 = 64;
    private static final int MAX_NAME = 255;

    /** What kind of thing it is. */
    enum Kind {
        SOURCE,
        SUBNET,
        /** Everything to one receiver. */
        RECEIVER,
        SIGNING_DOMAIN,
        TENANT;

        /** As written on the command line. */
        String word() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    Subject {
        if (receiver.length() > 4 * MAX_NAME || name.length() > MAX_NAME
                || !Ascii.isPrintable(receiver) || !Ascii.isPrintable(name)) {
            throw new IllegalArgumentException("a name is printable and at most 255 characters");
        }
        if (name.isEmpty() != (kind == Kind.RECEIVER)) {
            throw new IllegalArgumentException("a " + kind.word() + " needs a name");
        }
        if (kind == Kind.RECEIVER && receiver.isEmpty()) {
            throw new IllegalArgumentException("a receiver needs a name");
        }
    }

    static Subject source(String receiver, String name) {
        return new Subject(Kind.SOURCE, receiver, name);
    }

    static Subject receiver(String receiver) {
        return new Subject(Kind.RECEIVER, receiver, "");
    }

    static Subject signingDomain(String receiver, String domain) {
        return new Subject(Kind.SIGNING_DOMAIN, receiver, domain);
    }

    static Subject tenant(String receiver, String tenant) {
        return new Subject(Kind.TENANT, receiver, tenant);
    }

    static Subject subnet(String receiver, String block) {
        return new Subject(Kind.SUBNET, receiver, block);
    }

    /** The block an address belongs to for receivers that judge neighbours together. */
    static String blockOf(InetAddress address) {
        return Cidr.around(address, address.getAddress().length == 4 ? BLOCK_V4 : BLOCK_V6)
                .toString();
    }

    /** Part of a sentence. */
    String text() {
        String at = receiver.isEmpty() ? "everywhere" : "at " + receiver;
        return switch (kind) {
            case SOURCE -> "source " + name + " " + at;
            case SUBNET -> "sources in " + name + " " + at;
            case RECEIVER -> "everything to " + receiver;
            case SIGNING_DOMAIN -> "mail of " + name + " " + at;
            case TENANT -> "tenant " + name + " " + at;
        };
    }
}
