// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.core.TimeSource;
import io.mailrace.daemon.BenchOptions;
import io.mailrace.daemon.BenchPhase;
import io.mailrace.daemon.BenchProbe;
import io.mailrace.daemon.BenchRig;
import io.mailrace.daemon.BenchRig.Launch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Prints the capacity of machines by {@link CapacityModel}; with {@code --check} holds the model
 * against this machine: the relay on one core, with clients and receivers on the others, on all
 * cores together with them, and with a disk whose syncs take longer.
 */
@Command(name = "benchmarks/capacity", mixinStandardHelpOptions = true)
public final class Capacity implements Callable<Integer> {
    private static final String ROW = "%-34s %10s %10s %8s%n";

    @Option(names = "--file", paramLabel = "FILE", defaultValue = "benchmarks/capacity.conf")
    private Path file = Path.of("");

    @Option(names = "--check", description = "Measure here what can be measured.")
    private boolean check;

    @Option(names = "--seconds", paramLabel = "N", defaultValue = "10")
    private int seconds;

    @Option(names = "--warm-up", paramLabel = "SECONDS", defaultValue = "10")
    private int warmUp;

    @Option(names = "--sessions", paramLabel = "N", defaultValue = "100")
    private int sessions;

    private double cpuMicros;

    public static void main(String[] args) {
        System.exit(new CommandLine(new Capacity()).execute(args));
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        CapacityModel model = CapacityModel.read(file);
        System.out.println("Measured: " + model.costs().where());
        System.out.println();
        System.out.println(model.table());
        for (CapacityModel.Machine machine : model.machines()) {
            System.out.println(machine.name() + ", signed");
            System.out.println(model.shown(machine, true).indent(2));
        }
        if (check) {
            check(model);
        }
        return 0;
    }

    private void check(CapacityModel model) throws IOException, InterruptedException {
        Path folder = Path.of(System.getProperty("java.io.tmpdir")).toRealPath();
        var plain = BenchOptions.plain(folder, sessions);
        System.out.printf(Locale.ROOT, ROW, "here, /s", "model", "measured", "ratio");
        BenchPhase free = run(plain, Launch.PLAIN);
        cpuMicros = free.relayMicrosPerMessage();
        int cores = Runtime.getRuntime().availableProcessors();
        row("all cores, shared with the load", cores * 1e6 * free.busyShare()
                / (free.relayMicrosPerMessage() + free.ownMicrosPerMessage()), free);
        if (cores > 1) {
            BenchPhase one = run(plain, Launch.after(List.of("taskset", "-c", "0")));
            row("relay on one core", 1e6 / cpuMicros, one);
            BenchPhase signed = run(plain.withDkim(true),
                    Launch.after(List.of("taskset", "-c", "0")));
            double rsa = 1e6 / BenchProbe.signaturesPerSecond(folder, Duration.ofSeconds(1),
                    TimeSource.system());
            row("the same, signed", 1e6 / (cpuMicros + model.costs().dkimRestMicros() + rsa),
                    signed);
        }
        if (FaultDisk.compiler().isEmpty()) {
            System.out.println("slow disks are left out: " + FaultDisk.NO_COMPILER);
            return;
        }
        for (int millis : new int[]{1, 3, 8}) {
            row("a sync takes " + millis + " ms longer", Math.min(free.deliveredPerSecond(),
                    model.syncBound(millis + quickest(folder), sessions)), slow(plain, millis));
        }
    }

    private static double quickest(Path folder) throws IOException {
        return BenchProbe.disk(folder, Duration.ofMillis(500), TimeSource.system()).syncMillis();
    }

    private BenchPhase slow(BenchOptions plain, int millis)
            throws IOException, InterruptedException {
        try (TemporaryFolder made = TemporaryFolder.make(false)) {
            FaultDisk disk = FaultDisk.make(made.path());
            disk.set(FaultDisk.Fault.SYNC_DELAY_MILLIS, millis);
            // no power will be cut: nothing need be noted
            var environment = new HashMap<>(disk.environment());
            environment.put("FAULTDISK_LOG", "/dev/null");
            return run(plain, new Launch(Launch.PLAIN.program(), List.of(), List.of(),
                    environment, Optional.of(disk.root().resolve("spool"))));
        }
    }

    private BenchPhase run(BenchOptions options, Launch launch)
            throws IOException, InterruptedException {
        Files.createDirectories(options.folder());
        try (BenchRig rig = BenchRig.start(options, launch)) {
            rig.begin();
            rig.measure(Duration.ofSeconds(warmUp));
            BenchPhase phase = rig.measure(Duration.ofSeconds(seconds));
            BenchRig.Account account = rig.finish();
            if (!account.good()) {
                throw new IOException("not every message is accounted for: " + account);
            }
            return phase;
        }
    }

    private static void row(String what, double model, BenchPhase measured) {
        System.out.printf(Locale.ROOT, ROW, what, String.format(Locale.ROOT, "%,.0f", model),
                String.format(Locale.ROOT, "%,.0f", measured.deliveredPerSecond()),
                String.format(Locale.ROOT, "%.2f", measured.deliveredPerSecond() / model));
    }
}
