// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Kills the daemon with {@code kill -9} again and again while it takes and delivers mail, and
 * accounts for every acknowledged message from outside: each must arrive; what arrives twice must
 * have been on its way at a kill. With {@code --orderly} it is asked to stop instead (SIGTERM), and
 * nothing may arrive twice at all. Exit code 0 only if that holds.
 */
@Command(name = "crash", mixinStandardHelpOptions = true, description = CrashProgram.DESCRIPTION)
public final class CrashProgram implements Callable<Integer> {
    static final String DESCRIPTION = "Kills the daemon under load and accounts for every message.";
    private static final int DOMAINS = 10;
    private static final int PER_CONNECTION = 100;
    private static final int STARTUP_KILL_PERCENT = 20;
    private static final long MAX_START_MILLIS = 1500;
    private static final Duration STOP_LIMIT = Duration.ofSeconds(60);
    private static final Duration STALL = Duration.ofSeconds(30);
    private static final Duration QUIET = Duration.ofSeconds(3);
    /** A message that arrived longer before a kill should have been settled. */
    private static final long MAX_UNSETTLED_MILLIS = 5_000;

    /**
     * What to do.
     *
     * @param orderly SIGTERM instead of SIGKILL
     */
    public record Plan(int kills, long seed, int sessions, long bodyBytes, boolean orderly,
            Duration minLife, Duration maxLife, boolean keep) {}

    /**
     * One kill.
     *
     * @param acknowledged by then
     * @param arrived by then
     * @param connections to receivers open then: each has at most a message or two in flight
     * @param copies messages that had arrived and came again afterwards
     * @param oldestMillis how long before the kill the oldest of these had arrived
     */
    public record Kill(double seconds, boolean duringStart, int acknowledged, int arrived,
            int connections, int copies, long oldestMillis) {}

    /**
     * The account.
     *
     * @param unacknowledged arrived although no 250 was seen: the line was cut before it came
     * @param unexplained copies that no kill explains
     */
    public record Outcome(List<Kill> kills, int acknowledged, int lost, int corrupt,
            int unacknowledged, int copies, int unexplained, long refused, int reports,
            boolean stoppedCleanly) {
        public boolean holds() {
            return lost == 0 && corrupt == 0 && unexplained == 0 && reports == 0 && stoppedCleanly
                    && acknowledged > 0;
        }
    }

    @Option(names = "--kills", defaultValue = "10")
    private int kills;
    @Option(names = "--seed", description = "Repeats the moments of an earlier run.")
    private Optional<Long> seed = Optional.empty();
    @Option(names = "--sessions", defaultValue = "50")
    private int sessions;
    @Option(names = "--size", defaultValue = "4096", description = "Body in octets.")
    private long size;
    @Option(names = "--orderly", description = "SIGTERM instead of kill -9.")
    private boolean orderly;
    @Option(names = "--max-life", defaultValue = "4000", description = "Milliseconds under load.")
    private long maxLifeMillis;
    @Option(names = "--keep", description = "Keeps the folder with spool and log.")
    private boolean keep;

