// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigException;
import io.mailrace.core.TimeSource;
import io.mailrace.daemon.DoctorReport.Section;
import io.mailrace.delivery.Finding;
import io.mailrace.delivery.NetworkCheck;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * One run of all checks, side by side on virtual threads ({@code doctor}); what is not finished
 * after {@value #LIMIT_SECONDS} s is reported so. Reads the configuration, asks the DNS, connects
 * and hangs up, writes one temporary file; changes nothing.
 */
final class Doctor {
    private static final int LIMIT_SECONDS = 55;
    /** Leaves time to connect to what was looked up. */
    private static final Duration DNS_LIMIT = Duration.ofSeconds(40);

    private final Path file;
    private final List<String> domains;
    private final String probe;
    private final TimeSource time;

    /** A check under way. */
    private record Check(String what, CompletableFuture<List<Finding>> findings) {}

    /** A section with its checks under way. */
    private record Part(String title, List<Check> checks) {}

    /**
     * @param domains of authors; none: those with keys
     * @param probe what to connect to; empty: the MX hosts of a large receiver
     */
    Doctor(Path file, List<String> domains, String probe, TimeSource time) {
        this.file = file;
        this.domains = List.copyOf(domains);
        this.probe = probe;
        this.time = time;
    }

    /** Blocks, a little less than a minute at most. */
    DoctorReport run() {
        long end = time.nanos() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        DaemonConfig config;
        try {
            config = DaemonConfig.load(file);
        } catch (ConfigException problems) {
            List<Finding> findings = problems.problems().stream().map(one -> Finding.fail(
                    "config", one.toString(), "")).toList();
            return new DoctorReport(file.toString(), List.of(
                    new Section("Configuration (nothing else can be checked before it is good)",
                            findings)));
        }
        List<Section> sections = new ArrayList<>();
        sections.add(new Section("Configuration", configuration(config)));
        for (Part part : start(config)) {
            List<Finding> findings = new ArrayList<>();
            part.checks().forEach(check -> findings.addAll(finish(check, end)));
            if (!findings.isEmpty()) {
                sections.add(new Section(part.title(), findings));
            }
        }
        return new DoctorReport(file.toString(), sections);
    }

    private List<Finding> configuration(DaemonConfig config) {
        List<Finding> findings = new ArrayList<>();
        findings.add(Finding.ok("config", file + " is good."));
        config.dkim().warnings().forEach(warning -> findings.add(Finding.warn("config", "dkim "
                + warning, "")));
        return findings;
    }

    private List<Part> start(DaemonConfig config) {
        NetworkCheck network = NetworkCheck.of(config.delivery(), time, DNS_LIMIT);
        List<Part> parts = new ArrayList<>();
        parts.add(new Part("This machine", List.of(
                start("clock", () -> MachineCheck.clock(time, config.queue().spool().path())),
                start("disk", () -> MachineCheck.disk(config.queue().spool(), time)),
                start("certificate", () -> CertificateCheck.of(config.smtp(), time)))));
        parts.add(new Part("Resolvers", List.of(start("resolver", network::resolvers))));
        for (String source : network.sources()) {
            parts.add(new Part("Source " + source + ": " + network.seen(source), List.of(
                    start("source", () -> network.source(source, List.of())),
                    start("port", () -> network.port(source, probe)))));
        }
        parts.add(new Part("Block lists", config.doctor().blockLists().stream().map(
                list -> start("block-list", () -> network.blockList(list))).toList()));
        Stream<String> all = domains.isEmpty()
                ? config.dkim().keys().keySet().stream().sorted()
                : domains.stream().distinct();
        all.forEach(domain -> parts.add(new Part("Domain " + domain, List.of(start("domain",
                () -> network.domain(domain, config.dkim().keysFor(domain)))))));
        if (domains.isEmpty() && config.dkim().keys().isEmpty()) {
            parts.add(new Part("Domains", List.of(new Check("domain", CompletableFuture
                    .completedFuture(List.of(Finding.warn("dkim", "No DKIM key is configured: mail"
                            + " goes out unsigned.",
                            "Make one with mailrace dkim keygen DOMAIN,"
                                    + " or name domains to check: mailrace doctor DOMAIN.")))))));
        }
        return parts;
    }

    private static Check start(String what, Supplier<List<Finding>> check) {
        return new Check(what, CompletableFuture.supplyAsync(check,
                task -> Thread.ofVirtual().name("doctor").start(task)));
    }

    private List<Finding> finish(Check check, long end) {
        try {
            return check.findings().get(Math.max(0, end - time.nanos()), TimeUnit.NANOSECONDS);
        } catch (TimeoutException slow) {
            return List.of(Finding.unknown(check.what(), "This was not finished within "
                    + LIMIT_SECONDS + " s.", ""));
        } catch (ExecutionException bug) {
            throw new IllegalStateException(bug.getCause());
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            return List.of(Finding.unknown(check.what(), "This was interrupted.", ""));
        }
    }
}
