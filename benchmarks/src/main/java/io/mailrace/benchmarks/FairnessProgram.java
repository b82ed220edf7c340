// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.SimulatedBehaviour;
import io.mailrace.daemon.SimulatedClient;
import io.mailrace.smtp.UserFile;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
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
 * Two tenants and one throttled site: what the few messages of the one wait for behind the backlog
 * of the other, and what one password reset waits for. Counted in messages of others that arrive
 * between the 250 and the arrival ("slots"), so that the result does not depend on the machine.
 * Exit code 0 only if the slots are within the bounds that follow from the design, and the times
 * within these slots plus a second. Stops the daemon when it has measured; the backlog is not
 * delivered.
 */
@Command(name = "fairness", mixinStandardHelpOptions = true, description = FairnessProgram.ABOUT)
public final class FairnessProgram implements Callable<Integer> {
    static final String ABOUT = "What few messages wait for behind another tenant's many.";
    private static final String PASSWORD = "loopback only";
    private static final String SENDER = "load@load.test";
    private static final String RESET_SENDER = "reset@reset.test";
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final Duration SUBMIT_LIMIT = Duration.ofHours(1);
    private static final int PER_CONNECTION = 1000;
    private static final int WARM_UP_SECONDS = 1;
    /** Messages a tenant may send in one turn, as {@code mta-delivery} has it, for both tenants. */
    private static final int TURNS = 8;
    /** Between the 250 and the moment delivery knows of the message. */
    private static final int MARGIN = 10;
    private static final double MARGIN_SECONDS = 1;

    /**
     * What to do.
     *
     * @param connections of the daemon to the site
     * @param replyMillis how long the site takes for its reply to a message
     */
    public record Plan(int big, int small, int connections, int replyMillis, int sessions,
            long bodyBytes, boolean keep) {

        /** Two for each connection at hand and two on it, then turns of both tenants. */
        int smallBound() {
            return 2 * small + 4 * connections + TURNS + MARGIN;
        }

        /** What is on the connections, one of them looked ahead at. */
        int resetBound() {
            return 2 * connections + MARGIN;
        }
    }

    /**
     * What some messages waited for.
     *
     * @param seconds from its 250 to its arrival, sorted
     * @param slots the most messages of others that arrived in between
     */
    public record Waits(List<Double> seconds, int slots) {
        double median() {
            return seconds.get(seconds.size() / 2);
        }
    }

    /**
     * The account.
     *
     * @param perSecond messages that arrived, measured before the few came
     * @param backlog of the big tenant when its own further messages came
     */
    public record Outcome(Plan plan, double perSecond, Waits small, Waits reset, int backlog) {
        /** What waits behind the whole backlog waits that long. */
        double fifoSeconds() {
            return backlog / perSecond;
        }

        public boolean holds() {
            return within(small, plan.smallBound()) && within(reset, plan.resetBound());
        }

        private boolean within(Waits waits, int slots) {
            return waits.slots() <= slots
                    && waits.seconds().getLast() <= slots / perSecond + MARGIN_SECONDS;
        }
    }

    @Option(names = "--big", defaultValue = "1000000")
    private int big;
    @Option(names = "--small", defaultValue = "10")
    private int small;
    @Option(names = "--connections", defaultValue = "4")
    private int connections;
    @Option(names = "--reply-millis", defaultValue = "20", description = "Per message.")
    private int replyMillis;
    @Option(names = "--sessions", defaultValue = "50")
    private int sessions;
    @Option(names = "--size", defaultValue = "1024", description = "Body in octets.")
    private long size;
    @Option(names = "--keep", description = "Keeps the folder with spool and log.")
    private boolean keep;

