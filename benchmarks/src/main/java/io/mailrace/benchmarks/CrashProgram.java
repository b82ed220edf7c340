// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
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
 * nothing may arrive twice at all. With {@code --power} the disk loses with each kill what was not
 * synced ({@link FaultDisk}). Exit code 0 only if that holds.
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

    /** How a life ends. */
    public enum Ending {
        /** kill -9: what was written stays. */
        KILL,
        /** SIGTERM. */
        STOP,
        /** kill -9, and everything that was not synced goes. */
        POWER_CUT,
        /** The same, but names of files are as durable as on a file system with one journal. */
        LENIENT_POWER_CUT,
        /** kill -9, and what was not synced survives wholly, in part or not. */
        TORN_POWER_CUT;

        Optional<PowerCut.Mode> cut() {
            return switch (this) {
                case KILL, STOP -> Optional.empty();
                case POWER_CUT -> Optional.of(PowerCut.Mode.DROP_ALL);
                case LENIENT_POWER_CUT -> Optional.of(PowerCut.Mode.LENIENT_FOLDERS);
                case TORN_POWER_CUT -> Optional.of(PowerCut.Mode.TORN);
            };
        }
    }

    /**
     * What to do.
     *
     * @param settled the first start, without load, is on disk whole before the first kill
     * @param refusing these receivers take nothing until the last kill
     * @param configuration further lines for the daemon
     */
    public record Plan(int kills, long seed, int sessions, long bodyBytes, Ending ending,
            Duration minLife, Duration maxLife, boolean keep, boolean settled,
            SinkNetwork.Refusing refusing, String configuration) {}

    /**
     * One kill.
     *
     * @param acknowledged by then
     * @param arrived by then
     * @param inFlight the most that may come twice: envelopes taken and not settled on disk, and
     *     connections to receivers; empty when the daemon did not tell
     * @param copies messages that had arrived and came again afterwards
     * @param oldestMillis how long before the kill the oldest of these had arrived
     */
    public record Kill(double seconds, boolean duringStart, int acknowledged, int arrived,
            OptionalLong inFlight, int copies, long oldestMillis) {
        boolean tooMany() {
            return inFlight.isPresent() && copies > inFlight.getAsLong();
        }
    }

    /**
     * The account.
     *
     * @param unacknowledged arrived although no 250 was seen: the line was cut before it came
     * @param unexplained copies that no kill explains
     * @param oldSlots most files of the log that held old mail at a kill; empty when none had to
     */
    public record Outcome(List<Kill> kills, int acknowledged, int lost, int corrupt,
            int unacknowledged, int copies, int unexplained, long refused, int reports,
            boolean stoppedCleanly, OptionalInt oldSlots) {
        public boolean holds() {
            return lost == 0 && corrupt == 0 && unexplained == 0 && reports == 0 && stoppedCleanly
                    && acknowledged > 0 && oldSlots.orElse(1) > 0
                    && kills.stream().noneMatch(Kill::tooMany);
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
    @Option(names = "--power", description = "Power cut: what was not synced goes with each kill.")
    private boolean power;
    @Option(names = "--torn", description = "With --power: some of it survives, in part.")
    private boolean torn;
    @Option(names = "--lenient-folders", description = "With --power: names are synced with files.")
    private boolean lenient;
    @Option(names = "--settled", description = "With --power: begins with a synced spool.")
    private boolean settled;
    @Option(names = "--backlog", description = "Receivers take nothing before the last kill.")
    private boolean backlog;
    @Option(names = "--waiting", description = "One of ten receivers does not.")
    private boolean waiting;
    @Option(names = "--max-life", defaultValue = "4000", description = "Milliseconds under load.")
    private long maxLifeMillis;
    @Option(names = "--keep", description = "Keeps the folder with spool and log.")
    private boolean keep;

    public static void main(String[] args) {
        System.exit(new CommandLine(new CrashProgram()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        Ending ending = orderly
                ? Ending.STOP
                : !power
                        ? Ending.KILL
                        : torn
                                ? Ending.TORN_POWER_CUT
                                : lenient ? Ending.LENIENT_POWER_CUT : Ending.POWER_CUT;
        var plan = new Plan(kills, seed.orElseGet(System::nanoTime), sessions, size, ending,
                Duration.ofMillis(Math.min(200, maxLifeMillis)), Duration.ofMillis(maxLifeMillis),
                keep, settled, refusing(), "");
        Outcome outcome = run(plan, System.out);
        return outcome.holds() ? 0 : 1;
    }

    private SinkNetwork.Refusing refusing() {
        if (backlog) {
            return SinkNetwork.Refusing.ALL;
        }
        return waiting ? SinkNetwork.Refusing.ONE : SinkNetwork.Refusing.NONE;
    }

    /** Carries the plan out; blocks. */
    public static Outcome run(Plan plan, PrintStream out)
            throws IOException, InterruptedException {
        out.println("seed " + plan.seed() + ", " + plan.kills() + " times " + plan.ending()
                + " under load of " + plan.sessions() + " sessions");
        try (var folder = TemporaryFolder.make(plan.keep());
                var network = SinkNetwork.start(DOMAINS)) {
            if (plan.keep()) {
                out.println("folder " + folder.path());
            }
            Optional<FaultDisk> disk = plan.ending().cut().isPresent()
                    ? Optional.of(FaultDisk.make(folder.path()))
                    : Optional.empty();
            var setup = new DaemonProcess.Setup(List.of(),
                    disk.map(FaultDisk::environment).orElse(Map.of()), plan.configuration());
            try (var daemon = DaemonProcess.startRelay(folder.path(), network, setup);
                    var gauge = new TakenGauge(daemon.admin())) {
                return new CrashRun(plan, out, network, daemon, disk, gauge).run();
            }
        }
    }

    /** One run with its state. */
    private static final class CrashRun {
        private final Plan plan;
        private final PrintStream out;
        private final LoadSink sink;
        private final SinkNetwork network;
        private final DaemonProcess daemon;
        private final Optional<FaultDisk> disk;
        private final TakenGauge gauge;
        private final SplittableRandom random;
        private final List<Long> killNanos = new ArrayList<>();
        private final List<Kill> killed = new ArrayList<>();
        private boolean cleanly = true;
        private int oldSlots;

        CrashRun(Plan plan, PrintStream out, SinkNetwork network, DaemonProcess daemon,
                Optional<FaultDisk> disk, TakenGauge gauge) {
            this.disk = disk;
            this.gauge = gauge;
            this.plan = plan;
            this.out = out;
            this.network = network;
            this.daemon = daemon;
            sink = network.sink();
            random = new SplittableRandom(plan.seed());
        }

        Outcome run() throws IOException, InterruptedException {
            if (plan.settled() && disk.isPresent()) {
                daemon.awaitReady();
                stop();
                disk.get().forget();
                daemon.restart();
            }
            network.refuse(plan.refusing());
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
            network.refuse(false);
            drain(acknowledged);
            stop();
            return account(acknowledged, refused);
        }

        /** Lets the daemon live for a random time and ends it. */
        private void live(int index, LoadSource source) throws IOException, InterruptedException {
            boolean duringStart = index > 0 && plan.ending() != Ending.STOP
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
            gauge.ask();
            OptionalLong taken = gauge.most();
            OptionalLong inFlight = taken.isPresent()
                    ? OptionalLong.of(taken.getAsLong() + connections)
                    : taken;
            killNanos.add(System.nanoTime());
            if (plan.ending() == Ending.STOP) {
                stop();
            } else {
                daemon.kill();
            }
            oldSlots = Math.max(oldSlots, daemon.oldSlots());
            // what lies in the sockets of the dead belongs to the life that ended
            while (sink.openConnections() > 0) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
            }
            sink.nextLife();
            gauge.nextLife();
            killed.add(new Kill(life / 1000.0, duringStart, acknowledged, arrived, inFlight, 0,
                    0));
            out.printf(Locale.ROOT, "%4d  after %.1f s%s: %,d acknowledged, %,d arrived, in flight"
                    + " %s, %,d connections to receivers%n",
                    index + 1, life / 1000.0, duringStart ? " (starting)" : "", acknowledged,
                    arrived, taken.isPresent() ? taken.getAsLong() : "not told", connections);
            if (disk.isPresent()) {
                cut(disk.get());
            }
        }

        private void cut(FaultDisk faulty) throws IOException {
            long unseen = faulty.count(FaultDisk.Counter.UNSEEN);
            if (unseen > 0 || faulty.count(FaultDisk.Counter.WRITES) == 0) {
                throw new IOException("the disk did not see all: unseen " + unseen);
            }
            out.println("      cut: " + faulty.cut(plan.ending().cut().orElseThrow(),
                    random.nextLong()));
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

        /** Until nothing more comes: all has arrived, no mail waits, or nothing moves. */
        private void drain(BitSet acknowledged) {
            int last = -1;
            long lastMove = System.nanoTime();
            while (true) {
                long quiet = System.nanoTime() - lastMove;
                boolean complete = sink.missing(acknowledged).isEmpty()
                        || quiet > QUIET.toNanos() && daemon.admin()
                                .metric("queue_envelopes_waiting").orElse(1) == 0;
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
                if (copy.life() == kill || age > MAX_UNSETTLED_MILLIS
                        || plan.ending() == Ending.STOP) {
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
                        kill.arrived(), kill.inFlight(), copies[i], oldest[i]));
            }
            int lost = sink.missing(acknowledged).cardinality();
            var outcome = new Outcome(kills, acknowledged.cardinality(), lost, sink.corrupt(),
                    sink.distinct() - (acknowledged.cardinality() - lost), sink.copies().size(),
                    unexplained, refused, sink.reports(), cleanly,
                    plan.refusing() == SinkNetwork.Refusing.ONE
                            ? OptionalInt.of(oldSlots)
                            : OptionalInt.empty());
            print(outcome);
            return outcome;
        }

        private void print(Outcome outcome) {
            out.println();
            for (int i = 0; i < outcome.kills().size(); i++) {
                Kill kill = outcome.kills().get(i);
                if (kill.copies() > 0) {
                    out.printf(Locale.ROOT, "%4d  %,d copies, first arrived up to %,d ms before;"
                            + " in flight %s%s%n", i + 1, kill.copies(), kill.oldestMillis(),
                            kill.inFlight().isPresent()
                                    ? "at most " + kill.inFlight().getAsLong()
                                    : "unknown",
                            kill.tooMany() ? " TOO MANY" : "");
                }
            }
            out.printf(Locale.ROOT, "acknowledged    %,d%n", outcome.acknowledged());
            out.printf(Locale.ROOT, "lost            %,d (accounted for: %,d of %,d)%n",
                    outcome.lost(), outcome.acknowledged() - outcome.lost(),
                    outcome.acknowledged());
            out.printf(Locale.ROOT, "corrupt         %,d%n", outcome.corrupt());
            out.printf(Locale.ROOT, "reports         %,d (bounces nobody asked for)%n",
                    outcome.reports());
            out.printf(Locale.ROOT, "unacknowledged  %,d (arrived, but the 250 was cut off)%n",
                    outcome.unacknowledged());
            out.printf(Locale.ROOT, "copies          %,d, of them unexplained %,d%n",
                    outcome.copies(), outcome.unexplained());
            outcome.oldSlots().ifPresent(most -> out.println("old mail        "
                    + (most > 0
                            ? "in up to " + most + " files of the log"
                            : "was never moved: more kills, or --size 10240")));
            out.println(outcome.holds() ? "OK" : "FAILED");
        }
    }
}
