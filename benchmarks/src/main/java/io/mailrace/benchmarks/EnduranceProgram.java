// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Enqueue, deliver, delete at full speed for long: does throughput hold, how much is written to the
 * disk for each byte of mail, and does the disk come back to where it was when the queue is empty?
 * Every message is numbered; none may be lost or come twice. Exit code 0 only if all holds.
 */
@Command(name = "endurance", mixinStandardHelpOptions = true, description = EnduranceProgram.TEXT)
public final class EnduranceProgram implements Callable<Integer> {
    static final String TEXT = "Runs mail through at full speed for long.";
    private static final Duration STALL = Duration.ofSeconds(60);
    private static final Duration STOP_LIMIT = Duration.ofSeconds(60);
    private static final int PER_CONNECTION = 20;
    private static final int SECTORS_WRITTEN = 9;
    private static final int SECTOR = 512;
    private static final double HOLDS = 0.9;
    private static final double BASE_FACTOR = 1.25;
    private static final long BASE_SLACK = 64L << 20;
    /** The journal is kept small, so that it reaches its bound during the warm-up. */
    private static final String CONFIGURATION = """
            spool.events.max-count = 100000
            """;

    /**
     * What to do.
     *
     * @param edge the first and the last part of the load that are compared
     * @param ahead how many messages may be acknowledged and not yet arrived
     * @param quiet how long the disk is watched, for its base before and for its return after
     */
    public record Plan(Duration warmUp, Duration load, Duration edge, int sessions,
            long bodyBytes, int domains, int ahead, Duration quiet, boolean keep) {}

    /**
     * What came of it.
     *
     * @param firstRate messages delivered a second in the first part, {@code lastRate} in the last
     * @param amplification bytes the disk wrote for each byte of content, whoever wrote them; when
     *        the disk cannot be asked, bytes of the pages that the daemon made dirty
     */
    public record Outcome(int acknowledged, int lost, int copies, int corrupt, double firstRate,
            double lastRate, double amplification, long baseBytes, long endBytes,
            double returnSeconds) {
        public boolean accounted() {
            return acknowledged > 0 && lost == 0 && copies == 0 && corrupt == 0;
        }

        public boolean returned() {
            return endBytes <= baseBytes * BASE_FACTOR + BASE_SLACK;
        }

        public boolean holds() {
            return accounted() && returned() && lastRate >= HOLDS * firstRate;
        }
    }

    @Option(names = "--minutes", defaultValue = "30")
    private int minutes;
    @Option(names = "--sessions", defaultValue = "100")
    private int sessions;
    @Option(names = "--size", defaultValue = "10240", description = "Body in octets.")
    private long size;
    @Option(names = "--domains", defaultValue = "50")
    private int domains;
    @Option(names = "--ahead", defaultValue = "2000", description = "Messages on their way.")
    private int ahead;
    @Option(names = "--warm-up", defaultValue = "60", description = "Seconds.")
    private int warmUpSeconds;
    @Option(names = "--quiet", defaultValue = "120", description = "Seconds the disk is watched.")
    private int quietSeconds;
    @Option(names = "--keep", description = "Keeps the folder with spool and log.")
    private boolean keep;

