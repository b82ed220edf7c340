// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.core.TimeSource;
import io.mailrace.daemon.BenchOptions;
import io.mailrace.daemon.BenchPhase;
import io.mailrace.daemon.BenchProbe;
import io.mailrace.daemon.BenchRig;
import io.mailrace.daemon.BenchRig.Launch;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Holds the model against this machine. Costs are measured on all cores with two sizes of message;
 * from them follow rates on one core and with other sizes, which are measured then. What is
 * predicted is never measured in the run it is predicted from. Needs taskset. Confined to one
 * thread.
 */
final class CapacityCheck {
    private static final String LINE = "%-40s %10s %10s %8s%n";
    private static final int SMALL = 2048;
    private static final int LARGE = 20_480;
    private static final int USUAL = 10_240;
    private static final int BEYOND = 40_960;
    /** Few clients, else the CPU ends before a slow disk does. */
    private static final int SLOW_SESSIONS = 20;

    /** How long each run is. */
    record Plan(int warmUpSeconds, int seconds, int sessions, double tolerance) {}

    /** A prediction and what came of it, both a second. */
    record Row(String what, double model, double measured) {
        double ratio() {
            return measured / model;
        }

        boolean holds(double tolerance) {
            return Math.abs(ratio() - 1) <= tolerance;
        }
    }

    private final CapacityModel model;
    private final Plan plan;
    private final Path folder;
    private final List<Row> rows = new ArrayList<>();

    CapacityCheck(CapacityModel model, Plan plan) throws IOException {
        this.model = model;
        this.plan = plan;
        folder = Path.of(System.getProperty("java.io.tmpdir")).toRealPath();
    }

    /** Whether every row is as near as the plan wants it. */
    boolean run() throws IOException, InterruptedException {
        List<Integer> cores = cores(taskset("-cp", own()));
        var plain = BenchOptions.plain(folder, plan.sessions());
        BenchPhase small = run(plain.withSize(SMALL), LauncherOptions.relay());
        BenchPhase large = run(plain.withSize(LARGE), LauncherOptions.relay());
        System.out.printf(Locale.ROOT, "%d cores: %,.0f/s of %d octets, %,.0f/s of %d%n",
                cores.size(), small.deliveredPerSecond(), SMALL, large.deliveredPerSecond(), LARGE);
        System.out.printf(Locale.ROOT, LINE, "here, /s", "model", "measured", "ratio");
        try {
            oneCore(plain, cores, small, large);
            if (cores.size() > 1) {
                relayAlone(plain, cores, small, large);
            }
        } finally {
            pin(cores);
        }
        slowDisks(small, large);
        boolean good = rows.stream().allMatch(row -> row.holds(plan.tolerance()));
        System.out.printf(Locale.ROOT, "%s within %.0f %%%n", good ? "all" : "NOT all",
                100 * plan.tolerance());
        return good;
    }

    /** Everything on one core: what all cores were busy for with a message is its price there. */
    private void oneCore(BenchOptions plain, List<Integer> cores, BenchPhase small,
            BenchPhase large) throws IOException, InterruptedException {
        CapacityCost all = CapacityCost.of(SMALL, busyMicros(small, cores.size()), LARGE,
                busyMicros(large, cores.size()));
        pin(cores.subList(0, 1));
        for (int size : new int[]{USUAL, BEYOND}) {
            row("relay and load on one core, " + size + " octets", 1e6 / all.micros(size),
                    run(plain.withSize(size), pinned(cores.getFirst())));
        }
    }

    /** The relay on one core, clients and receivers on the others. */
    private void relayAlone(BenchOptions plain, List<Integer> cores, BenchPhase small,
            BenchPhase large) throws IOException, InterruptedException {
        double relay = CapacityCost.of(SMALL, small.relayMicrosPerMessage(), LARGE,
                large.relayMicrosPerMessage()).micros(USUAL);
        double load = CapacityCost.of(SMALL, small.ownMicrosPerMessage(), LARGE,
                large.ownMicrosPerMessage()).micros(USUAL);
        double byLoad = (cores.size() - 1) * 1e6 / load;
        pin(cores.subList(1, cores.size()));
        Launch launch = pinned(cores.getFirst());
        row("relay alone on one core", Math.min(1e6 / relay, byLoad), run(plain, launch));
        double rsa = 1e6 / BenchProbe.signaturesPerSecond(folder, Duration.ofSeconds(1),
                TimeSource.system());
        double signed = relay + model.costs().dkimRestMicros() + rsa;
        row("the same, signed", Math.min(1e6 / signed, byLoad), run(plain.withDkim(true), launch));
    }

