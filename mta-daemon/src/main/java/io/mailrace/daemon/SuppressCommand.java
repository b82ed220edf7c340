// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace suppress}: recipients who get no more mail. */
@Command(name = "suppress", description = "Recipients who get no more mail, because their mailbox"
        + " does not exist or you say so.", subcommands = {SuppressCommand.Show.class,
                SuppressCommand.Add.class, SuppressCommand.Remove.class,
                SuppressCommand.Import.class})
final class SuppressCommand implements Callable<Integer> {
    private static final String PATH = "/api/v1/suppressions";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getOut());
        return 2;
    }

    private static int change(DaemonOption daemon, CommandSpec spec, String verb, String address,
            @Nullable String why) throws IOException {
        return RulesCommand.changed(daemon, spec, PATH + "/" + verb + "?address="
                + AdminClient.segment(address) + "&" + RulesCommand.why(why),
                (verb.equals("add") ? "suppressed " : "no longer suppressed: ") + address);
    }

    /** {@code mailrace suppress list}. */
    @Command(name = "list", description = "Those whose address has a part, with since and why.")
    static final class Show implements Callable<Integer> {
        @Parameters(arity = "0..1", paramLabel = "PART", defaultValue = "", description = {
                "Part of the address, such as a domain."})
        private String part = "";
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            return daemon.show(spec, PATH
                    + (part.isEmpty() ? "" : "?match=" + AdminClient.segment(part)));
        }
    }

    /** {@code mailrace suppress add}. */
    @Command(name = "add", description = "Send no more mail to an address.")
    static final class Add implements Callable<Integer> {
        @Parameters(paramLabel = "ADDRESS")
        private String address = "";
        @Option(names = "--why", paramLabel = "TEXT", description = "Shown by list.")
        private @Nullable String why;
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            return change(daemon, spec, "add", address, why);
        }
    }

    /** {@code mailrace suppress remove}. */
    @Command(name = "remove", description = "Send mail to an address again.")
    static final class Remove implements Callable<Integer> {
        @Parameters(paramLabel = "ADDRESS")
        private String address = "";
        @Option(names = "--why", paramLabel = "TEXT", description = "For the journal.")
        private @Nullable String why;
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            return change(daemon, spec, "remove", address, why);
        }
    }

    /** {@code mailrace suppress import}. */
    @Command(name = "import", description = "Suppress each address of a file, one in a line; what"
            + " follows a comma is the reason.")
    static final class Import implements Callable<Integer> {
        @Parameters(paramLabel = "FILE")
        private Path file = Path.of("");
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            AdminClient client = daemon.client();
            int number = 0;
            int added = 0;
            int wrong = 0;
            try (Stream<String> all = Files.lines(file, StandardCharsets.UTF_8)) {
                for (String line : (Iterable<String>) all::iterator) {
                    number++;
                    if (line.isBlank() || line.startsWith("#")) {
                        continue;
                    }
                    List<String> parts = List.of(line.split(",", 2));
                    String why = parts.size() > 1 ? parts.get(1).strip()
                            : "imported from " + file.getFileName();
                    AdminClient.Answer answer = client.post(PATH + "/add?address="
                            + AdminClient.segment(parts.getFirst().strip()) + "&why="
                            + AdminClient.segment(Ascii.clean(why, 200)));
                    if (answer.good()) {
                        added++;
                    } else {
                        wrong++;
                        spec.commandLine().getErr().println("line " + number + ": "
                                + answer.body().strip());
                    }
                }
            }
            spec.commandLine().getOut().println(added + " suppressed, " + wrong + " refused");
            return wrong == 0 ? 0 : 1;
        }
    }
}
