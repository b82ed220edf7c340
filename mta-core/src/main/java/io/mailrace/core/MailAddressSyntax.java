// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.net.IDN;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** The grammar of a mailbox, RFC 5321 4.1.2 with RFC 6531 3.3. */
final class MailAddressSyntax {
    private static final int MAX_LOCAL_OCTETS = 64;
    private static final int MAX_DOMAIN = 255;
    private static final int MAX_LABEL = 63;
    /**
     * Characters that the JDK (IDNA 2003) maps to others, so that the mail would go to another
     * domain than IDNA 2008 means: sharp s, final sigma, the joiners. Such a domain can be written
     * with A-labels.
     */
    private static final String DEVIATIONS = "\u00df\u03c2\u200c\u200d";
    private static final String ATEXT_SPECIALS = "!#$%&'*+-/=?^_`{|}~";

    private MailAddressSyntax() {}

    static Optional<MailAddress> parse(String text) {
        int at = endOfLocalPart(text);
        if (at <= 0 || at >= text.length() - 1 || text.charAt(at) != '@') {
            return Optional.empty();
        }
        String local = text.substring(0, at);
        if (local.getBytes(StandardCharsets.UTF_8).length > MAX_LOCAL_OCTETS
                || (!Ascii.isAscii(local)
                        && !StandardCharsets.UTF_8.newEncoder().canEncode(local))) {
            return Optional.empty();
        }
        return domain(text.substring(at + 1)).map(domain -> new MailAddress(local, domain));
    }

    /** The normal form of a domain name or address literal; empty when it is neither. */
    static Optional<String> domain(String text) {
        if (text.startsWith("[")) {
            return literal(text);
        }
        String name = text;
        if (!Ascii.isAscii(name)) {
            if (name.chars().anyMatch(c -> DEVIATIONS.indexOf(c) >= 0)) {
                return Optional.empty();
            }
            try {
                name = IDN.toASCII(name, IDN.USE_STD3_ASCII_RULES);
            } catch (IllegalArgumentException notADomain) {
                return Optional.empty();
            }
        }
        return isDomainName(name) ? Optional.of(Ascii.lower(name)) : Optional.empty();
    }

    /** Index of the {@code @} after a well-formed local part, or -1. */
    private static int endOfLocalPart(String text) {
        if (text.isEmpty()) {
            return -1;
        }
        return text.charAt(0) == '"' ? endOfQuoted(text) : endOfDotString(text);
    }

    private static int endOfQuoted(String text) {
        for (int i = 1; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"') {
                return i > 1 ? i + 1 : -1;
            }
            if (c == '\\') {
                i++;
                if (i >= text.length() || text.charAt(i) < 32 || text.charAt(i) > 126) {
                    return -1;
                }
            } else if (c < 32 || c == 127 || (c >= 128 && c < 160)) {
                return -1;
            }
        }
        return -1;
    }

    private static int endOfDotString(String text) {
        boolean needAtom = true;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '@') {
                return needAtom ? -1 : i;
            }
            if (c == '.') {
                if (needAtom) {
                    return -1;
                }
                needAtom = true;
            } else if (isAtomText(c)) {
                needAtom = false;
            } else {
                return -1;
            }
        }
        return -1;
    }

    private static boolean isAtomText(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                || c >= 160 || ATEXT_SPECIALS.indexOf(c) >= 0;
    }

    private static boolean isDomainName(String name) {
        // in the DNS a name has a length octet before its first label and the root after its last
        if (name.isEmpty() || name.length() + 2 > MAX_DOMAIN) {
            return false;
        }
        int labelStart = 0;
        boolean numeric = true;
        for (int i = 0; i <= name.length(); i++) {
            char c = i < name.length() ? name.charAt(i) : '.';
            if (c == '.') {
                int length = i - labelStart;
                if (length == 0 || length > MAX_LABEL || name.charAt(labelStart) == '-'
                        || name.charAt(i - 1) == '-') {
                    return false;
                }
                if (i == name.length()) {
                    return !numeric; // no such top-level domain: it is an address (RFC 3696 2)
                }
                labelStart = i + 1;
                numeric = true;
                continue;
            }
            numeric &= c >= '0' && c <= '9';
            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                    || c == '-' || c == '_')) {
                return false;
            }
        }
        return false;
    }

    private static Optional<String> literal(String text) {
        if (!text.endsWith("]") || text.length() > MAX_LABEL) {
            return Optional.empty();
        }
        String inner = text.substring(1, text.length() - 1);
        boolean v6 = Ascii.startsWithIgnoreCase(inner, "IPv6:");
        String address = v6 ? inner.substring(5) : inner;
        Optional<java.net.InetAddress> parsed = Cidr.parseAddress(address);
        boolean fits = parsed.isPresent()
                && (v6 == (parsed.get() instanceof java.net.Inet6Address));
        return fits ? Optional.of(Ascii.lower(text)) : Optional.empty();
    }
}
