// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigSource;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code mailrace config}: looks at the configuration. */
@Command(name = "config", description = "Look at the configuration.", subcommands = {
        ConfigCommand.Show.class})
final class ConfigCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        return Usage.missingSubcommand(spec);
    }

    /** {@code mailrace config show}. */
    @Command(name = "show", description = "The values in force, each with the place it comes from.")
    static final class Show implements Callable<Integer> {
        @Mixin
        private ConfigOption config = new ConfigOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            ConfigSource source = ConfigSource.ofFile(config.file);
            DaemonConfig.from(source);
            spec.commandLine().getOut().print(source.show());
            spec.commandLine().getOut().flush();
            return 0;
        }
    }
}
