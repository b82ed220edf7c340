// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.delivery.Finding.Publish;
import io.mailrace.dkim.DkimKey;
import io.mailrace.dkim.DkimRecord;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.xbill.DNS.MXRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Type;

/**
 * Whether receivers will find an author's domain in order: its keys, its DMARC record, and that
 * it can be answered. Any thread; blocks as long as {@link DnsLook} lets it.
 */
final class DomainCheck {
    /** Names asked for a DMARC record (RFC 9989 4.10). */
    private static final int MAX_DMARC_NAMES = 8;
    private static final int GOOD_RSA_BITS = 2048;

    private final DnsLook dns;
    private final String domain;

    DomainCheck(DnsLook dns, String domain) {
        this.dns = dns;
        this.domain = domain;
    }

    /** @param keys that sign the domain's mail */
    List<Finding> of(List<DkimKey> keys) {
        List<Finding> findings = new ArrayList<>();
        if (keys.isEmpty()) {
            findings.add(Finding.fail("dkim", "There is no DKIM key for " + domain + ": its mail"
                    + " goes out unsigned.",
                    "Make one with mailrace dkim keygen " + domain
                            + ", publish and configure it."));
        }
        keys.forEach(key -> findings.add(dkim(key)));
        findings.add(dmarc());
        findings.add(answerable());
        return findings;
    }

    private Finding dkim(DkimKey key) {
        DkimRecord record = key.record();
        Publish publish = new Publish(record.name(), "TXT", record.value());
        DnsChain.Result found = dns.ask(record.name(), Type.TXT);
        if (!found.trouble().isEmpty()) {
            return Finding.unknown("dkim", "The DKIM record " + record.name() + " is not known: "
                    + found.trouble() + ".", "");
        }
        List<String> texts = DnsLook.texts(found);
        if (texts.isEmpty()) {
            return Finding.fail("dkim", "The DKIM record " + record.name() + " is not there:"
                    + " receivers take the signatures for forged.", "Publish this record.",
                    publish);
        }
        String wrong = texts.size() > 1 ? "is there " + texts.size() + " times"
                : wrong(tags(texts.getFirst()), tags(record.value()));
        if (!wrong.isEmpty()) {
            return Finding.fail("dkim", "The DKIM record " + record.name() + " " + wrong + ".",
                    "Publish this record instead.", publish);
        }
        if (tags(texts.getFirst()).getOrDefault("t", "").contains("y")) {
            return Finding.warn("dkim", "The DKIM record " + record.name() + " says t=y (testing),"
                    + " so receivers may ignore signatures.", "Publish this record instead.",
                    publish);
        }
        if (key instanceof DkimKey.Rsa && key.bits() < GOOD_RSA_BITS) {
            return Finding.warn("dkim", "The DKIM key " + key.signedBy() + " has " + key.bits()
                    + " bits only.",
                    "Make a new one with mailrace dkim keygen " + key.domain()
                            + " --selector NEW, publish it, then configure it.");
        }
        return Finding.ok("dkim", "The DKIM record " + record.name() + " is that of the key, "
                + key.algorithm() + ", " + key.bits() + " bits.");
    }

    /** Why receivers cannot verify what the key signs; empty when they can (RFC 6376 3.6.1). */
    private static String wrong(Map<String, String> there, Map<String, String> ours) {
        String hashes = there.getOrDefault("h", "sha256");
        String services = there.getOrDefault("s", "*");
        if (there.isEmpty()) {
            return "is not readable";
        }
        if (!there.getOrDefault("v", "DKIM1").equals("DKIM1")) {
            return "has a version other than DKIM1";
        }
        if (there.getOrDefault("p", "").isEmpty()) {
            return "says that the key is revoked";
        }
        if (!there.getOrDefault("k", "rsa").equals(ours.getOrDefault("k", "rsa"))) {
            return "is of another kind of key";
        }
        if (!compact(there.getOrDefault("p", "")).equals(ours.get("p"))) {
            return "has another key than ours";
        }
        if (!List.of(hashes.split(":")).contains("sha256")) {
            return "does not allow sha256";
        }
        return services.contains("*") || services.contains("email") ? ""
                : "does not allow e-mail";
    }

    private static String compact(String text) {
        return text.replace(" ", "").replace("\t", "");
    }

    /** The fields of a tag list by lower-case name; none when it is not one (RFC 6376 3.2). */
    private static Map<String, String> tags(String text) {
        Map<String, String> tags = new LinkedHashMap<>();
        for (String part : text.split(";")) {
            int equals = part.indexOf('=');
            if (equals < 0 && !part.isBlank()) {
                return Map.of();
            }
            if (equals >= 0) {
                tags.put(Ascii.lower(part.substring(0, equals).strip()),
                        part.substring(equals + 1).strip());
            }
        }
        return tags;
    }

