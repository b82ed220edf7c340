// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.DaemonConfig;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A spool full of deferred mail: what it costs in memory, how soon delivery begins after a restart,
 * whether stored due times are kept to, and whether new mail is taken as fast as into an empty
 * spool. Two daemons take turns for the last, so that a noisy machine is noisy for both. Exit code
 * 0 only if all holds.
 */
@Command(name = "backlog", mixinStandardHelpOptions = true, description = BacklogProgram.TEXT)
public final class BacklogProgram implements Callable<Integer> {
    static final String TEXT = "A spool full of deferred mail: memory, restart, intake.";
    private static final Duration PATIENCE = Duration.ofMinutes(90);
    private static final Duration STOP_LIMIT = Duration.ofMinutes(2);
    private static final Duration STALL = Duration.ofMinutes(1);
    private static final int ADDRESSES = 20;
    private static final int PER_CONNECTION = 1000;
    /** Messages that fall due just before the restart. */
    private static final int SOON = 500;
    private static final Duration SOON_INTERVAL = Duration.ofSeconds(20);
    /** A tenth is the jitter of retry intervals; the rest is what clocks differ by. */
    private static final double EARLIEST = 0.89;
    private static final double INTAKE = 0.9;
    private static final long HEAP = 200L << 20;
    private static final double RESTART_SECONDS = 3;

    /**
     * What to do.
     *
     * @param fillSmtp through real sessions and attempts; else straight into the spool
     * @param interval until deferred mail is tried again: longer than the whole run
     * @param strict whether memory and restart time decide too
     */
    public record Plan(int messages, int domains, long bodyBytes, boolean fillSmtp,
            Duration interval, int sessions, Duration window, int windows, Duration watch,
            Optional<String> heap, boolean strict, boolean keep) {}

    /**
     * What came of it.
     *
     * @param intake median rate into the full spool over median rate into the empty one
     */
    public record Outcome(int deferred, double intake, long heapBytes, double greetingSeconds,
            double firstSeconds, int again, int early, boolean strict) {
        public boolean holds() {
            return early == 0 && intake >= INTAKE && firstSeconds > 0
                    && (!strict || heapBytes <= HEAP && firstSeconds <= RESTART_SECONDS);
        }
    }

    @Option(names = "--messages", defaultValue = "1000000")
    private int messages;
    @Option(names = "--domains", defaultValue = "20000")
    private int domains;
    @Option(names = "--size", defaultValue = "1024", description = "Body in octets.")
    private long size;
    @Option(names = "--fill", defaultValue = "smtp", description = "smtp or spool.")
    private String fill = "smtp";
    @Option(names = "--interval", defaultValue = "120", description = "Of retries, in minutes.")
    private int interval;
    @Option(names = "--sessions", defaultValue = "100")
    private int sessions;
    @Option(names = "--seconds", defaultValue = "10", description = "Each window of intake.")
    private int seconds;
    @Option(names = "--windows", defaultValue = "5")
    private int windows;
    @Option(names = "--heap", description = "As -Xmx takes it; as the launcher sets it otherwise.")
    private Optional<String> heap = Optional.empty();
    @Option(names = "--keep", description = "Keeps the folder with spool and log.")
    private boolean keep;

