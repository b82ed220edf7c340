// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * The commands that change many messages at once: each starts an operation in the daemon, shows how
 * it goes on, and ends with what it did. Interrupting the command does not end the operation.
 */
final class OperationCommands {
    private OperationCommands() {}

    /** What they have in common. */
    abstract static class OnSet implements Callable<Integer> {
        @Mixin
        private SelectionOptions selection = new SelectionOptions();
        @Mixin
        private DaemonOption daemon = new DaemonOption();
        @Option(names = "--no-wait", description = "Only start it.")
        private boolean noWait;
        @Spec
        private CommandSpec spec = CommandSpec.create();

        /** The daemon's name for it, and what else it needs to know. */
        abstract Map<String, String> action();

        /** Whether everything may be meant without a further word. */
        boolean harmless() {
            return true;
        }

        @Override
        public Integer call() throws IOException {
            Map<String, String> query = new LinkedHashMap<>(action());
            query.putAll(selection.given());
            if (selection.everything()) {
                if (!selection.all()) {
                    throw new IllegalArgumentException(
                            "say which mail is meant (--domain, --tenant, ...), or --all");
                }
                if (!harmless()) {
                    throw new IllegalArgumentException("this cannot be undone: give --yes to do"
                            + " it to every message");
                }
                query.put("all", "true");
            }
            AdminClient client = daemon.client();
            AdminClient.Answer answer = client.post(uri(query));
            if (!answer.good()) {
                spec.commandLine().getErr().print(answer.body());
                return 1;
            }
            long number = OperationStatus.number(answer.body());
            return noWait
                    ? said("started as operation " + number + ": mailrace operations")
                    : follow(client, number);
        }

        private static String uri(Map<String, String> query) {
            StringBuilder uri = new StringBuilder("/api/v1/operations");
            char between = '?';
            for (Map.Entry<String, String> one : query.entrySet()) {
                uri.append(between).append(one.getKey()).append('=')
                        .append(AdminClient.segment(one.getValue()));
                between = '&';
            }
            return uri.toString();
        }

        private int said(String sentence) {
            spec.commandLine().getOut().println(sentence);
            return 0;
        }

        private int follow(AdminClient client, long number) throws IOException {
            OperationStatus status = OperationStatus.ended(client, number,
                    spec.commandLine().getErr());
            if (daemon.json()) {
                spec.commandLine().getOut().print(status.json());
            } else {
                said(String.format(Locale.ROOT, "%s %s: %,d envelopes changed of %,d looked at"
                        + "%s%s%s", status.action(), status.selection(), status.changed(),
                        status.looked(),
                        status.underWay() == 0
                                ? ""
                                : String.format(Locale.ROOT,
                                        "; %,d were on their way and were left alone",
                                        status.underWay()),
                        status.state().equals("done") ? "" : "; " + status.state(),
                        status.why().isEmpty() ? "" : ": " + status.why()));
            }
            return status.state().equals("done") ? 0 : 1;
        }
    }

    /** Parameters with the reason when one was given. */
    private static Map<String, String> with(String action, @Nullable String why) {
        Map<String, String> query = new LinkedHashMap<>();
        query.put("action", action);
        if (why != null) {
            query.put("why", why);
        }
        return query;
    }

    /** {@code mailrace hold}. */
    @Command(name = "hold", description = "Keep waiting mail until it is released. It does not"
            + " grow older meanwhile. Mail that comes later is not held.")
    static final class Hold extends OnSet {
        @Option(names = "--why", paramLabel = "TEXT", description = "For trace and journal.")
        private @Nullable String why;

        @Override
        Map<String, String> action() {
            return with("hold", why);
        }
    }

    /** {@code mailrace release}. */
    @Command(name = "release", description = "Send held mail after all.")
    static final class Release extends OnSet {
        @Override
        Map<String, String> action() {
            return with("release", null);
        }
    }

    /** {@code mailrace retry}. */
    @Command(name = "retry", description = "Try waiting mail now, and the sites it goes to.")
    static final class Retry extends OnSet {
        @Override
        Map<String, String> action() {
            return with("retry", null);
        }
    }

    /** {@code mailrace bounce}. */
    @Command(name = "bounce", description = "Give waiting and held mail up and tell its senders.")
    static final class Bounce extends OnSet {
        @Option(names = "--why", paramLabel = "TEXT", description = "Told to the sender.")
        private @Nullable String why;
        @Option(names = "--no-dsn", description = "Tell nobody.")
        private boolean noDsn;
        @Option(names = "--yes", description = "With --all: yes, every message.")
        private boolean yes;

        @Override
        boolean harmless() {
            return yes;
        }

        @Override
        Map<String, String> action() {
            Map<String, String> query = with("bounce", why);
            query.put("dsn", Boolean.toString(!noDsn));
            return query;
        }
    }

    /** {@code mailrace discard}. */
    @Command(name = "discard", description = "Remove waiting and held mail; nobody is told.")
    static final class Discard extends OnSet {
        @Option(names = "--why", paramLabel = "TEXT", description = "For trace and journal.")
        private @Nullable String why;
        @Option(names = "--yes", description = "With --all: yes, every message.")
        private boolean yes;

        @Override
        boolean harmless() {
            return yes;
        }

        @Override
        Map<String, String> action() {
            return with("discard", why);
        }
    }

    /** {@code mailrace rebind}. */
    @Command(name = "rebind", description = "Move waiting mail to another lane, pool or next hop.")
    static final class Rebind extends OnSet {
        @Option(names = "--to-lane", paramLabel = "LANE")
        private @Nullable String lane;
        @Option(names = "--to-pool", paramLabel = "NAME")
        private @Nullable String pool;
        @Option(names = "--to-via", paramLabel = "HOP", description = {
                "smtp://host:port, or mx for the recipients' MX hosts."})
        private @Nullable String via;

        @Override
        Map<String, String> action() {
            Map<String, String> query = with("rebind", null);
            put(query, "to-lane", lane);
            put(query, "to-pool", pool);
            put(query, "to-via", via);
            return query;
        }

        private static void put(Map<String, String> query, String name, @Nullable String value) {
            if (value != null) {
                query.put(name, value);
            }
        }
    }
}
