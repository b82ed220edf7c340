// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace queue}: what waits, and why. */
@Command(name = "queue", description = "What waits: how much, since when, until when, and why.")
final class QueueCommand implements Callable<Integer> {
    @Parameters(arity = "0..1", paramLabel = "PART", defaultValue = "", description = {
            "Only queues whose name has this part: a domain, tenant, lane or pool."})
    private String part = "";
    @Mixin
    private DaemonOption daemon = new DaemonOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        return daemon.show(spec, "/api/v1/queues"
                + (part.isEmpty() ? "" : "?match=" + AdminClient.segment(part)));
    }
}
