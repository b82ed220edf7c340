// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.TlsTally.Failure;
import io.mailrace.delivery.TlsTally.Policy;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.Memos;
import io.mailrace.queue.Spool;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.Submission;
import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Name;
import org.xbill.DNS.TLSARecord;
import org.xbill.DNS.Type;

/**
 * Counts how TLS with receivers went, day by day (UTC), and reports it to those who ask for it (RFC
 * 8460), some time within the first four hours of the next day. What is counted is written to the
 * spool every half minute; a crash loses no more than that. At most {@value #MAX_DOMAINS} domains
 * in a day. Any thread; never blocks after the start.
 */
final class TlsReports {
    private static final Logger LOG = LoggerFactory.getLogger(TlsReports.class);
    private static final int MAX_DOMAINS = 50_000;
    private static final String PREFIX = "tlsrpt/";
    private static final long SPREAD_MILLIS = TimeUnit.HOURS.toMillis(4);
    private static final long GIVE_UP_DAYS = 2;
    private static final long AGAIN_MILLIS = TimeUnit.HOURS.toMillis(1);
    private static final int MAX_AT_ONCE = 50;
    private static final int MAX_PLACES = 5;
    private static final String TYPE = "application/tlsrpt+gzip";

    private final TlsReportConfig config;
    private final String hostname;
    private final Spool spool;
    private final TimeSource time;
    private final DnsClient dns;
    private final StsPolicies policies;
    private final WebHosts web;
    /** By day and domain, as {@code 2026-11-28/example.com}. */
    private final Map<String, TlsTally> tallies = new ConcurrentHashMap<>();
    private final Set<String> unwritten = ConcurrentHashMap.newKeySet();
    private final Set<String> sending = ConcurrentHashMap.newKeySet();
    /** By the same key; in memory only, so a restart sends at worst one copy more. */
    private final Map<String, Rest> rests = new ConcurrentHashMap<>();

    /**
     * What is left of a report that not everybody took.
     *
     * @param reached those who have it, as their record names them
     */
    private record Rest(long againEpochMillis, Set<String> reached) {}

    /** Reads what is on disk: blocks. */
    TlsReports(DeliveryConfig config, Spool spool, TimeSource time, DnsClient dns,
            StsPolicies policies, WebHosts web) {
        this.config = config.tlsReports();
        hostname = config.hostname();
        this.spool = spool;
        this.time = time;
        this.dns = dns;
        this.policies = policies;
        this.web = web;
        spool.memos().each(PREFIX, (name, value) -> {
            try {
                String key = name.substring(PREFIX.length());
                TlsTally tally = TlsTally.decode(value);
                dayOf(key);
                tallies.put(key, tally);
            } catch (RuntimeException unreadable) {
                LOG.warn("stored report not readable name={}", name);
            }
        });
    }

    /**
     * Whether connections count because of that mail. Not because of the reports themselves: else
     * each would call for another one the next day, for ever.
     */
    boolean counts(Attempt attempt) {
        return config.enabled() && !attempt.envelope().sender().equals(config.from());
    }

    private LocalDate today() {
        return LocalDate.ofInstant(Instant.ofEpochMilli(time.epochMillis()), ZoneOffset.UTC);
    }

    /**
     * One connection carried mail for a domain, or could not because of TLS.
     *
     * @param flaw what was wrong with it, though mail may have gone over it
     */
    void session(String domain, Target target, TlsProof proof, Optional<InetAddress> from,
            Optional<PeerCertificate.Flaw> flaw) {
        if (domain.indexOf(':') >= 0 || domain.startsWith("[")) {
            return;
        }
        Policy policy = policy(domain, target, proof);
        TlsTally tally = tally(domain);
        if (tally == null) {
            return;
        }
        if (flaw.isEmpty()) {
            tally.succeeded(policy);
        } else {
            tally.failed(policy, new Failure(flaw.get().result(), from.map(
                    InetAddress::getHostAddress).orElse(""), target.host(), target.address()
                            .getHostAddress(),
                    flaw.get().why()));
        }
    }

    /** The policy of a domain is announced but could not be read. */
    void policyTrouble(String domain, Https.Failed why) {
        TlsTally tally = config.enabled() ? tally(domain) : null;
        if (tally != null) {
            tally.failed(new Policy("sts", List.of(), List.of()), new Failure(why.result(), "", "",
                    "", why.why()));
        }
    }

    private @Nullable TlsTally tally(String domain) {
        String key = today() + "/" + domain;
        if (tallies.size() >= MAX_DOMAINS && !tallies.containsKey(key)) {
            return null;
        }
        unwritten.add(key);
        return tallies.computeIfAbsent(key, missing -> new TlsTally());
    }

    private Policy policy(String domain, Target target, TlsProof proof) {
        if (proof == TlsProof.DANE && target.dane() instanceof Dane.Records named) {
            return new Policy("tlsa", named.records().stream().map(TlsReports::text).toList(),
                    List.of());
        }
        StsPolicy sts = policies.known(domain);
        return sts.mode() == StsPolicy.Mode.NONE ? Policy.NONE
                : new Policy("sts", sts.text().lines().toList(), sts.mx());
    }

    private static String text(TLSARecord record) {
        return record.getCertificateUsage() + " " + record.getSelector() + " "
                + record.getMatchingType() + " " + HexFormat.of().formatHex(record
                        .getCertificateAssociationData());
    }

    // ------------------------------------------------------------------ on disk, and out

    private static LocalDate dayOf(String key) {
        return LocalDate.parse(key.substring(0, key.indexOf('/')));
    }

