// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The options of commands that ask a running daemon, and how they show its answer. */
final class DaemonOption {
    @Mixin
    private ConfigOption config = new ConfigOption();
    @Option(names = "--socket", paramLabel = "FILE", description = {
            "Admin socket of the daemon (default: admin.socket of the config)."})
    private @Nullable Path socket;
    @Option(names = "--json", description = "Answer in JSON.")
    private boolean json;

    /** Whether the answer is wanted in JSON. */
    boolean json() {
        return json;
    }

    /** Asks the daemon the options name. */
    AdminClient client() {
        return new AdminClient(socket != null
                ? socket
                : AdminConfig.socketOf(config.sourceOrDefaults()));
    }

    /** Prints the daemon's answer; 0 when it was a good one. */
    int show(CommandSpec spec, String uri) throws IOException {
        AdminClient.Answer answer = client().get(uri, json);
        var stream = answer.good() ? spec.commandLine().getOut() : spec.commandLine().getErr();
        stream.print(answer.body());
        stream.flush();
        return answer.good() ? 0 : 1;
    }
}