    public static void main(String[] args) {
        System.exit(new CommandLine(new FairnessProgram()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        var plan = new Plan(big, small, connections, replyMillis, sessions, size, keep);
        return run(plan, System.out).holds() ? 0 : 1;
    }

    /** Carries the plan out; blocks. */
    public static Outcome run(Plan plan, PrintStream out)
            throws IOException, InterruptedException {
        var slow = new SimulatedBehaviour() {
            @Override
            public Duration endDelay() {
                return Duration.ofMillis(plan.replyMillis());
            }
        };
        try (var folder = TemporaryFolder.make(plan.keep());
                var network = SinkNetwork.start(1, slow);
                var daemon = start(plan, folder, network)) {
            if (plan.keep()) {
                out.println("folder " + folder.path());
            }
            daemon.awaitReady();
            return new FairnessRun(plan, out, network.sink(), daemon).run();
        }
    }

    private static DaemonProcess start(Plan plan, TemporaryFolder folder, SinkNetwork network)
            throws IOException {
        UserFile users = UserFile.open(folder.path().resolve("users"));
        users.add("big", PASSWORD.toCharArray());
        users.add("small", PASSWORD.toCharArray());
        String configuration = """
                hostname = mta1.mailrace.test
                listeners {
                  submission { bind = "127.0.0.1:0", tls = starttls, auth = required }
                }
                users { file = "%1$s/users" }
                spool { path = "%1$s/spool", min-free = 64m }
                routes = [ { when { sender-domain = "reset.test" }, lane = transactional },
                           { when { sender-domain = "load.test" }, lane = bulk } ]
                dns { servers = ["127.0.0.1:%2$d"] }
                delivery { port = %3$d, allow-destinations = ["127.0.0.0/8"], tls = off
                           connections-per-site = %4$d }
                admin { socket = "%1$s/admin.sock", bind = "" }
                log { events = off }
                """.formatted(folder.path(), network.dnsPort(), network.port(),
                plan.connections());
        return DaemonProcess.start(folder.path(), configuration,
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), List.of());
    }

    /** One run with its state. */
    private static final class FairnessRun {
        private final Plan plan;
        private final PrintStream out;
        private final LoadSink sink;
        private final DaemonProcess daemon;

        FairnessRun(Plan plan, PrintStream out, LoadSink sink, DaemonProcess daemon) {
            this.plan = plan;
            this.out = out;
            this.sink = sink;
            this.daemon = daemon;
        }

        Outcome run() throws IOException, InterruptedException {
            fill();
            double perSecond = rate();
            int first = plan.big();
            Waits small = submitAndAwait("small", SENDER, first, plan.small());
            first += plan.small();
            Waits reset = submitAndAwait("small", RESET_SENDER, first, 1);
            first += 1;
            int backlog = plan.big() - (sink.distinct() - plan.small() - 1);
            submit("big", SENDER, first, plan.small());
            var outcome = new Outcome(plan, perSecond, small, reset, backlog);
            print(outcome);
            return outcome;
        }

        /** Queues the backlog. */
        private void fill() throws IOException, InterruptedException {
            long start = System.nanoTime();
            try (var source = new LoadSource(new LoadSource.Options(daemon.address(),
                    Math.min(plan.sessions(), plan.big()), plan.big(), plan.bodyBytes(),
                    PER_CONNECTION, 1, 0, Optional.of(new LoadSource.Login("big", PASSWORD))))) {
                boolean all = source.await(SUBMIT_LIMIT);
                if (!all || source.acknowledgedCount() < plan.big()) {
                    throw new IOException("not all was taken: " + source.lastTrouble());
                }
            }
            out.printf(Locale.ROOT, "%,d messages of tenant big queued in %.1f s, %,d of them "
                    + "delivered meanwhile%n", plan.big(), seconds(System.nanoTime() - start),
                    sink.distinct());
        }

        /** Messages a second with nothing but the backlog. */
        private double rate() throws IOException {
            LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(WARM_UP_SECONDS));
            int before = sink.distinct();
            int enough = before + Math.max(200, 20 * plan.connections());
            long start = System.nanoTime();
            while (sink.distinct() < enough) {
                pause(start);
            }
            return (sink.distinct() - before) / seconds(System.nanoTime() - start);
        }

        private Waits submitAndAwait(String user, String sender, int first, int count)
                throws IOException {
            List<Long> taken = submit(user, sender, first, count);
            List<Double> waits = new ArrayList<>();
            int slots = 0;
            long start = System.nanoTime();
            for (int i = 0; i < count; i++) {
                while (sink.firstArrivalNanos(first + i).isEmpty()) {
                    pause(start);
                }
                long arrived = sink.firstArrivalNanos(first + i).getAsLong();
                waits.add(Math.max(0, seconds(arrived - taken.get(i))));
                slots = Math.max(slots, sink.arrivedBetween(taken.get(i), arrived));
            }
            waits.sort(null);
            return new Waits(waits, slots);
        }

        /** One session; the moments of the 250s. */
        private List<Long> submit(String user, String sender, int first, int count)
                throws IOException {
            List<Long> taken = new ArrayList<>();
            try (var client = SimulatedClient.connect(daemon.address(), TIMEOUT)) {
                client.startTls().login(user, PASSWORD);
                for (int i = 0; i < count; i++) {
                    var message = new LoadMessage(first + i, sender, "u" + i + "@d1.test",
                            plan.bodyBytes());
                    var reply = client.send(sender, List.of(message.recipient()),
                            message::writeTo);
                    if (reply.code() != 250) {
                        throw new IOException("refused: " + reply);
                    }
                    taken.add(System.nanoTime());
                }
                client.quit();
            }
            return taken;
        }

        private void pause(long startNanos) throws IOException {
            if (System.nanoTime() - startNanos > TIMEOUT.toNanos() || !daemon.alive()) {
                throw new IOException("nothing arrives any more:\n" + daemon.log());
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
        }

        private static double seconds(long nanos) {
            return nanos / (double) TimeUnit.SECONDS.toNanos(1);
        }

        private void print(Outcome outcome) {
            out.printf(Locale.ROOT, "%,.0f messages a second leave over %d connections, a slot is "
                    + "%.1f ms%n%n", outcome.perSecond(), plan.connections(),
                    1000 / outcome.perSecond());
            out.println("from 250 to arrival                      min, median, max s"
                    + "      slots in between");
            row("%,d of tenant small, same lane", plan.small(), outcome.small(),
                    plan.smallBound());
            row("%,d transactional", 1, outcome.reset(), plan.resetBound());
            out.printf(Locale.ROOT, "%-38s %22.1f %12s%n",
                    "tenant big itself, as FIFO for all *", outcome.fifoSeconds(),
                    String.format(Locale.ROOT, "%,d", outcome.backlog()));
            out.printf(Locale.ROOT,
                    "%n* computed, not waited for: the backlog of %,d when they were "
                            + "queued, at the measured rate%n",
                    outcome.backlog());
            out.println(outcome.holds() ? "OK" : "FAILED");
        }

        private void row(String what, int count, Waits waits, int bound) {
            out.printf(Locale.ROOT, "%-38s %6.3f, %6.3f, %6.3f %12d of at most %d%n",
                    String.format(Locale.ROOT, what, count), waits.seconds().getFirst(),
                    waits.median(), waits.seconds().getLast(), waits.slots(), bound);
        }
    }
}
