// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.mailrace.core.ConfigSource;
import io.mailrace.delivery.DeliveryConfig;
import io.mailrace.delivery.WarmupSimulation;
import io.mailrace.delivery.WarmupSimulation.Arrivals;
import io.mailrace.delivery.WarmupSimulation.Result;
import io.mailrace.delivery.WarmupSimulation.Setting;
import io.mailrace.delivery.WarmupSimulation.Way;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Two warm and two new sources, five receivers, weeks of mail with restarts and crashes in
 * between: without warm-up, by a fixed plan, and by the plan that holds when a day was bad; each
 * also with a day on which receivers think little of the new sources again. Exit code 0 only if no
 * message began beyond a cap, every message was delivered, bounced or waits, and the plan that
 * holds had the smallest share put off or blocked.
 */
@Command(name = "warmup", mixinStandardHelpOptions = true, description = WarmupProgram.ABOUT)
public final class WarmupProgram implements Callable<Integer> {
    static final String ABOUT = "What warm-up is worth, in simulated weeks.";

    @Option(names = "--days", defaultValue = "60", description = "Simulated.")
    private int days;
    @Option(names = "--volume", defaultValue = "200000", description = "Messages a day.")
    private long volume;
    @Option(names = "--plan", defaultValue = "standard", description = "Of config/warmup.conf.")
    private String plan = "";
    @Option(names = "--arrivals", defaultValue = "EVEN", description = {
            "When mail comes: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})."})
    private Arrivals arrivals = Arrivals.EVEN;
    @Option(names = "--greylisting", defaultValue = "20", description = {
            "Percent of first contacts that small receivers put off."})
    private double greylisting;
    @Option(names = "--dip", defaultValue = "12", description = "The day of the dip.")
    private int dip;
    @Option(names = "--stops", defaultValue = "4", description = "Restarts and crashes a day.")
    private int stops;
    @Option(names = "--seed", defaultValue = "1", description = "Course of chance.")
    private long seed;
    @Option(names = "--config", defaultValue = "config/mailrace.conf", description = {
            "Providers and plans (default: ${DEFAULT-VALUE})."})
    private Path config = Path.of("");
    private final PrintStream out;

    private WarmupProgram(PrintStream out) {
        this.out = out;
    }

    public static void main(String[] args) {
        System.exit(new CommandLine(new WarmupProgram(System.out))
                .setCaseInsensitiveEnumValuesAllowed(true).execute(args));
    }

    @Override
    public Integer call() {
        // what is put in force in simulated time is no news
        ((Logger) LoggerFactory.getLogger("io.mailrace.delivery")).setLevel(Level.OFF);
        DeliveryConfig read = DeliveryConfig.from(ConfigSource.ofFile(config).root(),
                "mta.example.com");
        out.println("| dip | new sources begin | full from day | sent by them | put off |"
                + " blocked | delivered | bounced | waiting | beyond a cap | restarts, crashes |");
        out.println("|---|---|---|---|---|---|---|---|---|---|---|");
        boolean holds = true;
        for (int day : new int[]{0, dip}) {
            double best = 1;
            double held = 1;
            for (Way way : Way.values()) {
                Result result = run(read, way, day);
                holds &= result.over() == 0 && accounted(result);
                if (way == Way.HEALTH_HOLD) {
                    held = result.laterShare() + result.blockedShare();
                } else {
                    best = Math.min(best, result.laterShare() + result.blockedShare());
                }
            }
            holds &= held <= best;
        }
        out.println(holds ? "OK" : "FAILED");
        return holds ? 0 : 1;
    }

    /** A crash may send some twice; none may be missing. */
    private boolean accounted(Result result) {
        return result.delivered() + result.bounced() + result.waiting() >= days * volume
                - 10 /* not whole at the end of the last minute */;
    }

    private Result run(DeliveryConfig read, Way way, int dipDay) {
        Result result = new WarmupSimulation(read, new Setting(way, plan, days, volume, arrivals,
                greylisting / 100, dipDay, stops, seed)).run();
        out.printf(Locale.ROOT, "| %s | %s | %s | %,d | %.2f %% | %.2f %% | %,d | %,d | %,d | %d"
                + " | %d, %d |%n", dipDay == 0 ? "none" : "day " + dipDay,
                way.name().toLowerCase(Locale.ROOT).replace('_', ' '),
                result.fullOn() == 0 ? "never" : String.valueOf(result.fullOn()),
                result.sentByNew(), 100 * result.laterShare(), 100 * result.blockedShare(),
                result.delivered(), result.bounced(), result.waiting(), result.over(),
                result.restarts(), result.crashes());
        return result;
    }
}
