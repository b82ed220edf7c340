// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.Cidr;
import io.mailrace.delivery.SpfRecord.Mechanism;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.xbill.DNS.MXRecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.Type;

/**
 * Whether a domain's SPF record lets an address send, as receivers find out by RFC 7208: at most
 * {@value #MAX_LOOK_UPS} terms that look something up, at most {@value #MAX_VOID} look-ups that
 * find nothing. Any thread; {@link #of} blocks as long as {@link DnsLook} lets it.
 */
final class SpfCheck {
    /* What depends on the mail itself is not guessed
     *
     * exists, ptr and macros depend on the sender's address or on names a receiver looks up its
     * own way. Such a term may match or not: the evaluation goes on with both, so the result is a
     * set. "v=spf1 exists:%{i}.x.test ip4:192.0.2.1 -all" passes for 192.0.2.1 whatever the first
     * term does; for another address it may pass or fail, and the verdict says that it cannot tell.
     *
     * Apache jSPF (1.0.5) was looked at. It follows RFC 4408: it does not bound look-ups that find
     * nothing, as receivers do, and says neither which term decided nor how many look-ups it took.
     */
    static final int MAX_LOOK_UPS = 10;
    static final int MAX_VOID = 2;
    private static final int MAX_MX = 10;

    /** Results of RFC 7208 2.6. */
    enum Word {
        PASS, FAIL, SOFTFAIL, NEUTRAL, NONE, PERMERROR, TEMPERROR
    }

    /**
     * What receivers will find.
     *
     * @param possible one result when it is sure, several when it depends on the mail
     * @param why what decided, without a full stop
     * @param record the record of the domain itself; empty when there is not exactly one
     */
    record Verdict(Set<Word> possible, String why, String record, int lookUps) {
        Verdict {
            possible = Set.copyOf(possible);
        }

        boolean passes() {
            return possible.equals(Set.of(Word.PASS));
        }

        /** Not to be told: because the DNS does not answer, or because it depends. */
        boolean unknown() {
            return possible.size() > 1 || possible.contains(Word.TEMPERROR);
        }
    }

    /** What may become of one term. */
    private enum Match {
        YES, NO, PERMERROR, TEMPERROR
    }

    private final DnsLook dns;

    SpfCheck(DnsLook dns) {
        this.dns = dns;
    }

    Verdict of(String domain, InetAddress address) {
        Run run = new Run(address);
        Set<Word> possible = run.check(domain);
        List<String> records = SpfRecord.among(DnsLook.texts(dns.ask(domain, Type.TXT)));
        return new Verdict(possible, possible.size() > 1
                ? "it depends on the mail: " + String.join(", ", run.unclear)
                : run.why, records.size() == 1 ? records.getFirst() : "",
                Math.min(MAX_LOOK_UPS, run.lookUps));
    }

    /** One evaluation. */
    private final class Run {
        private final InetAddress address;
        private final List<String> unclear = new ArrayList<>();
        private int lookUps;
        private int voids;
        private String why = "";

        private Run(InetAddress address) {
            this.address = address;
        }

        private Set<Word> check(String domain) {
            DnsChain.Result found = dns.ask(domain, Type.TXT);
            if (!found.trouble().isEmpty()) {
                why = "the TXT records of " + domain + " are not known: " + found.trouble();
                return EnumSet.of(Word.TEMPERROR);
            }
            List<String> records = SpfRecord.among(DnsLook.texts(found));
            if (records.isEmpty()) {
                why = domain + " has no SPF record";
                return EnumSet.of(Word.NONE);
            }
            if (records.size() > 1) {
                why = domain + " has " + records.size() + " SPF records, which makes all of them"
                        + " void";
                return EnumSet.of(Word.PERMERROR);
            }
            return switch (SpfRecord.parse(records.getFirst())) {
                case SpfRecord.Broken(String wrong) -> {
                    why = wrong;
                    yield EnumSet.of(Word.PERMERROR);
                }
                case SpfRecord.Parsed(SpfRecord record) -> evaluate(record, domain);
            };
        }

        private Set<Word> evaluate(SpfRecord record, String domain) {
            Set<Word> possible = EnumSet.noneOf(Word.class);
            for (Mechanism term : record.mechanisms()) {
                Set<Match> match = match(term, term.domain().isEmpty() ? domain : term.domain());
                if (match.contains(Match.YES)) {
                    possible.add(term.result());
                }
                if (match.contains(Match.PERMERROR)) {
                    possible.add(Word.PERMERROR);
                }
                if (match.contains(Match.TEMPERROR)) {
                    possible.add(Word.TEMPERROR);
                }
                if (!match.contains(Match.NO)) {
                    return possible;
                }
            }
            possible.addAll(record.redirect().isEmpty() ? none() : redirect(record.redirect()));
            return possible;
        }