    /** Writes what is new and sends what is due. */
    void sweep() {
        if (!config.enabled()) {
            List.copyOf(tallies.keySet()).forEach(this::forget); // of the time when they were
            return;
        }
        flush();
        LocalDate today = today();
        long sinceMidnight = time.epochMillis() - today.atStartOfDay(ZoneOffset.UTC).toInstant()
                .toEpochMilli();
        tallies.forEach((key, tally) -> {
            LocalDate day = dayOf(key);
            String domain = key.substring(key.indexOf('/') + 1);
            boolean late = day.plusDays(1).isBefore(today);
            boolean due = day.isBefore(today) && (late || sinceMidnight >= Math.floorMod(
                    domain.hashCode(), SPREAD_MILLIS));
            if (day.plusDays(GIVE_UP_DAYS).isBefore(today)) {
                forget(key);
            } else if (due && sending.size() < MAX_AT_ONCE && sending.add(key)) {
                Rest rest = rests.getOrDefault(key, new Rest(0, Set.of()));
                if (rest.againEpochMillis() <= time.epochMillis() && tallies.containsKey(key)) {
                    send(key, new TlsReport(config, hostname, domain, day, tally),
                            rest.reached());
                } else {
                    sending.remove(key);
                }
            }
        });
    }

    private void flush() {
        List<Memos.Change> changes = new ArrayList<>();
        for (String key : List.copyOf(unwritten)) {
            unwritten.remove(key);
            TlsTally tally = tallies.get(key);
            byte[] bytes = tally == null ? new byte[0] : tally.encode();
            if (tally != null && bytes.length <= Memos.MAX_VALUE
                    && PREFIX.length() + key.length() <= Memos.MAX_NAME) {
                changes.add(Memos.Change.put(PREFIX + key, bytes));
            }
        }
        write(changes);
    }

    private void write(List<Memos.Change> changes) {
        if (!changes.isEmpty()) {
            spool.memos().write(changes, List.of(), Runnable::run, CommitListener.onFailure(
                    why -> LOG.warn("counts of TLS not on disk reason=\"{}\"",
                            why.getMessage())));
        }
    }

    /** Writes what is new. The spool must still take writes. */
    void close() {
        flush();
    }

    private void forget(String key) {
        tallies.remove(key);
        unwritten.remove(key);
        rests.remove(key);
        write(List.of(Memos.Change.remove(PREFIX + key)));
    }

    /** Asks who wants it; it is done when it reached all of them. */
    private void send(String key, TlsReport report, Set<String> before) {
        Set<String> reached = ConcurrentHashMap.newKeySet();
        reached.addAll(before);
        Name name = DnsNames.of("_smtp._tls." + report.domain());
        CompletableFuture<DnsChain.Result> asked = name == null
                ? CompletableFuture.failedFuture(new IllegalArgumentException(report.domain()))
                : DnsChain.follow(dns, name, Type.TXT);
        asked.thenCompose(result -> {
            if (!result.trouble().isEmpty()) {
                throw new IllegalStateException(result.trouble());
            }
            List<String> records = StsRecord.ofVersion(result.records(), "TLSRPTv1");
            String places = records.size() != 1 ? ""
                    : StsRecord.field(records.getFirst(), "rua").orElse("");
            List<CompletableFuture<Void>> sent = new ArrayList<>();
            Arrays.stream(places.split(",")).map(String::strip).filter(place -> !place.isEmpty())
                    .distinct().limit(MAX_PLACES).filter(place -> !reached.contains(place))
                    .forEach(place -> sent.add(hand(report, place).thenRun(() -> reached.add(
                            place))));
            return CompletableFuture.allOf(sent.toArray(CompletableFuture[]::new));
        }).whenComplete((done, failed) -> {
            if (failed == null) {
                forget(key);
            } else {
                rests.put(key, new Rest(time.epochMillis() + AGAIN_MILLIS, reached));
                LOG.info("report not sent domain={} reason=\"{}\"", report.domain(), Ascii.clean(
                        String.valueOf(failed.getMessage()), 200));
            }
            sending.remove(key);
        });
    }

    private CompletableFuture<Void> hand(TlsReport report, String place) {
        LOG.info("report on TLS domain={} day={} to={}", report.domain(), report.day(),
                Ascii.clean(place, 200));
        if (Ascii.startsWithIgnoreCase(place, "mailto:")) {
            return MailAddress.parse(place.substring("mailto:".length())).map(to -> mail(report,
                    to)).orElseGet(() -> CompletableFuture.completedFuture(null));
        }
        try {
            URI uri = new URI(place);
            return "https".equals(uri.getScheme()) && uri.getHost() != null
                    ? web.post(uri, TYPE, report.gzip())
                    : CompletableFuture.completedFuture(null);
        } catch (URISyntaxException unreadable) {
            return CompletableFuture.completedFuture(null);
        }
    }

    private CompletableFuture<Void> mail(TlsReport report, MailAddress to) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        byte[] bytes = report.mail(to, Instant.ofEpochMilli(time.epochMillis()));
        ContentFacts facts = new ContentFacts(bytes.length, false, false, false, false,
                config.from().domain(), "<" + report.id() + ">");
        IncomingContent content = spool.newContent(Runnable::run, () -> {});
        content.append(bytes, 0, bytes.length);
        content.accept(new Submission(config.from(), List.of(new Recipient(to,
                Recipient.NOTIFY_NEVER, "")), MailOptions.NONE, facts, "default",
                Event.Intake.LOCAL), new CommitListener() {
                    @Override
                    public void committed() {
                        done.complete(null);
                    }

                    @Override
                    public void failed(SpoolException refused) {
                        done.completeExceptionally(refused);
                    }
                });
        return done;
    }
}
