// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigException;
import io.mailrace.core.ConfigProblem;
import io.mailrace.smtp.SmtpServerFiles;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * {@code mailrace check}: reads the configuration as a start would, opens the files it names, and
 * reports every problem.
 */
@Command(name = "check", description = "Check the configuration: every problem with its place.")
final class CheckCommand implements Callable<Integer> {
    @Mixin
    private ConfigOption config = new ConfigOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        DaemonConfig read = DaemonConfig.load(config.existing());
        List<SmtpServerFiles.Finding> findings = SmtpServerFiles.check(read.smtp());
        List<ConfigProblem> fatal = findings.stream().filter(SmtpServerFiles.Finding::fatal)
                .map(finding -> new ConfigProblem(config.file.toString(), 0,
                        finding.key() + ": " + finding.text()))
                .toList();
        if (!fatal.isEmpty()) {
            throw new ConfigException(fatal);
        }
        spec.commandLine().getOut().println(config.file + ": good");
        read.dkim().warnings().forEach(
                warning -> spec.commandLine().getOut().println("warning: dkim " + warning));
        findings.forEach(finding -> spec.commandLine().getOut().println(
                "warning: " + finding.key() + ": " + finding.text()));
        return 0;
    }
}
