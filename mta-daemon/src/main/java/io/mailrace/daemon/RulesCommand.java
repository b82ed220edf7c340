// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace rules}: what rules and operators have put in force, and its end. */
@Command(name = "rules", description = "What rules and operators have put in force: list, cancel,"
        + " extend.", subcommands = {RulesCommand.Cancel.class, RulesCommand.Extend.class,
                RulesCommand.Sources.class})
final class RulesCommand implements Callable<Integer> {
    @Mixin
    private DaemonOption daemon = new DaemonOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        return daemon.show(spec, "/api/v1/rules");
    }

    /** Prints what a change brought about. */
    static int changed(DaemonOption daemon, CommandSpec spec, String uri, String said)
            throws IOException {
        AdminClient.Answer answer = daemon.client().post(uri);
        if (!answer.good()) {
            spec.commandLine().getErr().print(answer.body());
            return 1;
        }
        spec.commandLine().getOut().print(daemon.json() ? answer.body() : said + "\n");
        spec.commandLine().getOut().flush();
        return 0;
    }

    static String why(@Nullable String why) {
        return why == null ? "" : "why=" + AdminClient.segment(why);
    }

    /** {@code mailrace rules cancel}. */
    @Command(name = "cancel", description = "End what is in force now; its mail goes at once.")
    static final class Cancel implements Callable<Integer> {
        @Parameters(paramLabel = "NUMBER", description = "As mailrace rules lists it.")
        private long number;
        @Option(names = "--why", paramLabel = "TEXT", description = "For the journal.")
        private @Nullable String why;
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            return changed(daemon, spec, "/api/v1/rules/" + number + "/end?" + why(why),
                    "ended " + number);
        }
    }

    /** {@code mailrace rules extend}. */
    @Command(name = "extend", description = "Make what is in force last longer.")
    static final class Extend implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "NUMBER", description = "As mailrace rules lists it.")
        private long number;
        @Parameters(index = "1", paramLabel = "TIME", description = "By how much: 30m, 2h, 1d.")
        private String by = "";
        @Option(names = "--why", paramLabel = "TEXT", description = "For the journal.")
        private @Nullable String why;
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            return changed(daemon, spec, "/api/v1/rules/" + number + "/extend?for="
                    + AdminClient.segment(by) + "&" + why(why), "extended " + number + " by " + by);
        }
    }

    /** {@code mailrace rules sources}. */
    @Command(name = "sources", description = "Each source at each receiver: connections, rate found"
            + " by itself, messages since the start.")
    static final class Sources implements Callable<Integer> {
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            return daemon.show(spec, "/api/v1/paths");
        }
    }
}
