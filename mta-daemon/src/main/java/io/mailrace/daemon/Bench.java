// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * {@code mailrace bench}: measures disk and RSA alone, then the relay at full load, then at half of
 * that, where times are worth reading. With a rate given: at that rate only. Confined to the
 * calling thread.
 */
final class Bench {
    static final int MAX_SECONDS = 600;
    private static final int MAX_WARM_UP = 30;
    private static final long FREE_BYTES = 2L << 30;
    private static final Duration PROBE = Duration.ofMillis(700);
    private static final int SITE_CONNECTIONS = 20;

    /**
     * What a run shall do.
     *
     * @param seconds of each measurement
     * @param perSecond 0: as fast as it goes, then half of it
     * @param siteConnections {@code delivery.connections-per-site}
     */
    record Plan(BenchOptions options, int seconds, double perSecond, int siteConnections) {
        Plan {
            if (seconds < 1 || seconds > MAX_SECONDS) {
                throw new IllegalArgumentException("seconds must be 1 to " + MAX_SECONDS);
            }
            if (!(perSecond >= 0 && perSecond <= 1e6)) {
                throw new IllegalArgumentException("the rate must be 0 to 1000000");
            }
        }

        static Plan of(BenchOptions options, int seconds, double perSecond) {
            return new Plan(options, seconds, perSecond, SITE_CONNECTIONS);
        }

        int warmUpSeconds() {
            return Math.min(MAX_WARM_UP, (seconds + 1) / 2);
        }
    }

    private final Plan plan;
    private final PrintStream progress;
    private final TimeSource time = TimeSource.system();

    private Bench(Plan plan, PrintStream progress) {
        this.plan = plan;
        this.progress = progress;
    }

    /** Runs it all; a rig that is left when the program is stopped is removed all the same. */
    static BenchResult run(Plan plan, PrintStream progress)
            throws IOException, InterruptedException {
        return new Bench(plan, progress).run();
    }

    private BenchResult run() throws IOException, InterruptedException {
        BenchOptions options = plan.options();
        long free = Files.getFileStore(options.folder()).getUsableSpace();
        if (free < FREE_BYTES) {
            throw new IOException("only " + (free >> 20) + " MB are free in " + options.folder()
                    + ", at least " + (FREE_BYTES >> 20) + " are needed: name another with --disk");
        }
        progress.println("measuring the disk and the CPU ...");
        BenchProbe.Disk disk = BenchProbe.disk(options.folder(), PROBE, time);
        double signatures = BenchProbe.signaturesPerSecond(options.folder(), PROBE, time);
        var running = new AtomicReference<@Nullable BenchRig>();
        Thread cleaner = Thread.ofPlatform().name("bench-stop").unstarted(() -> close(running));
        Runtime.getRuntime().addShutdownHook(cleaner);
        try {
            progress.println("starting the relay ...");
            BenchRig rig = BenchRig.start(options);
            running.set(rig);
            return measure(rig, disk, signatures);
        } finally {
            close(running);
            Runtime.getRuntime().removeShutdownHook(cleaner);
        }
    }

    private static void close(AtomicReference<@Nullable BenchRig> running) {
        BenchRig rig = running.getAndSet(null);
        if (rig != null) {
            rig.close();
        }
    }

    private BenchResult measure(BenchRig rig, BenchProbe.Disk disk, double signatures)
            throws IOException, InterruptedException {
        Duration length = Duration.ofSeconds(plan.seconds());
        int warmUp = plan.warmUpSeconds();
        rig.begin(plan.perSecond());
        progress.println("warming up for " + warmUp + " s ...");
        rig.measure(Duration.ofSeconds(warmUp));
        progress.println("measuring for " + plan.seconds() + " s ...");
        BenchPhase full = rig.measure(length);
        progress.println("waiting for the last deliveries ...");
        BenchRig.Account account = rig.finish();
        Optional<BenchPhase> half = Optional.empty();
        double slow = full.acceptedPerSecond() / 2;
        if (plan.perSecond() == 0 && slow >= 1) {
            progress.println("measuring half of that for " + plan.seconds() + " s ...");
            rig.begin(slow);
            rig.measure(Duration.ofSeconds(Math.min(2, warmUp)));
            half = Optional.of(rig.measure(length));
            account = rig.finish();
        }
        int cores = Runtime.getRuntime().availableProcessors();
        var facts = new BenchLimit.Facts(plan.options(), full, disk, signatures, cores,
                plan.perSecond(), BenchRig.window(plan.options()),
                BenchOptions.DOMAINS * plan.siteConnections());
        return new BenchResult(plan.options(), cores, warmUp, plan.perSecond(), disk, signatures,
                full, half, BenchLimit.of(facts), account);
    }
}
