// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.benchmarks.Attackers.Kind;
import io.mailrace.smtp.UserFile;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A daemon with a small heap, an honest client that hands in messages of 10 KB at a steady
 * rate, and beside it one attack after the other. Exit code 0 only if during each attack 99 of 100
 * messages were taken within the bound, the daemon lived to the end and stopped in order, and every
 * message that was answered with 250 arrived unaltered.
 */
@Command(name = "attack", mixinStandardHelpOptions = true, description = AttackProgram.ABOUT)
public final class AttackProgram implements Callable<Integer> {
    static final String ABOUT = "What an honest client meets while others attack.";
    private static final String USER = "honest";
    private static final String PASSWORD = "loopback only";
    private static final long BODY_BYTES = 10 << 10;
    private static final String HEAP = "smtp_intake_value{input=\"heap-after-collection\"}";
    private static final Duration ARRIVAL_LIMIT = Duration.ofMinutes(2);
    private static final Duration WARM_UP_LIMIT = Duration.ofSeconds(60);
    private static final Duration STOP_LIMIT = Duration.ofMinutes(1);
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

    /**
     * What to do.
     *
     * @param kinds attacks, one after the other
     * @param share of the attackers of the full version, in percent
     * @param slowData how long the slow senders last: more than the half minute they are given
     * @param boundMillis for 99 of 100 messages
     * @param heapMegabytes of the daemon
     */
    public record Plan(List<Kind> kinds, int share, Duration each, Duration slowData,
            int perSecond, long boundMillis, int heapMegabytes, boolean keep) {}

    /** What happened during one attack, or before any. */
    public record Row(String attack, int lines, HonestClient.Account honest, long heapBytes,
            String attackers) {}

    /** The account. */
    public record Outcome(Plan plan, List<Row> rows, int acknowledged, int missing, int corrupt,
            long peakMemoryKilobytes, int exitCode) {

        public boolean holds() {
            return exitCode == 0 && missing == 0 && corrupt == 0 && acknowledged > 0
                    && rows.stream().allMatch(row -> row.honest().sent() > 0
                            && row.honest().p99Millis() < plan.boundMillis());
        }
    }

    @Option(names = "--seconds", defaultValue = "20", description = "Each attack.")
    private int seconds;
    @Option(names = "--share", defaultValue = "100", description = "Attackers, in percent.")
    private int share;
    @Option(names = "--rate", defaultValue = "20", description = "Honest messages a second.")
    private int rate;
    @Option(names = "--bound", defaultValue = "1000", description = "p99 in milliseconds.")
    private long bound;
    @Option(names = "--heap", defaultValue = "256", description = "The daemon's, in megabytes.")
    private int heap;
    @Option(names = "--only", description = "One attack: ${COMPLETION-CANDIDATES}.")
    private List<Kind> only = new ArrayList<>();
    @Option(names = "--keep", description = "Keeps the folder with spool and log.")
    private boolean keep;