    public static void main(String[] args) {
        System.exit(new CommandLine(new EnduranceProgram()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        Duration load = Duration.ofMinutes(minutes);
        return run(
                new Plan(Duration.ofSeconds(warmUpSeconds), load, load.dividedBy(6), sessions, size,
                        domains, ahead, Duration.ofSeconds(quietSeconds), keep),
                System.out).holds() ? 0 : 1;
    }

    /** Carries the plan out; blocks. */
    public static Outcome run(Plan plan, PrintStream out)
            throws IOException, InterruptedException {
        try (var folder = TemporaryFolder.make(plan.keep());
                var network = SinkNetwork.start(plan.domains());
                var daemon = DaemonProcess.startRelay(folder.path(), network,
                        new DaemonProcess.Setup(List.of(), Map.of(), CONFIGURATION))) {
            daemon.awaitReady();
            return new Endurance(plan, out, network, daemon).run();
        }
    }

    /** One look at everything. */
    private record Look(long nanos, int acknowledged, int arrived, long written) {}

    /** One run with its state. */
    private static final class Endurance {
        private final Plan plan;
        private final PrintStream out;
        private final SinkNetwork network;
        private final LoadSink sink;
        private final DaemonProcess daemon;

        Endurance(Plan plan, PrintStream out, SinkNetwork network, DaemonProcess daemon) {
            this.plan = plan;
            this.out = out;
            this.network = network;
            this.daemon = daemon;
            sink = network.sink();
        }

        Outcome run() throws IOException, InterruptedException {
            BitSet all = load(plan.warmUp(), 0, new ArrayList<>());
            drain();
            long base = quietSize(0, plan.quiet()).bytes();
            out.printf(Locale.ROOT, "base: %,d bytes on disk after a warm-up of %d s%n", base,
                    plan.warmUp().toSeconds());
            List<Look> looks = new ArrayList<>();
            long before = diskBytes();
            int firstNumber = all.length();
            BitSet measured = load(plan.load(), firstNumber, looks);
            all.or(measured);
            drain();
            long written = diskBytes() - before;
            Size end = quietSize((long) (base * BASE_FACTOR) + BASE_SLACK, plan.quiet());
            int lost = sink.missing(all).cardinality();
            int code = daemon.stop(STOP_LIMIT);
            if (code != 0 && code != 143) {
                throw new IOException("exit code " + code + ":\n" + daemon.log());
            }
            double content = (double) measured.cardinality() * plan.bodyBytes();
            var outcome = new Outcome(all.cardinality(), lost, sink.copies().size(),
                    sink.corrupt(), rate(looks, false), rate(looks, true), written / content,
                    base, end.bytes(), end.seconds());
            print(outcome);
            return outcome;
        }

        /** Bytes written so far by the disk under the spool. */
        private long diskBytes() throws IOException {
            String device = Path.of(Files.getFileStore(daemon.spool()).name()).getFileName()
                    .toString();
            try (Stream<String> lines = Files.lines(Path.of("/proc/diskstats"))) {
                return lines.map(line -> line.strip().split(" +"))
                        .filter(words -> words.length > SECTORS_WRITTEN
                                && words[2].equals(device))
                        .mapToLong(words -> Long.parseLong(words[SECTORS_WRITTEN]) * SECTOR)
                        .findFirst().orElseGet(() -> daemon.proc("io", "write_bytes"));
            }
        }

        /** Loads for a time; a look each second. Returns what was acknowledged. */
        private BitSet load(Duration time, int firstNumber, List<Look> looks) {
            long start = System.nanoTime();
            long end = start + time.toNanos();
            int arrivedBefore = sink.distinct();
            LoadSource[] self = new LoadSource[1];
            try (var source = new LoadSource(new LoadSource.Options(daemon.address(),
                    plan.sessions(), Long.MAX_VALUE, plan.bodyBytes(), PER_CONNECTION,
                    network.domains(), 0, Optional.empty()), firstNumber,
                    () -> self[0] == null || self[0].acknowledgedCount()
                            - (sink.distinct() - arrivedBefore) < plan.ahead())) {
                self[0] = source;
                Look last = look(source);
                while (last.nanos() < end) {
                    LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1));
                    Look now = look(source);
                    looks.add(now);
                    if (minute(now.nanos() - start) > minute(last.nanos() - start)) {
                        row(looks, minute(now.nanos() - start));
                    }
                    last = now;
                }
                source.stop();
                return source.acknowledged();
            }
        }

        private static long minute(long nanos) {
            return nanos / TimeUnit.MINUTES.toNanos(1);
        }

        private Look look(LoadSource source) {
            return new Look(System.nanoTime(), source.acknowledgedCount(), sink.distinct(),
                    daemon.proc("io", "write_bytes"));
        }

        private void row(List<Look> looks, long minute) {
            Look now = looks.getLast();
            Look then = looks.get(Math.max(0, looks.size() - 61));
            double seconds = (now.nanos() - then.nanos()) / 1e9;
            out.printf(Locale.ROOT, "%3d min  accepted %,.0f/s  delivered %,.0f/s  written"
                    + " %,.1f MB/s  spool %,d MB  resident %,d MB%n", minute,
                    (now.acknowledged() - then.acknowledged()) / seconds,
                    (now.arrived() - then.arrived()) / seconds,
                    (now.written() - then.written()) / seconds / 1e6, daemon.spoolBytes() >> 20,
                    daemon.proc("status", "VmRSS") >> 10);
        }

        /** Messages delivered a second in the first or last part of the load. */
        private double rate(List<Look> looks, boolean atTheEnd) {
            int count = (int) Math.min(looks.size() - 1, Math.max(1, plan.edge().toSeconds()));
            Look from = atTheEnd ? looks.get(looks.size() - 1 - count) : looks.getFirst();
            Look to = atTheEnd ? looks.getLast() : looks.get(count);
            return (to.arrived() - from.arrived()) * 1e9 / (to.nanos() - from.nanos());
        }

        /** Until no mail waits. */
        private void drain() throws IOException {
            int last = -1;
            long lastMove = System.nanoTime();
            while (daemon.admin().metric("queue_envelopes_waiting").orElse(1) > 0) {
                if (sink.arrivals() != last) {
                    last = sink.arrivals();
                    lastMove = System.nanoTime();
                } else if (System.nanoTime() - lastMove > STALL.toNanos() || !daemon.alive()) {
                    throw new IOException("the queue does not empty:\n" + daemon.log());
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
            }
        }

        private record Size(long bytes, double seconds) {}

        /** The smallest size of the spool within a time, or the first that is small enough. */
        private Size quietSize(long enough, Duration limit) {
            long start = System.nanoTime();
            var smallest = new Size(Long.MAX_VALUE, 0);
            while (System.nanoTime() - start < limit.toNanos() && smallest.bytes() > enough
                    || smallest.bytes() == Long.MAX_VALUE) {
                long now = daemon.spoolBytes();
                if (now < smallest.bytes()) {
                    smallest = new Size(now, (System.nanoTime() - start) / 1e9);
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(500));
            }
            return smallest;
        }

        private void print(Outcome outcome) {
            out.printf(Locale.ROOT, "%nacknowledged   %,d%nlost           %,d%ncopies         %,d"
                    + "%ncorrupt        %,d%n", outcome.acknowledged(), outcome.lost(),
                    outcome.copies(), outcome.corrupt());
            out.printf(Locale.ROOT, "delivered      %,.0f/s in the first %d s, %,.0f/s in the last:"
                    + " %.2f%n", outcome.firstRate(), plan.edge().toSeconds(), outcome.lastRate(),
                    outcome.lastRate() / outcome.firstRate());
            out.printf(Locale.ROOT,
                    "written        %.2f bytes by the disk for each byte of content%n",
                    outcome.amplification());
            out.printf(Locale.ROOT, "disk           base %,d bytes, %,d bytes %.0f s after the"
                    + " queue was empty%n", outcome.baseBytes(), outcome.endBytes(),
                    outcome.returnSeconds());
            out.println(outcome.holds() ? "OK" : "FAILED");
        }
    }
}
