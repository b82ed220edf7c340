// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code mailrace check}: reads the configuration as a start would, and reports every problem. */
@Command(name = "check", description = "Check the configuration: every problem with its place.")
final class CheckCommand implements Callable<Integer> {
    @Mixin
    private ConfigOption config = new ConfigOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        DaemonConfig read = DaemonConfig.load(config.file);
        spec.commandLine().getOut().println(config.file + ": good");
        read.dkim().warnings().forEach(
                warning -> spec.commandLine().getOut().println("warning: dkim " + warning));
        return 0;
    }
}
