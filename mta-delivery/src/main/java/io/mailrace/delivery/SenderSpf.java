// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.delivery.Finding.Publish;
import io.mailrace.delivery.SpfCheck.Verdict;
import io.mailrace.delivery.SpfCheck.Word;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.xbill.DNS.Type;

/**
 * What SPF of a sender's domain says about addresses of ours; those it says the same about are
 * one finding. Any thread; blocks as long as {@link DnsLook} lets it.
 */
final class SenderSpf {
    private static final String CHECK = "spf";
    private static final int MAX_RECORD = 450;

    private final DnsLook dns;

    SenderSpf(DnsLook dns) {
        this.dns = dns;
    }

    static String word(Verdict verdict) {
        return verdict.possible().stream().map(one -> Ascii.lower(one.name())).sorted()
                .collect(Collectors.joining(" or "));
    }

    /** With no address only the record itself is looked at. */
    List<Finding> of(String domain, List<InetAddress> addresses) {
        if (addresses.isEmpty()) {
            return List.of(alone(domain));
        }
        SpfCheck spf = new SpfCheck(dns);
        Map<Verdict, List<InetAddress>> others = new LinkedHashMap<>();
        List<InetAddress> passing = new ArrayList<>();
        int lookUps = 0;
        for (InetAddress address : addresses) {
            Verdict verdict = spf.of(domain, address);
            if (verdict.passes()) {
                passing.add(address);
                lookUps = Math.max(lookUps, verdict.lookUps());
            } else {
                others.computeIfAbsent(verdict, key -> new ArrayList<>()).add(address);
            }
        }
        List<Finding> findings = new ArrayList<>();
        if (!passing.isEmpty()) {
            findings.add(Finding.ok(CHECK, "SPF of " + domain + " passes for " + shown(passing)
                    + ", with " + lookUps + " of " + SpfCheck.MAX_LOOK_UPS
                    + " look-ups."));
        }
        others.forEach((verdict, of) -> findings.add(judge(domain, verdict, of)));
        return findings;
    }

    private static String shown(List<InetAddress> addresses) {
        return addresses.stream().map(InetAddress::getHostAddress).collect(Collectors.joining(
                ", "));
    }

    private static String terms(List<InetAddress> addresses) {
        return addresses.stream().map(one -> (one.getAddress().length == 4 ? "ip4:" : "ip6:")
                + one.getHostAddress()).collect(Collectors.joining(" "));
    }

    private static Finding judge(String domain, Verdict verdict, List<InetAddress> of) {
        String why = Ascii.clean(verdict.why(), 300);
        if (verdict.unknown()) {
            return Finding.unknown(CHECK, "SPF of " + domain + " cannot be told for " + shown(of)
                    + ": " + why + ".", "");
        }
        if (verdict.possible().contains(Word.NONE)) {
            return Finding.fail(CHECK, domain + " has no SPF record.", "Publish this record,"
                    + " with the other services that send for the domain, if there are any.",
                    new Publish(domain, "TXT", "v=spf1 " + terms(of) + " -all"));
        }
        String text = "SPF of " + domain + " is " + word(verdict) + " for " + shown(of) + ": "
                + why + ".";
        if (verdict.possible().contains(Word.PERMERROR)) {
            return Finding.fail(CHECK, text, verdict.record().isEmpty()
                    ? "Leave one SPF record, with the terms of all of them."
                    : "Mend the record, for receivers ignore it as it is.");
        }
        String record = verdict.record();
        String longer = "v=spf1 " + terms(of) + record.substring("v=spf1".length());
        return longer.length() > MAX_RECORD || !Ascii.isPrintable(longer)
                ? Finding.fail(CHECK, text, "Add " + terms(of) + " behind v=spf1 in the record.")
                : Finding.fail(CHECK, text, "Publish this record instead.",
                        new Publish(domain, "TXT", longer));
    }

    private Finding alone(String domain) {
        DnsChain.Result found = dns.ask(domain, Type.TXT);
        List<String> records = SpfRecord.among(DnsLook.texts(found));
        if (!found.trouble().isEmpty()) {
            return Finding.unknown(CHECK, "The SPF record of " + domain + " is not known: "
                    + found.trouble() + ".", "");
        }
        if (records.isEmpty()) {
            return Finding.fail(CHECK, domain + " has no SPF record.", "Publish a TXT record"
                    + " \"v=spf1 ip4:ADDRESS -all\" with the addresses that send.");
        }
        if (records.size() > 1) {
            return Finding.fail(CHECK, domain + " has " + records.size() + " SPF records, which"
                    + " makes all of them void.", "Leave one, with the terms of all of them.");
        }
        return switch (SpfRecord.parse(records.getFirst())) {
            case SpfRecord.Broken(String why) -> Finding.fail(CHECK, "SPF of " + domain
                    + " is broken: " + why + ".",
                    "Mend the record, for receivers ignore it as it is.");
            case SpfRecord.Parsed parsed -> Finding.unknown(CHECK, domain + " has an SPF record;"
                    + " whether it names our address cannot be told.", "");
        };
    }
}
