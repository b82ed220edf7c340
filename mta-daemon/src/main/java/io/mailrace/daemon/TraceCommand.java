// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace trace}: the life of a message. */
@Command(name = "trace", description = "One message from its arrival to the last reply.")
final class TraceCommand implements Callable<Integer> {
    @Parameters(paramLabel = "ID", description = "The id of the reply \"queued as ID\"; or a"
            + " sender, recipient or Message-ID, searched among the newest events.")
    private String subject = "";
    @Mixin
    private DaemonOption daemon = new DaemonOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        return daemon.show(spec, "/api/v1/trace/" + AdminClient.segment(subject));
    }
}