    public static void main(String[] args) {
        System.exit(new CommandLine(new AttackProgram()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        var plan = new Plan(only.isEmpty() ? Arrays.asList(Kind.values()) : only, share,
                Duration.ofSeconds(seconds), Duration.ofSeconds(Math.max(seconds, 45)), rate,
                bound, heap, keep);
        return run(plan, System.out).holds() ? 0 : 1;
    }

    /** Carries the plan out; blocks. */
    public static Outcome run(Plan plan, PrintStream out)
            throws IOException, InterruptedException {
        try (var folder = TemporaryFolder.make(plan.keep());
                var network = SinkNetwork.start(1);
                var daemon = start(plan, folder, network)) {
            if (plan.keep()) {
                out.println("folder " + folder.path());
            }
            daemon.awaitReady();
            return new AttackRun(plan, out, network.sink(), daemon,
                    new AdminPage(folder.path().resolve("admin.sock"))).run();
        }
    }

    private static DaemonProcess start(Plan plan, TemporaryFolder folder,
            SinkNetwork network) throws IOException {
        UserFile users = UserFile.open(folder.path().resolve("users"));
        users.add(USER, PASSWORD.toCharArray());
        users.add(Attackers.USER, Attackers.PASSWORD.toCharArray());
        String configuration = """
                hostname = mta1.mailrace.test
                listeners {
                  submission { bind = "127.0.0.1:0", tls = starttls, auth = required }
                }
                users { file = "%1$s/users" }
                spool { path = "%1$s/spool", min-free = 64m }
                dns { servers = ["127.0.0.1:%2$d"] }
                delivery { port = %3$d, allow-destinations = ["127.0.0.0/8"], tls = off }
                admin { socket = "%1$s/admin.sock", bind = "" }
                log { events = off }
                """.formatted(folder.path(), network.dnsPort(), network.port());
        return DaemonProcess.start(folder.path(), configuration,
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                List.of("-Xmx" + plan.heapMegabytes() + "m"));
    }

    /** One run with its state. */
    private static final class AttackRun {
        private final Plan plan;
        private final PrintStream out;
        private final LoadSink sink;
        private final DaemonProcess daemon;
        private final AdminPage admin;
        private final List<Row> rows = new ArrayList<>();

        AttackRun(Plan plan, PrintStream out, LoadSink sink, DaemonProcess daemon,
                AdminPage admin) {
            this.plan = plan;
            this.out = out;
            this.sink = sink;
            this.daemon = daemon;
            this.admin = admin;
        }

        Outcome run() throws IOException, InterruptedException {
            BitSet acknowledged;
            out.printf(Locale.ROOT, "%-18s %6s %6s %8s %6s %14s %8s  %s%n", "attack", "lines",
                    "sent", "refused", "lost", "p50, p99 ms", "heap MB", "attackers");
            try (var honest = new HonestClient(new HonestClient.Options(daemon.address(),
                    InetAddress.getByName("127.0.67.1"), USER, PASSWORD, 8, plan.perSecond(),
                    BODY_BYTES))) {
                warmUp(honest);
                row("none", 0, honest, watch(plan.each()), "");
                for (Kind kind : plan.kinds()) {
                    attack(kind, honest);
                }
                honest.stop();
                acknowledged = honest.acknowledged();
            }
            awaitArrivals(acknowledged);
            long peak = daemon.peakMemoryKilobytes();
            int exit = daemon.stop(STOP_LIMIT);
            var outcome = new Outcome(plan, rows, acknowledged.cardinality(),
                    sink.missing(acknowledged).cardinality(), sink.corrupt(), peak, exit);
            print(outcome);
            return outcome;
        }

        /** The first messages of a new process are not what is measured. */
        private void warmUp(HonestClient honest) {
            long until = System.nanoTime() + WARM_UP_LIMIT.toNanos();
            do {
                watch(Duration.ofSeconds(2));
                honest.take();
            } while (honest.overdue() > plan.perSecond() / 2 && System.nanoTime() < until);
        }

        private void attack(Kind kind, HonestClient honest) {
            int lines = Math.max(1, kind.lines() * plan.share() / 100);
            Duration time = kind == Kind.SLOW_DATA ? plan.slowData() : plan.each();
            try (var attackers = Attackers.start(kind, lines, daemon.address())) {
                long heap = watch(time);
                row(kind.word(), lines, honest, heap, attackers.account());
            }
        }

        /** The most the heap had after a collection in that time. */
        private long watch(Duration time) {
            long until = System.nanoTime() + time.toNanos();
            long most = 0;
            while (System.nanoTime() < until && daemon.alive()) {
                most = Math.max(most, heap());
                LockSupport.parkNanos(LOOK_NANOS);
            }
            return most;
        }

        private long heap() {
            return admin.get("/metrics").stream().flatMap(page -> Stream.of(page.split("\n")))
                    .filter(line -> line.contains(HEAP))
                    .mapToLong(line -> (long) Double.parseDouble(
                            line.substring(line.lastIndexOf(' ') + 1)))
                    .findFirst().orElse(0);
        }

        private void row(String attack, int lines, HonestClient honest, long heap,
                String attackers) {
            var row = new Row(attack, lines, honest.take(), heap, attackers);
            rows.add(row);
            out.printf(Locale.ROOT, "%-18s %6d %6d %8d %6d %6d, %6d %8d  %s%n", attack, lines,
                    row.honest().sent(), row.honest().refused(), row.honest().linesLost(),
                    row.honest().p50Millis(), row.honest().p99Millis(), heap >> 20, attackers);
        }

        private void awaitArrivals(BitSet acknowledged) {
            long deadline = System.nanoTime() + ARRIVAL_LIMIT.toNanos();
            while (!sink.missing(acknowledged).isEmpty() && System.nanoTime() < deadline
                    && daemon.alive()) {
                LockSupport.parkNanos(LOOK_NANOS);
            }
        }

        private void print(Outcome outcome) throws IOException {
            out.printf(Locale.ROOT, "%n%,d acknowledged, %,d missing, %,d corrupt; heap limit "
                    + "%d MB, peak resident %,d MB, exit code %d%n", outcome.acknowledged(),
                    outcome.missing(), outcome.corrupt(), plan.heapMegabytes(),
                    outcome.peakMemoryKilobytes() >> 10, outcome.exitCode());
            daemon.log().lines().filter(line -> line.contains("intake=")
                    || line.contains("OutOfMemory")).limit(20).forEach(out::println);
            out.println(outcome.holds() ? "OK" : "FAILED");
        }
    }
}
