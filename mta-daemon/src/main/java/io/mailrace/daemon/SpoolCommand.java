// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.queue.SpoolFolder;
import io.mailrace.queue.SpoolFolder.CheckResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace spool}: the spool itself. */
@Command(name = "spool", description = "Look after the spool.", subcommands = {
        SpoolCommand.Check.class, SpoolCommand.Stats.class, SpoolCommand.Compact.class,
        SpoolCommand.Export.class})
final class SpoolCommand implements Runnable {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    /** {@code mailrace spool check}. */
    @Command(name = "check", description = "Read a stopped spool, or a backup, as a whole: every"
            + " checksum, every envelope with content and due time, every count.")
    static final class Check implements Callable<Integer> {
        @Parameters(arity = "0..1", paramLabel = "DIR", description = {
                "A backup; the configured spool otherwise."})
        private Optional<Path> directory = Optional.empty();
        @Option(names = "--repair", description = "Mend what can be. What cannot be delivered is"
                + " set aside, and a damaged database stays beside the repaired one.")
        private boolean repair;
        @Mixin
        private ConfigOption config = new ConfigOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            DaemonConfig read = DaemonConfig.load(config.file);
            var out = spec.commandLine().getOut();
            CheckResult result = SpoolFolder.check(read.queue(),
                    directory.orElse(read.queue().spool().path()), repair, out::println);
            out.printf(Locale.ROOT, "%,d envelopes, %,d problems%s%n", result.looked(),
                    result.problems(),
                    repair ? String.format(Locale.ROOT, ", %,d mended", result.mended()) : "");
            return result.problems() == result.mended() ? 0 : 1;
        }
    }

    /** {@code mailrace spool stats}. */
    @Command(name = "stats", description = "How full the spool of the running daemon is.")
    static final class Stats implements Callable<Integer> {
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            return daemon.show(spec, "/api/v1/spool");
        }
    }

    /** {@code mailrace spool compact}. */
    @Command(name = "compact", description = "Free the room of removed mail and events now.")
    static final class Compact implements Callable<Integer> {
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            return SpoolTask.run(daemon.client(), "/api/v1/spool/compact", spec);
        }
    }

    /** {@code mailrace spool export}. */
    @Command(name = "export", description = "Write messages of a stopped spool, or of a backup, as"
            + " files: ID.eml and ID.json. The spool is not changed.")
    static final class Export implements Callable<Integer> {
        @Parameters(paramLabel = "TARGET", description = "New or empty folder.")
        private Path target = Path.of("");
        @Option(names = "--from", paramLabel = "DIR", description = {
                "A backup; the configured spool otherwise."})
        private Optional<Path> from = Optional.empty();
        @Mixin
        private SelectionOptions selection = new SelectionOptions();
        @Mixin
        private ConfigOption config = new ConfigOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            DaemonConfig read = DaemonConfig.load(config.file);
            var out = spec.commandLine().getOut();
            long written = SpoolFolder.export(read.queue(),
                    from.orElse(read.queue().spool().path()), selection.selection(), target,
                    spec.commandLine().getErr()::println);
            out.printf(Locale.ROOT, "%,d messages written to %s%n", written, target);
            return 0;
        }
    }
}
