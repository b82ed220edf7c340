// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Relays one very large message and many large ones at once through a daemon with a small heap, and
 * proves that each arrives unaltered and that the daemon is none the worse. Exit code 0 only if
 * that holds.
 */
@Command(name = "memory", mixinStandardHelpOptions = true, description = MemoryProof.DESCRIPTION)
public final class MemoryProof implements Callable<Integer> {
    static final String DESCRIPTION = "Relays large messages through a daemon with a small heap.";
    private static final int DOMAINS = 10;
    private static final Duration STALL = Duration.ofSeconds(60);
    private static final Duration STOP_LIMIT = Duration.ofSeconds(60);

    /**
     * What to do.
     *
     * @param heap as -Xmx takes it
     */
    public record Plan(String heap, long bigBytes, int sessions, long bodyBytes, boolean keep) {}

    /**
     * What came of it.
     *
     * @param exitCode of the daemon after SIGTERM; -1 when it had died before
     */
    public record Outcome(int expected, int acknowledged, int arrived, int corrupt, int copies,
            int exitCode, boolean outOfMemory, long peakKilobytes, double seconds) {
        public boolean holds() {
            return acknowledged == expected && arrived == expected && corrupt == 0 && copies == 0
                    && (exitCode == 0 || exitCode == 143) && !outOfMemory;
        }
    }

    @Option(names = "--heap", defaultValue = "256m")
    private String heap = "256m";
    @Option(names = "--big", defaultValue = "100", description = "The very large one, megabytes.")
    private int big;
    @Option(names = "--sessions", defaultValue = "200")
    private int sessions;
    @Option(names = "--size", defaultValue = "10", description = "Each of the others, megabytes.")
    private int size;
    @Option(names = "--keep", description = "Keeps the folder with spool and log.")
    private boolean keep;

    public static void main(String[] args) {
        System.exit(new CommandLine(new MemoryProof()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        return run(new Plan(heap, (long) big << 20, sessions, (long) size << 20, keep),
                System.out).holds() ? 0 : 1;
    }

    /** Carries the plan out; blocks. */
    public static Outcome run(Plan plan, PrintStream out)
            throws IOException, InterruptedException {
        try (var folder = TemporaryFolder.make(plan.keep());
                var network = SinkNetwork.start(DOMAINS);
                var daemon = DaemonProcess.startRelay(folder.path(), network,
                        List.of("-Xmx" + plan.heap()))) {
            daemon.awaitReady();
            out.printf(Locale.ROOT, "heap %s: one message of %,d octets and %d sessions with %,d%n",
                    plan.heap(), plan.bigBytes(), plan.sessions(), plan.bodyBytes());
            Outcome outcome = relay(plan, network, daemon);
            out.printf(Locale.ROOT, "acknowledged %d of %d, arrived %d, corrupt %d, copies %d,"
                    + " %.1f s, peak resident %,d kB, out of memory: %s%n%s%n",
                    outcome.acknowledged(), outcome.expected(), outcome.arrived(),
                    outcome.corrupt(), outcome.copies(), outcome.seconds(),
                    outcome.peakKilobytes(), outcome.outOfMemory() ? "YES" : "no",
                    outcome.holds() ? "OK" : "FAILED");
            return outcome;
        }
    }

    private static Outcome relay(Plan plan, SinkNetwork network, DaemonProcess daemon)
            throws IOException, InterruptedException {
        long start = System.nanoTime();
        LoadSink sink = network.sink();
        int expected = 1 + plan.sessions();
        int acknowledged;
        try (var one = source(plan.bigBytes(), 1, 0, network, daemon);
                var many = source(plan.bodyBytes(), plan.sessions(), 1, network, daemon)) {
            awaitAll(daemon, sink, one, many);
            BitSet all = one.acknowledged();
            all.or(many.acknowledged());
            acknowledged = all.cardinality();
        }
        double seconds = (System.nanoTime() - start) / (double) TimeUnit.SECONDS.toNanos(1);
        long peak = daemon.peakMemoryKilobytes();
        int exitCode = daemon.alive() ? daemon.stop(STOP_LIMIT) : -1;
        boolean outOfMemory = daemon.log().contains("OutOfMemoryError")
                || daemon.log().contains("OutOfDirectMemoryError");
        return new Outcome(expected, acknowledged, sink.distinct(), sink.corrupt(),
                sink.copies().size(), exitCode, outOfMemory, peak, seconds);
    }

    private static LoadSource source(long bodyBytes, int sessions, long firstNumber,
            SinkNetwork network, DaemonProcess daemon) {
        return new LoadSource(new LoadSource.Options(daemon.address(), sessions, sessions,
                bodyBytes, 1, network.domains(), 0, Optional.empty()), firstNumber);
    }

    /** Until everything was submitted and arrived, or nothing moves, or the daemon is dead. */
    private static void awaitAll(DaemonProcess daemon, LoadSink sink, LoadSource one,
            LoadSource many) throws InterruptedException {
        int last = -1;
        long lastMove = System.nanoTime();
        while (daemon.alive() && System.nanoTime() - lastMove < STALL.toNanos()) {
            int acknowledged = one.acknowledgedCount() + many.acknowledgedCount();
            int now = acknowledged + sink.arrivals();
            boolean done = one.await(Duration.ZERO) && many.await(Duration.ZERO);
            if (done && sink.distinct() >= acknowledged) {
                return;
            }
            if (now != last) {
                last = now;
                lastMove = System.nanoTime();
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
    }
}