    public static void main(String[] args) {
        System.exit(new CommandLine(new CrashProgram()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        var plan = new Plan(kills, seed.orElseGet(System::nanoTime), sessions, size, orderly,
                Duration.ofMillis(Math.min(200, maxLifeMillis)), Duration.ofMillis(maxLifeMillis),
                keep);
        Outcome outcome = run(plan, System.out);
        return outcome.holds() ? 0 : 1;
    }

    /** Carries the plan out; blocks. */
    public static Outcome run(Plan plan, PrintStream out)
            throws IOException, InterruptedException {
        out.println("seed " + plan.seed() + ", " + plan.kills()
                + (plan.orderly() ? " orderly stops" : " kills") + " under load of "
                + plan.sessions() + " sessions");
        try (var folder = TemporaryFolder.make(plan.keep());
                var network = SinkNetwork.start(DOMAINS);
                var daemon = DaemonProcess.startRelay(folder.path(), network, List.of())) {
            if (plan.keep()) {
                out.println("folder " + folder.path());
            }
            return new CrashRun(plan, out, network, daemon).run();
        }
    }

    /** One run with its state. */
    private static final class CrashRun {
        private final Plan plan;
        private final PrintStream out;
        private final LoadSink sink;
        private final SinkNetwork network;
        private final DaemonProcess daemon;
        private final SplittableRandom random;
        private final List<Long> killNanos = new ArrayList<>();
        private final List<Kill> killed = new ArrayList<>();
        private boolean cleanly = true;

        CrashRun(Plan plan, PrintStream out, SinkNetwork network, DaemonProcess daemon) {
            this.plan = plan;
            this.out = out;
            this.network = network;
            this.daemon = daemon;
            sink = network.sink();
            random = new SplittableRandom(plan.seed());
        }

        Outcome run() throws IOException, InterruptedException {
            BitSet acknowledged;
            long refused;
            try (var source = new LoadSource(new LoadSource.Options(daemon.address(),
                    plan.sessions(), Long.MAX_VALUE, plan.bodyBytes(), PER_CONNECTION,
                    network.domains(), 0, Optional.empty()))) {
                for (int i = 0; i < plan.kills(); i++) {
                    live(i, source);
                    daemon.restart();
                }
                awaitLoad(source);
                source.stop();
                acknowledged = source.acknowledged();
                refused = source.refused();
                if (refused > 0) {
                    out.println("refused: " + refused + ", the last: " + source.lastTrouble());
                }
            }
            drain(acknowledged);
            stop();
            return account(acknowledged, refused);
        }

        /** Lets the daemon live for a random time and ends it. */
        private void live(int index, LoadSource source) throws IOException, InterruptedException {
            boolean duringStart = index > 0 && !plan.orderly()
                    && random.nextInt(100) < STARTUP_KILL_PERCENT;
            long life = random.nextLong(plan.minLife().toMillis(),
                    plan.maxLife().toMillis() + 1);
            if (duringStart) {
                life = Math.min(life, MAX_START_MILLIS);
            } else {
                awaitLoad(source);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(life));
            if (!daemon.alive()) {
                throw new IOException("the daemon died by itself:\n" + daemon.log());
            }
            int arrived = sink.distinct();
            int acknowledged = source.acknowledgedCount();
            int connections = sink.openConnections();
            killNanos.add(System.nanoTime());
            if (plan.orderly()) {
                stop();
            } else {
                daemon.kill();
            }
            // what lies in the sockets of the dead belongs to the life that ended
            while (sink.openConnections() > 0) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
            }
            sink.nextLife();
            killed.add(new Kill(life / 1000.0, duringStart, acknowledged, arrived,
                    connections, 0, 0));
            out.printf(Locale.ROOT, "%4d  %s after %.1f s%s: %,d acknowledged, %,d arrived,"
                    + " %,d connections to receivers%n",
                    index + 1, plan.orderly() ? "stopped" : "killed", life / 1000.0,
                    duringStart ? " (starting)" : "", acknowledged, arrived, connections);
        }

        /** Ready, and mail is being acknowledged: from now on a kill hurts. */
        private void awaitLoad(LoadSource source) throws IOException {
            daemon.awaitReady();
            int before = source.acknowledgedCount();
            long deadline = System.nanoTime() + STALL.toNanos();
            while (source.acknowledgedCount() < before + plan.sessions()) {
                if (System.nanoTime() > deadline) {
                    throw new IOException("nothing is acknowledged: " + source.lastTrouble()
                            + "\n" + daemon.log());
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
            }
        }

        private void stop() throws IOException, InterruptedException {
            int code = daemon.stop(STOP_LIMIT);
            // 143: ended by SIGTERM as the JVM reports it after its shutdown hooks
            if (code != 0 && code != 143) {
                cleanly = false;
                out.println("exit code " + code + " after SIGTERM");
            }
        }

        /** Until everything arrived and nothing more comes, or until nothing moves. */
        private void drain(BitSet acknowledged) {
            int last = -1;
            long lastMove = System.nanoTime();
            while (true) {
                long quiet = System.nanoTime() - lastMove;
                boolean complete = sink.missing(acknowledged).isEmpty();
                if (quiet > (complete ? QUIET : STALL).toNanos() || !daemon.alive()) {
                    return;
                }
                int now = sink.arrivals();
                if (now != last) {
                    last = now;
                    lastMove = System.nanoTime();
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
            }
        }

        private Outcome account(BitSet acknowledged, long refused) {
            int unexplained = 0;
            int[] copies = new int[killed.size()];
            long[] oldest = new long[killed.size()];
            for (LoadSink.Copy copy : sink.copies()) {
                int kill = copy.firstLife();
                long age = kill < killNanos.size()
                        ? TimeUnit.NANOSECONDS.toMillis(killNanos.get(kill) - copy.firstNanos())
                        : Long.MAX_VALUE;
                if (copy.life() == kill || age > MAX_UNSETTLED_MILLIS || plan.orderly()) {
                    unexplained++;
                } else {
                    copies[kill]++;
                    oldest[kill] = Math.max(oldest[kill], age);
                }
            }
            List<Kill> kills = new ArrayList<>();
            for (int i = 0; i < copies.length; i++) {
                Kill kill = killed.get(i);
                kills.add(new Kill(kill.seconds(), kill.duringStart(), kill.acknowledged(),
                        kill.arrived(), kill.connections(), copies[i], oldest[i]));
            }
            int lost = sink.missing(acknowledged).cardinality();
            var outcome = new Outcome(kills, acknowledged.cardinality(), lost, sink.corrupt(),
                    sink.distinct() - (acknowledged.cardinality() - lost), sink.copies().size(),
                    unexplained, refused, sink.reports(), cleanly);
            print(outcome);
            return outcome;
        }

        private void print(Outcome outcome) {
            out.println();
            for (int i = 0; i < outcome.kills().size(); i++) {
                Kill kill = outcome.kills().get(i);
                if (kill.copies() > 0) {
                    out.printf(Locale.ROOT, "%4d  %,d copies, first arrived up to %,d ms before%n",
                            i + 1, kill.copies(), kill.oldestMillis());
                }
            }
            out.printf(Locale.ROOT, "acknowledged    %,d%n", outcome.acknowledged());
            out.printf(Locale.ROOT, "lost            %,d%n", outcome.lost());
            out.printf(Locale.ROOT, "corrupt         %,d%n", outcome.corrupt());
            out.printf(Locale.ROOT, "reports         %,d (bounces nobody asked for)%n",
                    outcome.reports());
            out.printf(Locale.ROOT, "unacknowledged  %,d (arrived, but the 250 was cut off)%n",
                    outcome.unacknowledged());
            out.printf(Locale.ROOT, "copies          %,d, of them unexplained %,d%n",
                    outcome.copies(), outcome.unexplained());
            out.println(outcome.holds() ? "OK" : "FAILED");
        }
    }
}
