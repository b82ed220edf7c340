// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.Type;

/**
 * Whether block lists in the DNS have an address (RFC 5782). A list that does not have its own test
 * entry, or has everything, says nothing; nor does one that refuses to be asked, which it tells by
 * an answer in 127.255.255.0/24. Any thread; blocks as long as {@link DnsLook} lets it.
 */
final class BlocklistCheck {
    private static final String CHECK = "block-list";
    private static final String OWN_RESOLVER = "Ask through a resolver of your own, such as unbound"
            + " on this machine, not a public or shared one (dns.servers).";

    private final DnsLook dns;
    private final String list;

    BlocklistCheck(DnsLook dns, String list) {
        this.dns = dns;
        this.list = list;
    }

    List<Finding> of(List<InetAddress> addresses) {
        DnsChain.Result test = ask("2.0.0.127");
        Finding cannot = cannotAsk(test);
        if (cannot != null) {
            return List.of(cannot);
        }
        if (codes(test).isEmpty()) {
            return List.of(Finding.unknown(CHECK, list + " does not have its own test entry through"
                    + " this resolver, so its answers mean nothing.",
                    OWN_RESOLVER
                            + " Or leave it out of doctor.block-lists."));
        }
        if (!codes(ask("1.0.0.127")).isEmpty()) {
            return List.of(Finding.unknown(CHECK, list + " has every address, so its answers mean"
                    + " nothing.", "Leave it out of doctor.block-lists."));
        }
        List<Finding> findings = new ArrayList<>();
        List<InetAddress> free = new ArrayList<>();
        for (InetAddress address : addresses) {
            DnsChain.Result found = ask(reversed(address));
            Finding none = cannotAsk(found);
            if (none != null) {
                findings.add(none);
            } else if (codes(found).isEmpty()) {
                free.add(address);
            } else {
                findings.add(listed(address, codes(found)));
            }
        }
        if (!free.isEmpty()) {
            findings.addFirst(Finding.ok(CHECK, list + " does not have " + free.stream()
                    .map(InetAddress::getHostAddress).collect(Collectors.joining(", "))
                    + "."));
        }
        return findings.stream().distinct().toList();
    }

    private DnsChain.Result ask(String reversed) {
        return dns.ask(reversed + "." + list, Type.A);
    }

    private @Nullable Finding cannotAsk(DnsChain.Result found) {
        if (!found.trouble().isEmpty()) {
            return Finding.unknown(CHECK, list + " does not answer: " + found.trouble() + ".",
                    OWN_RESOLVER);
        }
        for (Record one : found.records()) {
            String code = one instanceof ARecord a ? a.getAddress().getHostAddress() : "";
            if (code.startsWith("127.255.255.") || !code.startsWith("127.")) {
                return Finding.unknown(CHECK, list + " cannot be asked from this resolver: it says "
                        + code + reason(code) + ".", OWN_RESOLVER);
            }
        }
        return null;
    }

    /** The words of Spamhaus, which others use too. */
    private static String reason(String code) {
        return switch (code) {
            case "127.255.255.252" -> " (no such list)";
            case "127.255.255.254" -> " (public resolver)";
            case "127.255.255.255" -> " (too many questions)";
            default -> "";
        };
    }

    private static List<String> codes(DnsChain.Result found) {
        List<String> codes = new ArrayList<>();
        for (Record one : found.records()) {
            if (one instanceof ARecord a) {
                codes.add(a.getAddress().getHostAddress());
            }
        }
        codes.sort(String::compareTo);
        return codes;
    }

    private Finding listed(InetAddress address, List<String> codes) {
        List<String> texts = DnsLook.texts(dns.ask(reversed(address) + "." + list, Type.TXT));
        String reason = texts.isEmpty() ? "" : Ascii.clean(texts.getFirst(), 200);
        return Finding.fail(CHECK, list + " has " + address.getHostAddress() + " ("
                + String.join(", ", codes) + ")" + (reason.isEmpty() ? "." : ": " + reason),
                "Find what was reported and stop it, then ask the list to take the address off.");
    }

    /** RFC 5782 2.1 and 2.4. */
    static String reversed(InetAddress address) {
        byte[] bytes = address.getAddress();
        List<String> labels = new ArrayList<>();
        for (int i = bytes.length - 1; i >= 0; i--) {
            int value = bytes[i] & 0xff;
            if (bytes.length == 4) {
                labels.add(Integer.toString(value));
            } else {
                labels.add(Integer.toHexString(value & 0xf));
                labels.add(Integer.toHexString(value >> 4));
            }
        }
        return String.join(".", labels);
    }
}
