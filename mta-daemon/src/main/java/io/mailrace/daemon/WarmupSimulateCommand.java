// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.delivery.WarmupSimulation;
import io.mailrace.delivery.WarmupSimulation.Arrivals;
import io.mailrace.delivery.WarmupSimulation.Day;
import io.mailrace.delivery.WarmupSimulation.Result;
import io.mailrace.delivery.WarmupSimulation.Setting;
import io.mailrace.delivery.WarmupSimulation.Way;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.core.JsonGenerator;

/** {@code mailrace warmup simulate}: weeks of a plan in a moment. Needs no daemon. */
@Command(name = "simulate", description = "Weeks in a moment: two warm sources and two new ones"
        + " send to models of large receivers, by the plans and rules of the configuration.")
final class WarmupSimulateCommand implements Callable<Integer> {
    @Option(names = "--days", paramLabel = "NUMBER", defaultValue = "60", description = {
            "How many (default: ${DEFAULT-VALUE})."})
    private int days;
    @Option(names = "--volume", paramLabel = "NUMBER", defaultValue = "50000", description = {
            "Messages a day to all receivers together (default: ${DEFAULT-VALUE})."})
    private long volume;
    @Option(names = "--plan", paramLabel = "NAME", defaultValue = "standard", description = {
            "By which plan (default: ${DEFAULT-VALUE})."})
    private String plan = "standard";
    @Option(names = "--way", paramLabel = "WAY", defaultValue = "HEALTH_HOLD", description = {
            "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})."})
    private Way way = Way.HEALTH_HOLD;
    @Option(names = "--arrivals", paramLabel = "SHAPE", defaultValue = "EVEN", description = {
            "When mail comes: ${COMPLETION-CANDIDATES}; round the clock, from 8 to 18, or in one"
                    + " hour of the day (default: ${DEFAULT-VALUE})."})
    private Arrivals arrivals = Arrivals.EVEN;
    @Option(names = "--greylisting", paramLabel = "PERCENT", defaultValue = "20", description = {
            "Share of first attempts from new sources that small receivers greylist (default:"
                    + " ${DEFAULT-VALUE})."})
    private double greylisting;
    @Option(names = "--dip", paramLabel = "DAY", defaultValue = "0", description = {
            "On that day receivers think little of the new sources again (default: never)."})
    private int dip;
    @Option(names = "--restarts", paramLabel = "NUMBER", defaultValue = "2", description = {
            "Restarts and crashes a day (default: ${DEFAULT-VALUE})."})
    private int restarts;
    @Option(names = "--seed", paramLabel = "NUMBER", defaultValue = "1", description = {
            "Another course of chance (default: ${DEFAULT-VALUE})."})
    private long seed;
    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;
    @Mixin
    private ConfigOption config = new ConfigOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Logging.quiet();
        Result result = new WarmupSimulation(DaemonConfig.load(config.file).delivery(),
                new Setting(way, plan, days, volume, arrivals, greylisting / 100, dip,
                        restarts, seed))
                .run();
        spec.commandLine().getOut().print(json ? Json.page(out -> write(out, result))
                : EventText.printable(text(result)));
        spec.commandLine().getOut().flush();
        return 0;
    }

    private static String text(Result result) {
        StringBuilder text = new StringBuilder("DAY         CAP        SENT    ACCEPTED   PUT OFF"
                + "   BLOCKED  DECISIONS\n");
        for (Day day : result.days()) {
            text.append(String.format(Locale.ROOT, "%3d  %,10d  %,10d  %,10d  %,8d  %,8d  %s%n",
                    day.day(), day.cap(), day.sent(), day.accepted(), day.later(), day.blocked(),
                    day.actions().entrySet().stream().map(one -> one.getValue() + " "
                            + one.getKey()).collect(Collectors.joining(", "))));
        }
        result.events().stream().filter(line -> !line.contains(": advance,")
                && !line.contains(": begin,")).limit(100)
                .forEach(line -> text.append(line).append('\n'));
        return text.append(String.format(Locale.ROOT, "The new sources carry their part of the"
                + " mail %s. Put off %.2f %%, blocked %.2f %%, greylisted %.2f %% of what they"
                + " sent.%n"
                + "Delivered %,d, bounced %,d, waiting %,d; beyond a cap %d; %d restarts, %d"
                + " crashes.%n", result.fullOn() == 0 ? "never" : "from day " + result.fullOn(),
                100 * result.laterShare(), 100 * result.blockedShare(), result.sentByNew() == 0 ? 0
                        : 100.0 * result.greylisted() / result.sentByNew(),
                result.delivered(),
                result.bounced(), result.waiting(), result.over(), result.restarts(),
                result.crashes())).toString();
    }

    private static void write(JsonGenerator json, Result result) {
        json.writeStartObject();
        json.writeStringProperty("plan", result.setting().plan());
        json.writeNumberProperty("full-on", result.fullOn());
        json.writeNumberProperty("over", result.over());
        json.writeNumberProperty("put-off-share", result.laterShare());
        json.writeNumberProperty("blocked-share", result.blockedShare());
        json.writeNumberProperty("greylisted", result.greylisted());
        json.writeNumberProperty("delivered", result.delivered());
        json.writeNumberProperty("bounced", result.bounced());
        json.writeNumberProperty("waiting", result.waiting());
        json.writeNumberProperty("restarts", result.restarts());
        json.writeNumberProperty("crashes", result.crashes());
        json.writeArrayPropertyStart("days");
        for (Day day : result.days()) {
            json.writeStartObject();
            json.writeNumberProperty("day", day.day());
            json.writeNumberProperty("cap", day.cap());
            json.writeNumberProperty("sent", day.sent());
            json.writeNumberProperty("accepted", day.accepted());
            json.writeNumberProperty("put-off", day.later());
            json.writeNumberProperty("blocked", day.blocked());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeArrayPropertyStart("events");
        result.events().forEach(json::writeString);
        json.writeEndArray();
        json.writeEndObject();
    }
}
