// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.delivery.ShapingControl;
import io.mailrace.dkim.DkimKeyGenerator;
import io.mailrace.dkim.DkimRecord;
import io.mailrace.smtp.UserFile;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * The whole system on loopback: the real daemon with a generated configuration in a temporary
 * folder, a DNS server, receiving providers, most of which make trouble on purpose, and real
 * SMTP clients. Ends when every acknowledged message has arrived or come back, or when nothing has
 * moved for {@link #STALL}. Confined to the calling thread.
 */
final class Demo {
    private static final Duration STALL = Duration.ofSeconds(45);
    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final PrintStream out;
    private final DemoOptions options;
    private final Path folder;
    private final TimeSource time = TimeSource.system();
    private final DemoLedger ledger = new DemoLedger(time);

    private Demo(PrintStream out, DemoOptions options, Path folder) {
        this.out = out;
        this.options = options;
        this.folder = folder;
    }

    /** Runs the demo; 0 when every message is accounted for. */
    static int run(PrintStream out, DemoOptions options) {
        Path folder = null;
        try {
            folder = Files.createTempDirectory("mailrace-demo-");
            return new Demo(out, options, folder).run() ? 0 : 1;
        } catch (IOException | RuntimeException failed) {
            out.println("The demo could not run: " + failed);
            return 1;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return 1;
        } finally {
            delete(folder);
        }
    }

    private boolean run() throws IOException, InterruptedException {
        DkimRecord key = DkimKeyGenerator.generate(DkimKeyGenerator.Kind.RSA_2048, "shop.test",
                "demo", folder.resolve("dkim.pem"));
        String password = HexFormat.of().formatHex(SecureRandom.getSeed(12));
        UserFile.open(folder.resolve("users")).add(DemoSubmitter.USER, password.toCharArray());
        try (ledger;
                var internet = DemoInternet.start(
                        SimulatedCertificate.serverContext("provider.test"), ledger, time,
                        options.messages())) {
            internet.dns().txt(key.name(), key.strings());
            ledger.verifyWith(new DemoVerifier(internet.dns().address()));
            try (Daemon daemon = Daemon.start(DaemonConfig.ofText(config(internet)))) {
                introduce(daemon, internet);
                DemoResult result = traffic(daemon, internet, password);
                report(daemon, result);
                return result.success();
            }
        }
    }

    private String config(DemoInternet internet) {
        return """
                hostname = mta1.mailrace.test
                listeners { submission { bind = "127.0.0.1:0", tls = starttls, auth = required } }
                users { file = "%1$s/users" }
                spool { path = "%1$s/spool", min-free = 32m }
                retry { default { intervals = [1s, 2s, 3s], max-age = 10m } }
                dkim { "shop.test" = [ { selector = demo, key = "%1$s/dkim.pem" } ] }
                dns { servers = ["127.0.0.1:%2$d"] }
                delivery { port = %3$d, allow-destinations = ["127.0.0.0/8"]
                           park-first = 1s, park-max = 3s }
                admin { socket = "%1$s/admin.sock", bind = "127.0.0.1:0" }
                log { level = error, events = off }
                """.formatted(folder, internet.dns().address().getPort(), internet.port())
                + DemoProviders.config();
    }

    private void introduce(Daemon daemon, DemoInternet internet) throws IOException {
        if (options.json()) {
            return;
        }
        out.println("Mailrace demo: everything on loopback, nothing leaves this machine.");
        out.println();
        out.println("  submission  " + text(submission(daemon))
                + "  STARTTLS and AUTH, " + options.sessions() + " clients");
        out.println("  spool       " + folder.resolve("spool") + "  ("
                + Files.getFileStore(folder).type() + ", synced before each 250)");
        out.println("  DNS         " + text(internet.dns().address()) + "  simulated");
        out.println("  receivers   " + internet.providerCount() + " simulated providers on port "
                + internet.port());
        daemon.adminAddress().ifPresent(address -> out.println("  admin       http://"
                + text(address) + "/metrics and /healthz, while the demo runs"));
        out.println();
    }

    private static InetSocketAddress submission(Daemon daemon) {
        InetSocketAddress address = daemon.addresses().get("submission");
        if (address == null) {
            throw new IllegalStateException("the demo's listener is not open");
        }
        return address;
    }

    private DemoResult traffic(Daemon daemon, DemoInternet internet, String password)
            throws InterruptedException {
        var submitter = new DemoSubmitter(submission(daemon), password, ledger,
                time, options);
        var progress = new DemoProgress(out, options.liveProgress());
        long start = time.nanos();
        submitter.start();
        long lastMove = start;
        int lastSum = -1;
        while (!finished(daemon, submitter) && time.nanos() - lastMove < STALL.toNanos()) {
            int sum = ledger.acknowledged() + ledger.settled() + ledger.contents();
            if (sum != lastSum) {
                lastSum = sum;
                lastMove = time.nanos();
            }
            if (!options.json()) {
                progress.show(seconds(time.nanos() - start), ledger.acknowledged(),
                        options.messages(), ledger.settled(), ledger.lines().size());
            }
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            LockSupport.parkNanos(TICK_NANOS);
        }
        if (!options.json()) {
            progress.show(seconds(time.nanos() - start), ledger.acknowledged(), options.messages(),
                    ledger.settled(), ledger.lines().size());
            progress.end();
        }
        return result(daemon, internet, submitter, time.nanos());
    }

    /** Only an empty queue ends the run: a copy that is still to come must be seen. */
    private boolean finished(Daemon daemon, DemoSubmitter submitter) {
        return submitter.done() && daemon.spool().queues().waiting() == 0 && ledger.idle()
                && ledger.settled() >= ledger.lines().size();
    }

    private DemoResult result(Daemon daemon, DemoInternet internet, DemoSubmitter submitter,
            long endNanos) {
        DemoJournal journal = DemoJournal.read(daemon.spool().journal());
        ledger.lines().stream().filter(l -> l.copiesTooMany() > l.copiesExplained())
                .forEach(l -> ledger.problem(l.recipient() + " got message " + l.number()
                        + " more than once, and no cut line explains it"));
        var lines = ledger.lines();
        int delivered = count(DemoLedger.Line::delivered);
        int bounced = count(DemoLedger.Line::bounced);
        int lost = count(l -> !l.delivered() && !l.bounced());
        long[] arrivals = lines.stream().filter(DemoLedger.Line::delivered)
                .mapToLong(DemoLedger.Line::arrivedNanos).sorted().toArray();
        long first = submitter.firstNanos();
        long tail = arrivals.length == 0 ? endNanos : arrivals[(arrivals.length - 1) * 9 / 10];
        var times = new DemoResult.Times(seconds(submitter.lastNanos() - first),
                seconds(tail - first), seconds(endNanos - first));
        return new DemoResult(submitter.submitted(), ledger.acknowledged(), lines.size(),
                delivered, bounced, count(l -> !l.settledAsExpected()) - lost, lost,
                lines.stream().mapToInt(DemoLedger.Line::copiesTooMany).sum(),
                lines.stream().mapToInt(DemoLedger.Line::copiesExplained).sum(),
                ledger.contents(), ledger.exact(), ledger.signed(), ledger.reports(),
                daemon.spool().queues().waiting(), journal.attempts(), journal.deferrals(),
                journal.deferredRecipients(), journal.possibleDuplicates(), times, places(journal),
                shaping(daemon, internet, journal),
                ledger.sampleDsn(), traces(journal), ledger.problems(), ledger.problemCount());
    }

    private int count(Predicate<DemoLedger.Line> which) {
        return (int) ledger.lines().stream().filter(which).count();
    }

    private List<DemoPlaceCount> places(DemoJournal journal) {
        Map<DemoPlace, List<DemoLedger.Line>> byPlace = new EnumMap<>(DemoPlace.class);
        ledger.lines().forEach(line -> byPlace.computeIfAbsent(line.place(),
                p -> new ArrayList<>()).add(line));
        var rows = new ArrayList<DemoPlaceCount>();
        byPlace.forEach((place, lines) -> rows.add(new DemoPlaceCount(place, lines.size(),
                count(lines, DemoLedger.Line::delivered),
                count(lines, l -> journal.wasDeferred(l.recipient())),
                count(lines, DemoLedger.Line::bounced),
                count(lines, l -> !l.delivered() && !l.bounced()))));
        return rows;
    }

    private static List<DemoShaping> shaping(Daemon daemon, DemoInternet internet,
            DemoJournal journal) {
        var rows = new ArrayList<DemoShaping>();
        for (DemoPlace place : DemoPlace.LARGE) {
            String name = place.provider();
            DemoJournal.Answers answers = journal.answersOf(place.domain());
            DemoReceiver receiver = internet.receiverAt(place);
            rows.add(new DemoShaping(name, answers.tries(), answers.taken(),
                    answers.pushedBack(), answers.said(), journal.fired(name),
                    daemon.paths().stream().filter(path -> path.receiver().equals(name))
                            .mapToDouble(ShapingControl.PathStatus::ratePerSecond)
                            .filter(Double::isFinite).findFirst(),
                    receiver.perSecond(), receiver.reputation()));
        }
        return rows;
    }

    private static int count(List<DemoLedger.Line> lines, Predicate<DemoLedger.Line> which) {
        return (int) lines.stream().filter(which).count();
    }

    /** One greylisted, one pushed back, one bounced, one whose line was cut after the end. */
    private List<DemoResult.Trace> traces(DemoJournal journal) {
        var traces = new ArrayList<DemoResult.Trace>();
        trace(journal, "A trace: greylisted, then delivered",
                l -> l.place() == DemoPlace.GREYLIST).ifPresent(traces::add);
        trace(journal, "A trace: pushed back by Gmail, then delivered",
                l -> l.place() == DemoPlace.GMAIL && journal.wasDeferred(l.recipient()))
                .ifPresent(traces::add);
        trace(journal, "A trace: the line was cut after the final dot, so it arrived twice",
                DemoLedger.Line::wasCutAfterEnd).ifPresent(traces::add);
        trace(journal, "A trace: one recipient refused, the other one served",
                l -> l.place() == DemoPlace.NOBODY).ifPresent(traces::add);
        trace(journal, "A trace: a duplicate that should not be",
                l -> l.copiesTooMany() > l.copiesExplained()).ifPresent(traces::add);
        return traces;
    }

    /** Of the message with the fewest recipients, so that it stays short. */
    private Optional<DemoResult.Trace> trace(DemoJournal journal, String title,
            Predicate<DemoLedger.Line> which) {
        return ledger.lines().stream().filter(which)
                .min(Comparator.comparingInt((DemoLedger.Line l) -> DemoMessage.of(l.number())
                        .recipients().size()).thenComparingInt(DemoLedger.Line::number))
                .flatMap(l -> ledger.spoolId(l.number())).flatMap(SpoolId::parse)
                .map(id -> new DemoResult.Trace(title, journal.trace(id)));
    }

    private void report(Daemon daemon, DemoResult result) throws IOException {
        if (options.json()) {
            out.writeBytes(DemoJson.of(result));
            return;
        }
        DemoReport.print(out, result);
        if (options.stay()) {
            daemon.adminAddress().ifPresent(address -> out.println("The daemon stays: http://"
                    + text(address) + "/metrics . Press Enter to end."));
            out.flush();
            int ignored = System.in.read();
        }
    }

    private static String text(InetSocketAddress address) {
        return address.getAddress().getHostAddress() + ":" + address.getPort();
    }

    private static double seconds(long nanos) {
        return nanos / (double) TimeUnit.SECONDS.toNanos(1);
    }

    private static void delete(@org.jspecify.annotations.Nullable Path folder) {
        if (folder == null) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException | UncheckedIOException left) {
            // a temporary folder that stays is not worth a failure
        }
    }
}