    public static void main(String[] args) {
        System.exit(new CommandLine(new BacklogProgram()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        return run(new Plan(messages, domains, size, fill.equals("smtp"),
                Duration.ofMinutes(interval), sessions, Duration.ofSeconds(seconds), windows,
                Duration.ofSeconds(60), heap, true, keep), System.out).holds() ? 0 : 1;
    }

    /** Carries the plan out; blocks. */
    public static Outcome run(Plan plan, PrintStream out)
            throws IOException, InterruptedException {
        var log = new DeferralLog(SOON + plan.messages());
        try (var full = TemporaryFolder.make(plan.keep());
                var empty = TemporaryFolder.make(false);
                var network = SinkNetwork.start(plan.domains(), ADDRESSES, log)) {
            return new Backlog(plan, out, full, empty, network, log).run();
        }
    }

    /** One run with its state. */
    private static final class Backlog {
        private final Plan plan;
        private final PrintStream out;
        private final TemporaryFolder fullFolder;
        private final TemporaryFolder emptyFolder;
        private final SinkNetwork network;
        private final DeferralLog log;
        private int nextNumber;

        Backlog(Plan plan, PrintStream out, TemporaryFolder full, TemporaryFolder empty,
                SinkNetwork network, DeferralLog log) {
            this.plan = plan;
            this.out = out;
            fullFolder = full;
            emptyFolder = empty;
            this.network = network;
            this.log = log;
            nextNumber = SOON + plan.messages();
        }

        private DaemonProcess.Setup setup(Duration interval) {
            return new DaemonProcess.Setup(
                    plan.heap().map(max -> List.of("-Xmx" + max)).orElse(List.of()), Map.of(),
                    "retry { default { intervals = [" + interval.toSeconds()
                            + "s], max-age = 4d } }\n");
        }

        Outcome run() throws IOException, InterruptedException {
            log.earliest((long) (plan.interval().toNanos() * EARLIEST));
            try (var full = DaemonProcess.startRelay(fullFolder.path(), network,
                    setup(plan.interval()))) {
                full.awaitReady();
                fill(full);
                out.printf(Locale.ROOT, "%,d messages deferred, %,d queues, %,d bytes on disk%n",
                        log.deferred(), full.admin().metric("queue_queues").orElse(0),
                        full.spoolBytes());
                double intake = intake(full);
                long heap = full.heapAfterCollection();
                out.printf(Locale.ROOT, "heap in use after a collection %,d MB, resident %,d MB,"
                        + " at most %,d MB%n", heap >> 20, full.proc("status", "VmRSS") >> 10,
                        full.peakMemoryKilobytes() >> 10);
                return restart(full, intake, heap);
            }
        }

        private void fill(DaemonProcess full) throws IOException, InterruptedException {
            long start = System.nanoTime();
            if (plan.fillSmtp()) {
                try (var source = source(full, plan.messages(), SOON, plan.domains())) {
                    await(full, () -> source.refused() == 0 && log.deferred() >= plan.messages());
                }
                await(full, () -> full.admin().metric("queue_envelopes_taken").orElse(1) == 0);
            } else {
                full.stop(STOP_LIMIT);
                new BacklogFill(log, SOON, plan.messages(), plan.domains(), plan.bodyBytes())
                        .run(DaemonConfig.load(fullFolder.path().resolve("mailrace.conf"))
                                .queue());
                full.restart();
                full.awaitReady();
            }
            out.printf(Locale.ROOT, "filled in %,d s%n",
                    TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start));
        }

        private LoadSource source(DaemonProcess daemon, long count, int firstNumber,
                int domains) {
            return new LoadSource(new LoadSource.Options(daemon.address(), plan.sessions(),
                    count, plan.bodyBytes(), PER_CONNECTION, domains, 0, Optional.empty()),
                    firstNumber);
        }

        private void await(DaemonProcess daemon, BooleanSupplier done) throws IOException {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!done.getAsBoolean()) {
                if (System.nanoTime() > deadline || !daemon.alive()) {
                    throw new IOException("waited in vain:\n" + daemon.log());
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
            }
        }

        /** Messages a second into the full spool and into an empty one, in turn. */
        private double intake(DaemonProcess full) throws IOException, InterruptedException {
            List<Double> intoFull = new ArrayList<>();
            List<Double> intoEmpty = new ArrayList<>();
            try (var empty = DaemonProcess.startRelay(emptyFolder.path(), network,
                    setup(plan.interval()))) {
                empty.awaitReady();
                window(empty);
                window(full);
                for (int i = 0; i < plan.windows(); i++) {
                    intoEmpty.add(window(empty));
                    intoFull.add(window(full));
                }
            }
            double ratio = median(intoFull) / median(intoEmpty);
            out.printf(Locale.ROOT, "intake: %,.0f/s into the full spool, %,.0f/s into an empty"
                    + " one: %.2f (medians of %d windows of %d s)%n", median(intoFull),
                    median(intoEmpty), ratio, plan.windows(), plan.window().toSeconds());
            return ratio;
        }

        private double window(DaemonProcess daemon) throws IOException {
            try (var source = source(daemon, Long.MAX_VALUE, nextNumber, ADDRESSES)) {
                long start = System.nanoTime();
                LockSupport.parkNanos(plan.window().toNanos());
                double rate = source.acknowledgedCount() * 1e9 / (System.nanoTime() - start);
                source.stop();
                nextNumber = Math.max(nextNumber, source.acknowledged().length());
                await(daemon, () -> daemon.admin().metric("queue_envelopes_taken").orElse(1) == 0);
                return rate;
            }
        }

        private static double median(List<Double> values) {
            List<Double> sorted = new ArrayList<>(values);
            Collections.sort(sorted);
            return sorted.get(sorted.size() / 2);
        }

        /** Some mail falls due while the daemon is down; how soon does it leave? */
        private Outcome restart(DaemonProcess full, double intake, long heap)
                throws IOException, InterruptedException {
            int before = log.deferred();
            full.stop(STOP_LIMIT);
            full.configure("retry { default { intervals = [" + SOON_INTERVAL.toSeconds()
                    + "s] } }");
            full.restart();
            full.awaitReady();
            try (var source = source(full, SOON, 0, ADDRESSES)) {
                await(full, () -> source.refused() == 0 && log.deferred() >= before + SOON);
            }
            await(full, () -> full.admin().metric("queue_envelopes_taken").orElse(1) == 0);
            full.stop(STOP_LIMIT);
            full.configure("");
            LockSupport.parkNanos(SOON_INTERVAL.toNanos() + SOON_INTERVAL.toNanos() / 5);
            log.acceptBelow(SOON);
            int arrived = network.sink().distinct();
            int again = log.again();
            log.forget(SOON);
            long start = System.nanoTime();
            full.restart();
            double first = 0;
            double greeting = 0;
            while (System.nanoTime() - start < (first == 0 ? STALL : plan.watch()).toNanos()) {
                if (first == 0 && network.sink().distinct() > arrived) {
                    first = (System.nanoTime() - start) / 1e9;
                }
                if (first > 0 && greeting == 0) {
                    full.awaitReady();
                    greeting = (System.nanoTime() - start) / 1e9;
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
            }
            var outcome = new Outcome(log.deferred(), intake, heap, greeting, first,
                    log.again() - again, log.early(), plan.strict());
            out.printf(Locale.ROOT, "restart: first delivery %.2f s after the process began; %,d of"
                    + " %,d messages whose time had come arrived within %d s; %,d attempts in all,"
                    + " %,d before their time%n", first, network.sink().distinct() - arrived,
                    SOON, plan.watch().toSeconds(), outcome.again(), outcome.early());
            out.println(outcome.holds() ? "OK" : "FAILED");
            return outcome;
        }
    }
}
