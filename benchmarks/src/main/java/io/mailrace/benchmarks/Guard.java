// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.core.TimeSource;
import io.mailrace.daemon.BenchOptions;
import io.mailrace.daemon.BenchPhase;
import io.mailrace.daemon.BenchProbe;
import io.mailrace.daemon.BenchRig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Fails when a message costs more than it did: the relay's CPU for each message as a ratio to
 * yardsticks measured in turns with it, held against the committed ratios. Ratios, for times say
 * nothing on another machine; CPU, for rates hang on what else runs.
 */
@Command(name = "benchmarks/guard", mixinStandardHelpOptions = true)
public final class Guard implements Callable<Integer> {
    private static final String USUAL_PLACE = "${sys:mailrace.root:-.}/benchmarks/guard.json";
    /** Exit code: the guard cannot say anything. */
    static final int NOTHING_TO_HOLD = 2;
    private static final int CORES = Runtime.getRuntime().availableProcessors();

    @Option(names = "--rounds", paramLabel = "N", defaultValue = "3")
    private int rounds;

    @Option(names = "--warm-up", paramLabel = "SECONDS", defaultValue = "30")
    private int warmUp;

    @Option(names = "--seconds", paramLabel = "N", defaultValue = "10")
    private int seconds;

    @Option(names = "--sessions", paramLabel = "N", defaultValue = "100")
    private int sessions;

    @Option(names = "--file", paramLabel = "FILE", defaultValue = USUAL_PLACE)
    private Path file = Path.of("");

    @Option(names = "--accept", description = "Write the ratios down as those to hold.")
    private boolean accept;

    public static void main(String[] args) {
        System.exit(new CommandLine(new Guard()).execute(args));
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (!accept) {
            Optional<String> refusal = refusal(file, CORES);
            if (refusal.isPresent()) {
                System.err.println("benchmarks/guard: " + refusal.get());
                return NOTHING_TO_HOLD;
            }
        }
        Path folder = Path.of(System.getProperty("java.io.tmpdir"));
        var plain = BenchOptions.plain(folder, sessions);
        var measured = new ArrayList<GuardRatios.Round>();
        for (int i = 0; i < Math.max(GuardRatios.MIN_ROUNDS, rounds); i++) {
            double rsa = 1e6 / BenchProbe.signaturesPerSecond(folder, Duration.ofSeconds(1),
                    TimeSource.system());
            double echo = cost(plain, BenchRig.Launch.of(EchoRelay.class)
                    .with(LauncherOptions.DAEMON));
            double bare = cost(plain, LauncherOptions.relay());
            double signed = cost(plain.withDkim(true), LauncherOptions.relay());
            var round = new GuardRatios.Round(echo, rsa, bare, signed);
            measured.add(round);
            System.out.printf(Locale.ROOT, "round %d: echo %.1f us, RSA %.1f us; a message %.1f us"
                    + " = %.3f yardsticks, signed %.1f us = %.3f yardsticks%n", i + 1, echo, rsa,
                    bare, round.plainRatio(), signed, round.signedRatio());
        }
        return judge(GuardRatios.of(measured, facts()));
    }

    /**
     * Why there is nothing to hold a run against; looked at before anything is measured. Syncs and
     * wake-ups are shared by more messages on more cores, so their ratios are others.
     */
    static Optional<String> refusal(Path file, int cores) throws IOException {
        if (!Files.isRegularFile(file)) {
            return Optional.of("no ratios to hold: " + file + " is missing. Fetch the committed"
                    + " one, or write the first with --accept.");
        }
        GuardRatios committed;
        try {
            committed = GuardRatios.read(Files.readAllBytes(file));
        } catch (IllegalArgumentException broken) {
            return Optional.of(file + " cannot be read: " + broken.getMessage());
        }
        String then = committed.facts().getOrDefault("cores", "an unknown number of");
        return then.equals(Integer.toString(cores))
                ? Optional.empty()
                : Optional.of("the ratios in " + file + " are of " + then + " cores, here are "
                        + cores + ": run it on such a machine (taskset -c leaves fewer), or write"
                        + " new ones with --accept.");
    }

    private double cost(BenchOptions options, BenchRig.Launch launch)
            throws IOException, InterruptedException {
        try (BenchRig rig = BenchRig.start(options, launch)) {
            rig.begin();
            rig.measure(Duration.ofSeconds(warmUp));
            BenchPhase phase = rig.measure(Duration.ofSeconds(seconds));
            BenchRig.Account account = rig.finish();
            if (!account.good() || phase.delivered() == 0) {
                throw new IOException("not every message is accounted for: " + account + "\n"
                        + rig.log());
            }
            return phase.relayMicrosPerMessage();
        }
    }

    private static Map<String, String> facts() {
        var facts = new LinkedHashMap<String, String>();
        facts.put("date", Instant.ofEpochMilli(TimeSource.system().epochMillis()).toString());
        facts.put("java", Runtime.version().toString());
        facts.put("cores", Integer.toString(CORES));
        return facts;
    }

    private int judge(GuardRatios now) throws IOException {
        System.out.printf(Locale.ROOT, "medians: %.3f yardsticks, signed %.3f%n", now.plain(),
                now.signed());
        if (accept) {
            Files.write(file, now.json());
            System.out.println("written to " + file + ": commit it");
            return 0;
        }
        GuardRatios committed = GuardRatios.read(Files.readAllBytes(file));
        List<String> worse = now.worseThan(committed);
        worse.forEach(sentence -> System.out.println("WORSE: " + sentence));
        System.out.println(worse.isEmpty()
                ? "OK: no more than " + Math.round(100 * GuardRatios.TOLERANCE)
                        + " % above the committed ratios"
                : "The guard fails. If the cost is wanted, say why and run it with --accept.");
        return worse.isEmpty() ? 0 : 1;
    }
}
