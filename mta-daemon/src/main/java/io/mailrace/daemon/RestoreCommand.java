// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.queue.SpoolFolder;
import io.mailrace.queue.SpoolFolder.CheckResult;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace restore}: the spool from a backup. */
@Command(name = "restore", description = "Make the spool of the stopped daemon from a backup. Mail"
        + " that was delivered since the backup was made will be delivered again.")
final class RestoreCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "What mailrace backup made.")
    private Path backup = Path.of("");
    @Mixin
    private ConfigOption config = new ConfigOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        DaemonConfig read = DaemonConfig.load(config.file);
        var out = spec.commandLine().getOut();
        CheckResult result = SpoolFolder.restore(read.queue(), backup, out::println);
        out.printf(Locale.ROOT, "restored to %s: %,d envelopes, %,d problems%s%n",
                read.queue().spool().path(), result.looked(), result.problems(),
                result.problems() == 0 ? "" : ": mailrace spool check --repair");
        return result.problems() == 0 ? 0 : 1;
    }
}