    private void slowDisks(BenchPhase small, BenchPhase large)
            throws IOException, InterruptedException {
        if (FaultDisk.compiler().isEmpty()) {
            System.out.println("slow disks are left out: " + FaultDisk.NO_COMPILER);
            return;
        }
        double cpu = 1e6 / CapacityCost.of(SMALL, 1e6 / small.deliveredPerSecond(), LARGE,
                1e6 / large.deliveredPerSecond()).micros(USUAL);
        var few = BenchOptions.plain(folder, SLOW_SESSIONS);
        for (int millis : new int[]{8, 20}) {
            double quick = BenchProbe.disk(folder, Duration.ofMillis(500), TimeSource.system())
                    .syncMillis();
            row(SLOW_SESSIONS + " clients, a sync " + millis + " ms longer", Math.min(cpu,
                    model.syncBound(millis + quick, SLOW_SESSIONS)), slow(few, millis));
        }
    }

    private BenchPhase slow(BenchOptions options, int millis)
            throws IOException, InterruptedException {
        try (TemporaryFolder made = TemporaryFolder.make(false)) {
            FaultDisk disk = FaultDisk.make(made.path());
            disk.set(FaultDisk.Fault.SYNC_DELAY_MILLIS, millis);
            // no power will be cut: nothing need be noted
            var environment = new HashMap<>(disk.environment());
            environment.put("FAULTDISK_LOG", "/dev/null");
            return run(options, new Launch(Launch.PLAIN.program(), List.of(),
                    LauncherOptions.DAEMON, environment,
                    Optional.of(disk.root().resolve("spool"))));
        }
    }

    private static double busyMicros(BenchPhase phase, int cores) {
        return cores * 1e6 * phase.busyShare() / phase.deliveredPerSecond();
    }

    private BenchPhase run(BenchOptions options, Launch launch)
            throws IOException, InterruptedException {
        try (BenchRig rig = BenchRig.start(options, launch)) {
            rig.begin();
            rig.measure(Duration.ofSeconds(plan.warmUpSeconds()));
            BenchPhase phase = rig.measure(Duration.ofSeconds(plan.seconds()));
            BenchRig.Account account = rig.finish();
            if (!account.good() || phase.delivered() == 0) {
                throw new IOException("not every message is accounted for: " + account);
            }
            return phase;
        }
    }

    private void row(String what, double predicted, BenchPhase phase) {
        var row = new Row(what, predicted, phase.deliveredPerSecond());
        rows.add(row);
        System.out.printf(Locale.ROOT, LINE, what, String.format(Locale.ROOT, "%,.0f", predicted),
                String.format(Locale.ROOT, "%,.0f", row.measured()),
                String.format(Locale.ROOT, "%.2f", row.ratio()));
    }

    private static Launch pinned(int core) {
        return Launch.after(List.of("taskset", "-c", Integer.toString(core)))
                .with(LauncherOptions.DAEMON);
    }

    /** This process, which is clients and receivers, with all its threads. */
    private static void pin(List<Integer> cores) throws IOException, InterruptedException {
        taskset("-acp", String.join(",", cores.stream().map(String::valueOf).toList()), own());
    }

    private static String own() {
        return Long.toString(ProcessHandle.current().pid());
    }

    /** The cores in taskset's answer, such as {@code pid 7's current affinity list: 0,2-3}. */
    static List<Integer> cores(String answer) {
        var found = new ArrayList<Integer>();
        for (String part : answer.substring(answer.lastIndexOf(':') + 1).strip().split(",", -1)) {
            String[] ends = part.split("-", 2);
            int last = Integer.parseInt(ends[ends.length - 1]);
            for (int core = Integer.parseInt(ends[0]); core <= last; core++) {
                found.add(core);
            }
        }
        return found;
    }

    private static String taskset(String... arguments) throws IOException, InterruptedException {
        var command = new ArrayList<>(List.of("taskset"));
        command.addAll(List.of(arguments));
        Process asking = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(asking.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (asking.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " failed: " + said);
        }
        return said;
    }
}
