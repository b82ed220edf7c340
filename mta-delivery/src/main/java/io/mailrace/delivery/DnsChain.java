// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.CNAMERecord;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;

/** One question with the aliases on its way followed, at most {@value #MAX_ALIASES}. */
final class DnsChain {
    static final int MAX_ALIASES = 8;

    /**
     * What was found at the end of the aliases.
     *
     * @param exists false after NXDOMAIN
     * @param trouble why nothing is known; then there are no records
     * @param secure every answer on the way was signed
     * @param end the name the aliases lead to
     */
    record Result(List<Record> records, boolean exists, String trouble, long ttlSeconds,
            boolean secure, Name end) {
        Result {
            records = List.copyOf(records);
        }
    }

    private DnsChain() {}

    static CompletableFuture<Result> follow(DnsClient dns, Name name, int type) {
        return follow(dns, new Step(name, type, 0, Long.MAX_VALUE / 2, true));
    }

    /** Where the chain is. */
    private record Step(Name name, int type, int aliases, long ttl, boolean secure) {}

    private static CompletableFuture<Result> follow(DnsClient dns, Step at) {
        return dns.ask(at.name(), at.type()).thenCompose(answer -> switch (answer) {
            case DnsClient.Failed failed -> CompletableFuture.completedFuture(
                    new Result(List.of(), true, failed.why(), 0, false, at.name()));
            case DnsClient.NoSuchName none -> CompletableFuture.completedFuture(
                    new Result(List.of(), false, "", Math.min(at.ttl(), negative(none.message())),
                            at.secure() && none.secure(), at.name()));
            case DnsClient.Found found -> read(dns, at, found);
        });
    }

    private static CompletableFuture<Result> read(DnsClient dns, Step step,
            DnsClient.Found found) {
        List<Record> answers = found.message().getSection(Section.ANSWER);
        boolean secure = step.secure() && found.secure();
        Name at = step.name();
        int aliases = step.aliases();
        long ttl = step.ttl();
        for (CNAMERecord alias = alias(answers, at); alias != null; alias = alias(answers, at)) {
            if (++aliases > MAX_ALIASES) {
                return CompletableFuture.completedFuture(new Result(List.of(), true,
                        "more than " + MAX_ALIASES + " aliases (CNAME)", 0, false, at));
            }
            at = alias.getTarget();
            ttl = Math.min(ttl, alias.getTTL());
        }
        List<Record> records = new ArrayList<>();
        for (Record one : answers) {
            if (one.getType() == step.type() && one.getName().equals(at)) {
                records.add(one);
                ttl = Math.min(ttl, one.getTTL());
            }
        }
        if (records.isEmpty() && !at.equals(step.name())) {
            // A resolver that does not follow aliases itself: ask for where they lead.
            return follow(dns, new Step(at, step.type(), aliases, ttl, secure));
        }
        return CompletableFuture.completedFuture(new Result(records, true, "",
                records.isEmpty() ? Math.min(ttl, negative(found.message())) : ttl, secure, at));
    }

    private static @Nullable CNAMERecord alias(
            List<Record> answers, Name of) {
        for (Record one : answers) {
            if (one instanceof CNAMERecord alias && one.getName().equals(of)) {
                return alias;
            }
        }
        return null;
    }

    /** RFC 2308 section 5: the smaller of the SOA's TTL and its minimum field. */
    private static long negative(Message message) {
        for (Record one : message.getSection(Section.AUTHORITY)) {
            if (one instanceof SOARecord soa) {
                return Math.min(soa.getTTL(), soa.getMinimum());
            }
        }
        return 0;
    }
}
