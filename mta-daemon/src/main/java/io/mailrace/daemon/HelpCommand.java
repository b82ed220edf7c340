// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace help}: what the commands are, or what one of them does. */
@Command(name = "help", description = "Help about the commands, or about one: mailrace help user"
        + " add.")
final class HelpCommand implements Callable<Integer> {
    @Parameters(paramLabel = "COMMAND", arity = "0..*", description = {
            "The words of a command (default: all commands)."})
    private List<String> words = List.of();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        CommandLine line = spec.root().commandLine();
        for (String word : words) {
            CommandLine next = line.getSubcommands().get(word);
            if (next == null) {
                spec.commandLine().getErr().println("mailrace: there is no command "
                        + line.getCommandSpec().qualifiedName() + " " + word);
                line.usage(spec.commandLine().getErr());
                return 2;
            }
            line = next;
        }
        line.usage(spec.commandLine().getOut());
        return 0;
    }
}
