// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code mailrace operations}: what was done to sets of mail since the start, and how it goes. */
@Command(name = "operations", description = "Operations on sets of mail: how they stand.")
final class OperationsCommand implements Callable<Integer> {
    @Option(names = "--cancel", paramLabel = "NUMBER", description = "End one that runs or waits;"
            + " what it changed stays changed.")
    private Optional<Long> cancel = Optional.empty();
    @Mixin
    private DaemonOption daemon = new DaemonOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        if (cancel.isEmpty()) {
            return daemon.show(spec, "/api/v1/operations");
        }
        AdminClient.Answer answer = daemon.client()
                .post("/api/v1/operations/" + cancel.get() + "/cancel");
        if (!answer.good()) {
            spec.commandLine().getErr().print(answer.body());
            return 1;
        }
        OperationStatus.ended(daemon.client(), cancel.get(), spec.commandLine().getErr());
        return daemon.show(spec, "/api/v1/operations/" + cancel.get());
    }
}
