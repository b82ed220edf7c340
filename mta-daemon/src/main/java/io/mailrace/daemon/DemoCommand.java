// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.Console;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code mailrace demo}. */
@Command(name = "demo", mixinStandardHelpOptions = true, description = DemoCommand.DESCRIPTION)
final class DemoCommand implements Callable<Integer> {
    static final String DESCRIPTION = "Shows the whole system at work on loopback: the real"
            + " daemon, a simulated DNS and simulated providers, real SMTP clients. Needs no"
            + " configuration and no network. Exit code 0 only if every message is accounted for.";
    private static final String MESSAGES = "How many messages are sent"
            + " (default: ${DEFAULT-VALUE}).";
    private static final String SESSIONS = "How many clients send at once"
            + " (default: ${DEFAULT-VALUE}).";

    @Option(names = "--messages", paramLabel = "N", defaultValue = "2000", description = MESSAGES)
    private int messages;

    @Option(names = "--sessions", paramLabel = "N", defaultValue = "20", description = SESSIONS)
    private int sessions;

    @Option(names = "--json", description = "Print the report as one JSON object.")
    private boolean json;

    @Option(names = "--stay", description = "Keep the daemon running after the report.")
    private boolean stay;

    /** No console at all is possible too: the class that makes it can be exchanged. */
    @SuppressWarnings("SystemConsoleNull")
    @Override
    public Integer call() {
        // the report says what there is to say; a bug still shows
        Logging.serve(LogConfig.Level.ERROR);
        Console console = System.console();
        boolean terminal = console != null && console.isTerminal();
        return Demo.run(System.out, new DemoOptions(messages, sessions, json, terminal, stay));
    }
}
