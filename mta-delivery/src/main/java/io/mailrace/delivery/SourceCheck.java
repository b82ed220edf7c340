// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.Finding.Publish;
import io.mailrace.delivery.Finding.Severity;
import io.mailrace.delivery.SpfCheck.Verdict;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.xbill.DNS.PTRRecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.ReverseMap;
import org.xbill.DNS.Type;

/**
 * Whether receivers will find a source in order: the name of its address and that name's address,
 * its EHLO name, SPF of that name and of senders' domains. Only the DNS is asked, and what it does
 * not answer is unknown, never a failure. Any thread.
 */
final class SourceCheck {
    /** Beyond them receivers do not look either (RFC 7208 4.6.4). */
    private static final int MAX_NAMES = 10;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    /**
     * What was found.
     *
     * @param addresses as the world sees them; none when the system or a proxy chooses
     * @param findings all of them
     * @param senders of them, those about senders' domains, by domain
     */
    record Report(String source, List<InetAddress> addresses, List<Finding> findings,
            Map<String, List<Finding>> senders) {
        Report {
            addresses = List.copyOf(addresses);
            findings = List.copyOf(findings);
            senders = Collections.unmodifiableMap(new LinkedHashMap<>(senders));
        }

        /** The worst of what was found. */
        Severity worst() {
            return findings.stream().map(Finding::severity).max(Severity::compareTo)
                    .orElse(Severity.OK);
        }
    }

    private final DnsLook dns;
    private final SourceConfig source;
    private final List<Finding> findings = new ArrayList<>();

    private SourceCheck(DnsLook dns, SourceConfig source) {
        this.dns = dns;
        this.source = source;
    }

    /**
     * Checks on a thread of its own, within a minute; never completes exceptionally but for a bug.
     *
     * @param senderDomains whose SPF must let the source send
     */
    static CompletableFuture<Report> of(DnsClient client, TimeSource time, SourceConfig source,
            List<String> senderDomains) {
        List<String> domains = List.copyOf(senderDomains);
        return CompletableFuture.supplyAsync(
                () -> of(new DnsLook(client, time, LIMIT), source, domains),
                task -> Thread.ofVirtual().name("source-check").start(task));
    }

    /** As above; blocks. */
    static Report of(DnsLook dns, SourceConfig source, List<String> senderDomains) {
        SourceCheck check = new SourceCheck(dns, source);
        List<InetAddress> addresses = check.addresses();
        for (InetAddress address : addresses) {
            check.reverse(address);
            check.spfOfEhlo(address);
        }
        if (addresses.isEmpty()) {
            check.ehloAlone();
        }
        SenderSpf spf = new SenderSpf(dns);
        Map<String, List<Finding>> senders = new LinkedHashMap<>();
        senderDomains.forEach(domain -> senders.put(domain, spf.of(domain, addresses)));
        senders.values().forEach(check.findings::addAll);
        return new Report(source.name(), addresses, check.findings, senders);
    }

    /** The addresses receivers see; says why when one of them is not known. */
    private List<InetAddress> addresses() {
        List<InetAddress> known = new ArrayList<>();
        String key = "sources." + source.name() + ".public-address";
        for (InetAddress one : source.seen()) {
            if (OwnAddresses.isPrivate(one)) {
                findings.add(Finding.unknown("address", "The world does not see "
                        + one.getHostAddress() + ", a private address.",
                        "Set " + key
                                + (one.getAddress().length == 4 ? "" : "6")
                                + " to the address that it sees."));
            } else {
                known.add(one);
            }
        }
        if (source.seen().isEmpty()) {
            findings.add(Finding.unknown("address", "The "
                    + (source.proxy().isPresent() ? "proxy" : "system")
                    + " chooses the address, so PTR, SPF and block lists cannot be checked.",
                    "Set sources." + source.name() + ".address, and " + key + " behind NAT."));
        }
        return known;
    }

    /** The name of the address, and its way back. */
    private void reverse(InetAddress address) {
        String shown = address.getHostAddress();
        boolean ehloFits = ehlo(address);
        DnsChain.Result found = dns.ask(ReverseMap.fromAddress(address), Type.PTR);
        if (!found.trouble().isEmpty()) {
            findings.add(Finding.unknown("ptr", "The PTR name of " + shown + " is not known: "
                    + found.trouble() + ".", ""));
            return;
        }
        List<String> all = new ArrayList<>();
        for (Record one : found.records()) {
            if (one instanceof PTRRecord ptr && all.size() < MAX_NAMES) {
                all.add(DnsNames.text(ptr.getTarget()));
            }
        }
        List<String> names = all.stream().distinct().toList();
        String ask = "Ask the provider of " + shown + " to set its PTR name (reverse DNS) to "
                + source.ehlo() + ", and to no other.";
        if (names.isEmpty()) {
            findings.add(Finding.fail("ptr", shown + " has no PTR name (reverse DNS).", ask
                    + (address.getAddress().length == 4 ? ""
                            : " Until then leave this IPv6 address out of the configuration.")));
            return;
        }
        String list = Ascii.clean(String.join(", ", names), 300);
        findings.add(names.size() == 1
                ? Finding.ok("ptr", shown + " has the PTR name " + list + ".")
                : Finding.warn("ptr", shown + " has " + names.size() + " PTR names: " + list
                        + ". Some receivers look at one of them only.", ask));
        forward(address, names, ask, ehloFits);
    }

