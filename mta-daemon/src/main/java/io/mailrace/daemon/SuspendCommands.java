// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code mailrace suspend} and {@code resume}: delivery of something stops and goes on. */
final class SuspendCommands {
    private SuspendCommands() {}

    /** What is meant: one of them. */
    static final class Whom {
        @Option(names = "--source", paramLabel = "NAME", description = "A sending address.")
        private @Nullable String source;
        @Option(names = "--tenant", paramLabel = "NAME", description = "Mail of this tenant.")
        private @Nullable String tenant;
        @Option(names = "--signing-domain", paramLabel = "DOMAIN", description = {
                "Mail of authors of this domain."})
        private @Nullable String domain;
        @Option(names = "--provider", paramLabel = "NAME", description = {
                "Everything to this provider, or to a site by its hosts."})
        private @Nullable String provider;

        String kind() {
            return source != null ? "source"
                    : tenant != null ? "tenant"
                            : domain != null ? "signing-domain" : "receiver";
        }

        String name() {
            return source != null ? source : tenant != null ? tenant : domain != null ? domain : "";
        }

        /** As the daemon's list names it. */
        String subject(String at) {
            String where = at.isEmpty() ? "everywhere" : "at " + at;
            return switch (kind()) {
                case "source" -> "source " + name() + " " + where;
                case "tenant" -> "tenant " + name() + " " + where;
                case "signing-domain" -> "mail of " + name() + " " + where;
                default -> "everything to " + at;
            };
        }

        String query(String at, @Nullable String lasts, @Nullable String why) {
            List<String> query = new ArrayList<>();
            query.add("kind=" + kind());
            add(query, "name", name());
            add(query, "at", at);
            add(query, "for", lasts);
            add(query, "why", why);
            return String.join("&", query);
        }

        private static void add(List<String> query, String name, @Nullable String value) {
            if (value != null && !value.isEmpty()) {
                query.add(name + "=" + AdminClient.segment(value));
            }
        }

        String at(String given) {
            if (provider != null && !given.isEmpty()) {
                throw new IllegalArgumentException("--provider and --at mean the same: give one");
            }
            return provider != null ? provider : given;
        }
    }

    /** {@code mailrace suspend}. */
    @Command(name = "suspend", description = "Stop delivery of something. Its mail is kept and no"
            + " attempt is counted.")
    static final class Suspend implements Callable<Integer> {
        @ArgGroup(multiplicity = "1")
        private Whom whom = new Whom();
        @Option(names = "--at", paramLabel = "PROVIDER", defaultValue = "", description = {
                "Only mail to this provider, or to a site by its hosts."})
        private String at = "";
        @Option(names = "--for", paramLabel = "TIME", description = {
                "How long, such as 30m, 2h or 3d (default: until it is resumed)."})
        private @Nullable String lasts;
        @Option(names = "--why", paramLabel = "TEXT", description = "For queue, trace and journal.")
        private @Nullable String why;
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            String receiver = whom.at(at);
            return RulesCommand.changed(daemon, spec, "/api/v1/suspend?" + whom.query(receiver,
                    lasts, why), "suspended: " + whom.subject(receiver));
        }
    }

    /** {@code mailrace resume}. */
    @Command(name = "resume", description = "Let go on what was suspended, by an operator or a"
            + " rule. Its mail goes at once.")
    static final class Resume implements Callable<Integer> {
        @ArgGroup(multiplicity = "1")
        private Whom whom = new Whom();
        @Option(names = "--at", paramLabel = "PROVIDER", defaultValue = "", description = {
                "As in mailrace suspend."})
        private String at = "";
        @Option(names = "--why", paramLabel = "TEXT", description = "For the journal.")
        private @Nullable String why;
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            String receiver = whom.at(at);
            return RulesCommand.changed(daemon, spec, "/api/v1/resume?" + whom.query(receiver,
                    null, why), "resumed: " + whom.subject(receiver));
        }
    }
}