        private Set<Word> none() {
            why = "no term names the address";
            return EnumSet.of(Word.NEUTRAL);
        }

        private Set<Word> redirect(String to) {
            String term = "redirect=" + to;
            if (!mayLookUp(term)) {
                return EnumSet.of(Word.PERMERROR);
            }
            if (to.indexOf('%') >= 0) {
                unclear.add(term);
                return EnumSet.of(Word.PASS, Word.FAIL);
            }
            Set<Word> possible = check(to);
            if (possible.remove(Word.NONE)) {
                possible.add(Word.PERMERROR);
            }
            return possible;
        }

        private Set<Match> match(Mechanism term, String domain) {
            switch (term.kind()) {
                case ALL -> {
                    why = "no term before " + term.text() + " names the address";
                    return EnumSet.of(Match.YES);
                }
                case IP4, IP6 -> {
                    Cidr network = term.network();
                    return is(network != null && network.contains(address), term);
                }
                case INCLUDE, A, MX, PTR, EXISTS -> {
                    if (!mayLookUp(term.text())) {
                        return EnumSet.of(Match.PERMERROR);
                    }
                }
            }
            if (term.hasMacro()) {
                return unclear(term);
            }
            return switch (term.kind()) {
                case INCLUDE -> include(term, domain);
                case A -> host(term, domain);
                case MX -> mx(term, domain);
                case ALL, IP4, IP6, PTR, EXISTS -> unclear(term);
            };
        }

        private Set<Match> is(boolean matches, Mechanism term) {
            if (matches) {
                why = "it matches " + term.text();
            }
            return EnumSet.of(matches ? Match.YES : Match.NO);
        }

        private Set<Match> unclear(Mechanism term) {
            unclear.add(term.text());
            return EnumSet.of(Match.YES, Match.NO);
        }

        private boolean mayLookUp(String term) {
            if (++lookUps > MAX_LOOK_UPS) {
                why = "it takes more than " + MAX_LOOK_UPS + " look-ups, " + term
                        + " is one too many";
            }
            return lookUps <= MAX_LOOK_UPS;
        }

        /** RFC 7208 5.2. */
        private Set<Match> include(Mechanism term, String domain) {
            Set<Match> match = EnumSet.noneOf(Match.class);
            for (Word one : check(domain)) {
                match.add(switch (one) {
                    case PASS -> Match.YES;
                    case FAIL, SOFTFAIL, NEUTRAL -> Match.NO;
                    case NONE, PERMERROR -> Match.PERMERROR;
                    case TEMPERROR -> Match.TEMPERROR;
                });
            }
            if (!match.contains(Match.NO)) {
                why = "in " + term.text() + ", " + why;
            }
            return match;
        }

        private Set<Match> host(Mechanism term, String host) {
            DnsLook.Addresses found = dns.addresses(host, address);
            if (!found.trouble().isEmpty()) {
                why = term.text() + ": the addresses of " + host + " are not known: "
                        + found.trouble();
                return EnumSet.of(Match.TEMPERROR);
            }
            if (found.found().isEmpty() && !mayBeVoid(term)) {
                return EnumSet.of(Match.PERMERROR);
            }
            int prefix = address.getAddress().length == 4 ? term.prefix4() : term.prefix6();
            return is(found.found().stream().anyMatch(one -> new Cidr(one, prefix).contains(
                    address)), term);
        }

        private boolean mayBeVoid(Mechanism term) {
            if (++voids > MAX_VOID) {
                why = "more than " + MAX_VOID + " look-ups find nothing, the last for "
                        + term.text();
            }
            return voids <= MAX_VOID;
        }

        private Set<Match> mx(Mechanism term, String domain) {
            DnsChain.Result found = dns.ask(domain, Type.MX);
            if (!found.trouble().isEmpty()) {
                why = term.text() + ": the MX hosts of " + domain + " are not known: "
                        + found.trouble();
                return EnumSet.of(Match.TEMPERROR);
            }
            if (found.records().isEmpty() && !mayBeVoid(term)) {
                return EnumSet.of(Match.PERMERROR);
            }
            if (found.records().size() > MAX_MX) {
                why = term.text() + ": " + Ascii.clean(domain, 100) + " has more than " + MAX_MX
                        + " MX hosts";
                return EnumSet.of(Match.PERMERROR);
            }
            for (Record one : found.records()) {
                Set<Match> match = one instanceof MXRecord mx
                        ? host(term, DnsNames.text(mx.getTarget()))
                        : EnumSet.of(Match.NO);
                if (!match.contains(Match.NO)) {
                    return match;
                }
            }
            return EnumSet.of(Match.NO);
        }
    }
}