    private void forward(InetAddress address, List<String> names, String ask, boolean ehloFits) {
        String shown = address.getHostAddress();
        List<String> back = new ArrayList<>();
        String trouble = "";
        for (String name : names) {
            DnsLook.Addresses of = dns.addresses(name, address);
            if (of.found().contains(address)) {
                back.add(name);
            } else if (!of.trouble().isEmpty()) {
                trouble = "the addresses of " + Ascii.clean(name, 255) + " are not known: "
                        + of.trouble();
            }
        }
        if (back.isEmpty()) {
            String first = Ascii.clean(names.getFirst(), 255);
            findings.add(!trouble.isEmpty()
                    ? Finding.unknown("forward", "Whether the PTR name leads back to " + shown
                            + " is not known: " + trouble + ".", "")
                    : Finding.fail("forward", "The PTR name " + first + " does not lead back to "
                            + shown + ".", ask + " Or let " + first + " have that address.",
                            addressRecord(first, address)));
            return;
        }
        findings.add(Finding.ok("forward", "The PTR name " + Ascii.clean(back.getFirst(), 255)
                + " leads back to " + shown + "."));
        if (ehloFits && back.stream().noneMatch(name -> Ascii.equalsIgnoreCase(name,
                source.ehlo()))) {
            findings.add(Finding.warn("ehlo-ptr", "The EHLO name " + source.ehlo()
                    + " is not the PTR name of " + shown + ", though both lead to it.",
                    ask
                            + " Or set sources." + source.name() + ".ehlo to "
                            + Ascii.clean(back.getFirst(), 255) + "."));
        } else if (ehloFits) {
            findings.add(Finding.ok("ehlo-ptr", "The EHLO name is the PTR name."));
        }
    }

    /** Whether the EHLO name leads to the address. */
    private boolean ehlo(InetAddress address) {
        if (!isFullName()) {
            return false;
        }
        String shown = address.getHostAddress();
        DnsLook.Addresses of = dns.addresses(source.ehlo(), address);
        boolean fits = of.found().contains(address);
        if (fits) {
            findings.add(Finding.ok("ehlo", "The EHLO name " + source.ehlo() + " leads to " + shown
                    + "."));
        } else if (!of.trouble().isEmpty()) {
            findings.add(Finding.unknown("ehlo", "The addresses of the EHLO name " + source.ehlo()
                    + " are not known: " + of.trouble() + ".", ""));
        } else {
            findings.add(Finding.fail("ehlo", "The EHLO name " + source.ehlo()
                    + " does not lead to " + shown + ".", "Publish this record.",
                    addressRecord(source.ehlo(), address)));
        }
        return fits;
    }

    private boolean isFullName() {
        boolean full = source.ehlo().indexOf('.') > 0 && DnsNames.of(source.ehlo()) != null
                && source.ehlo().chars().noneMatch(c -> c == '[' || c == ':');
        if (!full && findings.stream().noneMatch(one -> one.check().equals("ehlo"))) {
            findings.add(Finding.fail("ehlo", "The EHLO name " + source.ehlo()
                    + " is not a full DNS name.",
                    "Set hostname, or sources." + source.name()
                            + ".ehlo, to a name such as mta1.example.com."));
        }
        return full;
    }

    /** All that can be said without an address. */
    private void ehloAlone() {
        if (!isFullName()) {
            return;
        }
        DnsChain.Result four = dns.ask(source.ehlo(), Type.A);
        DnsChain.Result six = dns.ask(source.ehlo(), Type.AAAA);
        String trouble = four.trouble().isEmpty() ? six.trouble() : four.trouble();
        if (!four.records().isEmpty() || !six.records().isEmpty()) {
            findings.add(Finding.ok("ehlo", "The EHLO name " + source.ehlo()
                    + " has an address."));
        } else if (!trouble.isEmpty()) {
            findings.add(Finding.unknown("ehlo", "The addresses of the EHLO name " + source.ehlo()
                    + " are not known: " + trouble + ".", ""));
        } else {
            findings.add(Finding.fail("ehlo", "The EHLO name " + source.ehlo()
                    + " has no address.",
                    "Publish an A record of it with the address the source"
                            + " sends from."));
        }
    }

    private static Publish addressRecord(String name, InetAddress address) {
        return new Publish(name, address.getAddress().length == 4 ? "A" : "AAAA",
                address.getHostAddress());
    }

    /** Receivers ask for it when the sender is empty, as in bounces (RFC 7208 2.4). */
    private void spfOfEhlo(InetAddress address) {
        if (!isFullName()) {
            return;
        }
        String shown = address.getHostAddress();
        Verdict verdict = new SpfCheck(dns).of(source.ehlo(), address);
        Publish fix = new Publish(source.ehlo(), "TXT", "v=spf1 a -all");
        String why = " " + Ascii.clean(verdict.why(), 300) + ".";
        if (verdict.passes()) {
            findings.add(Finding.ok("spf-ehlo", "SPF of the EHLO name passes for " + shown
                    + "."));
        } else if (verdict.unknown()) {
            findings.add(Finding.unknown("spf-ehlo", "SPF of the EHLO name cannot be told for "
                    + shown + ":" + why, ""));
        } else if (verdict.possible().contains(SpfCheck.Word.NONE)) {
            findings.add(Finding.warn("spf-ehlo", "The EHLO name " + source.ehlo()
                    + " has no SPF record, which matters for bounces.", "Publish this record.",
                    fix));
        } else {
            String text = "SPF of the EHLO name is " + SenderSpf.word(verdict) + " for " + shown
                    + ":" + why;
            findings.add(verdict.record().equals(fix.value())
                    ? Finding.fail("spf-ehlo", text,
                            "It will pass when the EHLO name leads to the address.")
                    : Finding.fail("spf-ehlo", text, "Publish this record instead.", fix));
        }
    }
}