    /** The record of the domain, or of the nearest one above that has one (RFC 9989 4.10). */
    private Finding dmarc() {
        String at = domain;
        for (int asked = 0; asked < MAX_DMARC_NAMES && !at.isEmpty(); asked++) {
            DnsChain.Result found = dns.ask("_dmarc." + at, Type.TXT);
            if (!found.trouble().isEmpty()) {
                return Finding.unknown("dmarc", "The DMARC record of " + at + " is not known: "
                        + found.trouble() + ".", "");
            }
            List<String> records = DnsLook.texts(found).stream().filter(
                    text -> compact(text).startsWith("v=DMARC1")).toList();
            if (records.size() > 1) {
                return Finding.fail("dmarc", at + " has " + records.size() + " DMARC records, so"
                        + " receivers use none.", "Leave one of the records _dmarc." + at + ".");
            }
            if (!records.isEmpty()) {
                return dmarc(at, records.getFirst());
            }
            int dot = at.indexOf('.');
            at = dot < 0 ? "" : at.substring(dot + 1);
        }
        return Finding.fail("dmarc", domain + " has no DMARC record.", "Publish this record; with"
                + " p=none it changes nothing for mail that fails.",
                dmarcRecord(domain, "none"));
    }

    private static Publish dmarcRecord(String domain, String policy) {
        return new Publish("_dmarc." + domain, "TXT", "v=DMARC1; p=" + policy);
    }

    private Finding dmarc(String at, String record) {
        Map<String, String> tags = tags(record);
        String policy = Ascii.lower(tags.getOrDefault("p", ""));
        String wrong = wrongDmarc(record, tags, policy);
        if (!wrong.isEmpty()) {
            return Finding.fail("dmarc", "The DMARC record of " + at + " " + wrong + ".",
                    "Publish this record instead.", dmarcRecord(at, isPolicy(policy) ? policy
                            : "none"));
        }
        String inForce = at.equals(domain) ? policy
                : Ascii.lower(tags.getOrDefault("sp", policy));
        return Finding.ok("dmarc", "DMARC of " + domain + " is p=" + inForce
                + (at.equals(domain) ? "." : ", by the record of " + at + "."));
    }

    private static boolean isPolicy(String text) {
        return text.equals("none") || text.equals("quarantine") || text.equals("reject");
    }

    private static String wrongDmarc(String record, Map<String, String> tags, String policy) {
        if (tags.isEmpty() || !compact(record.split(";")[0]).equals("v=DMARC1")) {
            return "is not readable";
        }
        if (!isPolicy(policy)) {
            return policy.isEmpty() ? "has no policy (p=)"
                    : "has the policy \"" + Ascii.clean(policy, 40) + "\", which is none";
        }
        for (String name : List.of("sp", "np")) {
            if (!isPolicy(Ascii.lower(tags.getOrDefault(name, "none")))) {
                return "has a wrong policy for subdomains (" + name + "=)";
            }
        }
        for (String name : List.of("adkim", "aspf")) {
            if (!List.of("r", "s").contains(Ascii.lower(tags.getOrDefault(name, "r")))) {
                return "has a wrong mode (" + name + "=), which is r or s";
            }
        }
        Optional<String> report = Optional.ofNullable(tags.get("rua"));
        return report.isEmpty() || List.of(report.get().split(",")).stream().allMatch(
                one -> Ascii.startsWithIgnoreCase(one.strip(), "mailto:")
                        || Ascii.startsWithIgnoreCase(one.strip(), "https:"))
                                ? ""
                                : "has reports (rua=) that do not go to mailto: addresses";
    }

    /** Several receivers refuse mail from a domain that cannot be answered. */
    private Finding answerable() {
        DnsChain.Result mx = dns.ask(domain, Type.MX);
        List<Record> hosts = mx.records();
        if (hosts.size() == 1 && hosts.getFirst() instanceof MXRecord one
                && one.getTarget().equals(Name.root)) {
            return Finding.fail("mx", domain + " says that it takes no mail (null MX): receivers"
                    + " may refuse what comes from it.",
                    "Publish an MX record that leads to a"
                            + " server for replies and bounces.");
        }
        if (!hosts.isEmpty()) {
            return Finding.ok("mx", domain + " has MX hosts, so it can be answered.");
        }
        DnsChain.Result four = dns.ask(domain, Type.A);
        DnsChain.Result six = dns.ask(domain, Type.AAAA);
        if (mx.trouble().isEmpty() && (!four.records().isEmpty() || !six.records().isEmpty())) {
            return Finding.ok("mx", domain + " has an address, so it can be answered.");
        }
        for (DnsChain.Result one : List.of(mx, four, six)) {
            if (!one.trouble().isEmpty()) {
                return Finding.unknown("mx", "Where replies to " + domain + " go is not known: "
                        + one.trouble() + ".", "");
            }
        }
        return Finding.fail("mx", domain + " has neither MX nor A: receivers refuse what comes"
                + " from it.",
                "Publish an MX record that leads to a server for replies and"
                        + " bounces.");
    }
}
