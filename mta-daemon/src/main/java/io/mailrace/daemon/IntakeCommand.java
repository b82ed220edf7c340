// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code mailrace intake}: whether mail is taken now, slower or not at all, and why. */
@Command(name = "intake", description = "Whether mail is taken now, slower or not, and why.")
final class IntakeCommand implements Callable<Integer> {
    @Mixin
    private DaemonOption daemon = new DaemonOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        return daemon.show(spec, "/api/v1/intake");
    }
}
