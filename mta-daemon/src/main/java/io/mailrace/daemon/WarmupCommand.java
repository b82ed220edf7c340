// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace warmup}: how far new sources have come, and changes to it. */
@Command(name = "warmup", description = "How far new sources have come: status, plan, start, stop,"
        + " pause, resume, step, complete, reset, complaints, simulate.", subcommands = {
                WarmupCommand.Status.class, WarmupCommand.Plan.class, WarmupCommand.Start.class,
                WarmupCommand.Stop.class, WarmupCommand.Pause.class, WarmupCommand.Resume.class,
                WarmupCommand.Step.class, WarmupCommand.Complete.class,
                WarmupCommand.Reset.class, WarmupCommand.Complaints.class,
                WarmupSimulateCommand.class})
final class WarmupCommand implements Callable<Integer> {
    private static final String PATH = "/api/v1/warmup";

    @Mixin
    private DaemonOption daemon = new DaemonOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        return daemon.show(spec, PATH);
    }

    /** Which tracks are meant. */
    static final class Which {
        @Parameters(index = "0", paramLabel = "SOURCE", description = "Name of the source.")
        private String source = "";
        @Option(names = "--provider", paramLabel = "NAME", description = {
                "Only there, \"default\" for all small receivers (default: everywhere)."})
        private @Nullable String provider;
        @Option(names = "--why", paramLabel = "TEXT", description = "For status and journal.")
        private @Nullable String why;

        String query(List<String> more) {
            List<String> query = new ArrayList<>(List.of("source=" + AdminClient.segment(source)));
            add(query, "provider", provider);
            add(query, "why", why);
            query.addAll(more);
            return String.join("&", query);
        }

        String subject() {
            return source + (provider == null ? "" : " at " + provider);
        }
    }

    private static void add(List<String> query, String name, @Nullable String value) {
        if (value != null && !value.isEmpty()) {
            query.add(name + "=" + AdminClient.segment(value));
        }
    }

    /** {@code mailrace warmup status}. */
    @Command(name = "status", description = "Each source at each provider: cap, counts, health,"
            + " and what becomes of it tomorrow.")
    static final class Status implements Callable<Integer> {
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            return daemon.show(spec, PATH);
        }
    }

    /** {@code mailrace warmup plan}. */
    @Command(name = "plan", description = "Changes nothing: when will the source be warm, and how"
            + " much mail does not fit until then?")
    static final class Plan implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "SOURCE", description = "Name of the source.")
        private String source = "";
        @Option(names = "--provider", paramLabel = "NAME", description = {
                "Only there (default: wherever it had mail)."})
        private @Nullable String provider;
        @Option(names = "--plan", paramLabel = "NAME", description = {
                "With another plan, from its first step."})
        private @Nullable String plan;
        @Option(names = "--volume", paramLabel = "NUMBER", description = {
                "Messages a day to each provider (default: as yesterday)."})
        private @Nullable Long volume;
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            List<String> query = new ArrayList<>(List.of("source=" + AdminClient.segment(source)));
            add(query, "provider", provider);
            add(query, "plan", plan);
            add(query, "volume", volume == null ? null : volume.toString());
            return daemon.show(spec, PATH + "/plan?" + String.join("&", query));
        }
    }

    /** {@code mailrace warmup start}. */
    @Command(name = "start", description = "Begin to warm up a source.")
    static final class Start implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "SOURCE", description = "Name of the source.")
        private String source = "";
        @Option(names = "--plan", paramLabel = "NAME", description = {
                "By that plan (default: that of the configuration)."})
        private @Nullable String plan;
        @Option(names = "--first", paramLabel = "DAY", description = {
                "First day, such as 2026-11-20 (default: today)."})
        private @Nullable String first;
        @Option(names = "--unchecked", description = {
                "Whatever is wrong with its PTR, names and SPF."})
        private boolean unchecked;
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            List<String> query = new ArrayList<>(List.of("source=" + AdminClient.segment(source)));
            add(query, "plan", plan);
            add(query, "first", first);
            add(query, "unchecked", unchecked ? "true" : null);
            return RulesCommand.changed(daemon, spec, PATH + "/start?" + String.join("&", query),
                    "started: " + source);
        }
    }

    /** {@code mailrace warmup stop}. */
    @Command(name = "stop", description = "Undo start: the source is not warmed up any more and"
            + " sends as any other, and what is known of it is forgotten.")
    static final class Stop implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "SOURCE", description = "Name of the source.")
        private String source = "";
        @Option(names = "--why", paramLabel = "TEXT", description = "For the journal.")
        private @Nullable String why;
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            List<String> query = new ArrayList<>(List.of("source=" + AdminClient.segment(source)));
            add(query, "why", why);
            return RulesCommand.changed(daemon, spec, PATH + "/stop?" + String.join("&", query),
                    "stopped: " + source);
        }
    }

    /** What is done to tracks: the command's own word, and the answer's. */
    abstract static class Change implements Callable<Integer> {
        private final String what;
        private final String done;
        @Mixin
        private Which which = new Which();
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        Change(String what, String done) {
            this.what = what;
            this.done = done;
        }

        /** Further parts of the query. */
        List<String> more() {
            return List.of();
        }

        @Override
        public final Integer call() throws IOException {
            return RulesCommand.changed(daemon, spec, PATH + "/" + what + "?"
                    + which.query(more()), done + ": " + which.subject());
        }
    }

    /** {@code mailrace warmup pause}. */
    @Command(name = "pause", description = "Send nothing new from the source until it is resumed,"
            + " also to providers it gets mail for later; its mail goes by warm sources, or"
            + " waits.")
    static final class Pause extends Change {
        Pause() {
            super("pause", "paused");
        }
    }

    /** {@code mailrace warmup resume}. */
    @Command(name = "resume", description = "End a pause, an operator's or one after a block.")
    static final class Resume extends Change {
        Resume() {
            super("resume", "resumed");
        }
    }

    /** {@code mailrace warmup step}. */
    @Command(name = "step", description = "Go to another step of the plan now, at providers"
            + " the source had mail for.")
    static final class Step extends Change {
        @Option(names = "--to", paramLabel = "NUMBER", description = {
                "1 for the first; more than there are: it is warm (default: the next one)."})
        private @Nullable Integer to;

        Step() {
            super("step", "stepped");
        }

        @Override
        List<String> more() {
            return to == null ? List.of() : List.of("to=" + to);
        }
    }

    /** {@code mailrace warmup complete}. */
    @Command(name = "complete", description = "The source is warm at once; where no provider is"
            + " named, at all it gets mail for now and later.")
    static final class Complete extends Change {
        Complete() {
            super("complete", "complete");
        }
    }

    /** {@code mailrace warmup reset}. */
    @Command(name = "reset", description = "Begin the plan anew.")
    static final class Reset extends Change {
        Reset() {
            super("reset", "reset");
        }
    }

    /** {@code mailrace warmup complaints}. */
    @Command(name = "complaints", description = "Count messages of today that recipients called"
            + " spam, as a provider reports them.")
    static final class Complaints extends Change {
        @Parameters(index = "1", paramLabel = "NUMBER", description = "How many more.")
        private long count;

        Complaints() {
            super("complaints", "counted");
        }

        @Override
        List<String> more() {
            return List.of("count=" + count);
        }
    }
}
