// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.mailrace.core.ConfigSource;
import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.DeliveryConfig;
import io.mailrace.delivery.ReceiverModel;
import io.mailrace.delivery.ReceiverModel.Counting;
import io.mailrace.delivery.ShapingSimulation;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * One source with more mail than it can send against models of receivers, in simulated hours: what
 * share was put off and what share of the allowed rate was used, with nothing, with reply rules
 * only, and with rules and adaptive rates. Exit code 0 only if in every hour with rules and
 * adaptive rates less than 2 % was put off, and over all hours at least 95 % of what was allowed
 * was used. The rows of named providers are shown and not judged: their rules stop on purpose.
 */
@Command(name = "shaping", mixinStandardHelpOptions = true, description = ShapingProgram.ABOUT)
public final class ShapingProgram implements Callable<Integer> {
    static final String ABOUT = "How well rates find what a receiver allows, in simulated hours.";
    private static final double MOST_PUT_OFF = 0.02;
    private static final double LEAST_USED = 0.95;
    private static final SmtpReply UNKNOWN = SmtpReply.of(550, "5.1.1", "no such user");
    private static final List<Integer> PER_HOUR = List.of(2_000, 10_000, 100_000);

    @Option(names = "--hours", defaultValue = "6", description = "Simulated.")
    private int hours;
    @Option(names = "--config", defaultValue = "config/providers.conf", description = {
            "Rules and limits (default: ${DEFAULT-VALUE})."})
    private Path config = Path.of("");
    private final PrintStream out;

    /** A receiver with its words. */
    private record Receiver(String provider, SmtpReply later, SmtpReply blocked) {
        ReceiverModel.Rules rules(Counting counting, int perHour) {
            return new ReceiverModel.Rules(counting, perHour, 0, new ReceiverModel.Replies(later,
                    later, UNKNOWN, blocked));
        }
    }

    private static final Receiver PLAIN = new Receiver("default",
            SmtpReply.of(451, "4.7.1", "you are sending too fast, rate limited"),
            SmtpReply.of(554, "5.7.1", "your address is blocked"));
    private static final List<Receiver> NAMED = List.of(
            new Receiver("gmail", SmtpReply.of(421, "4.7.28", "Gmail has detected an unusual rate "
                    + "of mail originating from your IP address"),
                    SmtpReply.of(550, "5.7.28", "unusual rate of mail, it has been blocked")),
            new Receiver("outlook", SmtpReply.of(451, "4.7.500", "Server busy. Please try again "
                    + "later"),
                    SmtpReply.of(550, "5.7.1", "part of their network is on our block list "
                            + "(S3140)")),
            new Receiver("yahoo",
                    SmtpReply.of(421, "4.7.0", "[TSS04] Messages temporarily deferred "
                            + "due to unexpected volume"),
                    SmtpReply.of(553, "5.7.2", "[TSS09] Retrying will NOT succeed")));

    private ShapingProgram(PrintStream out) {
        this.out = out;
    }

    public static void main(String[] args) {
        System.exit(new CommandLine(new ShapingProgram(System.out)).execute(args));
    }

    /** One run. */
    private record Row(boolean holds) {}

    @Override
    public Integer call() {
        // what is put in force in simulated time is no news
        ((Logger) LoggerFactory.getLogger("io.mailrace.delivery")).setLevel(Level.OFF);
        DeliveryConfig read = DeliveryConfig.from(ConfigSource.ofFile(config).root(),
                "mta.example.com");
        out.println("| receiver | counts | allowed an hour | shaping | taken in " + hours
                + " h | put off (worst hour) | used of what was allowed | blocked |");
        out.println("|---|---|---|---|---|---|---|---|");
        boolean holds = true;
        for (Counting counting : Counting.values()) {
            for (int perHour : PER_HOUR) {
                holds &= run(read, PLAIN, counting, perHour, true, true).holds();
                run(read, PLAIN, counting, perHour, false, true);
                run(read, PLAIN, counting, perHour, false, false);
            }
        }
        for (Receiver receiver : NAMED) {
            run(read, receiver, Counting.BUCKET, 10_000, true, true);
            run(read, receiver, Counting.BUCKET, 10_000, false, false);
        }
        out.println(holds ? "OK" : "FAILED");
        return holds ? 0 : 1;
    }

    private Row run(DeliveryConfig read, Receiver receiver, Counting counting, int perHour,
            boolean adaptive, boolean rules) {
        ShapingSimulation simulation = new ShapingSimulation(read, receiver.provider(), adaptive,
                rules, receiver.rules(counting, perHour));
        long accepted = 0;
        double allowed = 0;
        double worst = 0;
        boolean blocked = false;
        for (int hour = 0; hour < hours; hour++) {
            ShapingSimulation.Result result = simulation.run(Duration.ofHours(1));
            accepted += result.accepted();
            allowed += result.allowed();
            worst = Math.max(worst, result.offered() == 0 ? 0
                    : 1 - (double) result.accepted() / result.offered());
            blocked |= result.blocked();
        }
        out.printf(Locale.ROOT, "| %s | %s | %,d | %s | %,d | %.2f %% | %.1f %% | %s |%n",
                receiver.provider(), counting.name().toLowerCase(Locale.ROOT).replace('_', ' '),
                perHour, adaptive ? "rules and adaptive rate" : rules ? "rules only" : "nothing",
                accepted, 100 * worst, 100 * accepted / allowed, blocked ? "yes" : "no");
        return new Row(worst < MOST_PUT_OFF && accepted / allowed >= LEAST_USED);
    }
}
