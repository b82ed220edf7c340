// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigException;
import io.mailrace.queue.SpoolException;
import io.mailrace.smtp.SmtpServerException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ScopeType;

/**
 * The command line. Exit codes: 0 done, 1 something is wrong (the text says what), 2 the command
 * was not understood; {@code serve} ends with {@value #BAD_CONFIG} when its configuration is wrong
 * or missing, so that systemd does not try that again and again. Only {@code serve}, {@code demo}
 * and {@code bench} touch the classes of a running daemon, so that the others start fast.
 */
@Command(name = "mailrace", description = "High-throughput outbound mail server.", subcommands = {
        ServeCommand.class, InitCommand.class,
        CheckCommand.class, DoctorCommand.class, ConfigCommand.class,
        ReloadCommand.class, QueueCommand.class,
        TraceCommand.class, OperationCommands.Hold.class, OperationCommands.Release.class,
        OperationCommands.Retry.class, OperationCommands.Bounce.class,
        OperationCommands.Discard.class, OperationCommands.Rebind.class,
        OperationsCommand.class, IntakeCommand.class, ExplainCommand.class, ClassifyCommand.class,
        RulesCommand.class, SuppressCommand.class, SuspendCommands.Suspend.class,
        SuspendCommands.Resume.class, WarmupCommand.class,
        BackupCommand.class, RestoreCommand.class, SpoolCommand.class,
        DkimCommand.class, UserCommand.class, DemoCommand.class,
        BenchCommand.class, StartArchiveCommand.class,
        VersionCommand.class,
        HelpCommand.class}, mixinStandardHelpOptions = true, scope = ScopeType.INHERIT)
public final class Main implements Runnable {
    /** EX_CONFIG of sysexits.h, as in RestartPreventExitStatus= of the unit. */
    static final int BAD_CONFIG = 78;
    /** Netty's search for buffers nobody releases. */
    private static final String LEAKS = "io.netty.leakDetection.level";
    private static final String OLD_LEAKS = "io.netty.leakDetectionLevel";

    @CommandLine.Spec
    private CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    private Main() {}

    public static void main(String[] args) {
        // else a stack trace is taken of one buffer in a hundred; the tests look at every one
        if (System.getProperty(LEAKS) == null && System.getProperty(OLD_LEAKS) == null) {
            System.setProperty(LEAKS, "disabled");
        }
        System.exit(args.length > 0 && args[0].equals("serve")
                ? serveAlone().execute(Arrays.copyOfRange(args, 1, args.length))
                : commandLine().execute(args));
    }

    /** {@code serve} without the other commands: reading them all takes as long as the start. */
    static CommandLine serveAlone() {
        CommandLine line = new CommandLine(new ServeCommand()).setCommandName("mailrace serve");
        line.getCommandSpec().mixinStandardHelpOptions(true);
        return behaving(line);
    }

    /** The command line with its rules for failures; tests give it other streams. */
    static CommandLine commandLine() {
        CommandLine line = new CommandLine(new Main());
        line.getCommandSpec().usageMessage().synopsisSubcommandLabel("COMMAND");
        return behaving(line);
    }

    private static CommandLine behaving(CommandLine line) {
        line.getCommandSpec().versionProvider(() -> new String[]{Version.line()});
        return line.setExecutionExceptionHandler((failed, of, parsed) -> report(failed, of))
                .setCaseInsensitiveEnumValuesAllowed(true);
    }

    /** Trouble an operator can mend is a text; a bug is a stack trace. */
    private static int report(Exception failed, CommandLine line) {
        StringWriter lines = new StringWriter();
        PrintWriter text = new PrintWriter(lines);
        boolean config = false;
        switch (failed) {
            case ConfigException problems -> {
                config = true;
                problems.problems().forEach(text::println);
                text.println(problems.problems().size() == 1
                        ? "1 problem"
                        : problems.problems().size() + " problems");
            }
            case ConfigOption.Missing said -> {
                config = true;
                text.println("mailrace: " + said.getMessage());
            }
            case StartException said -> text.println("mailrace: " + said.getMessage());
            case SpoolException said -> text.println("mailrace: " + said.getMessage());
            case SmtpServerException said -> text.println("mailrace: " + said.getMessage());
            case IOException said -> text.println("mailrace: " + text(said));
            case IllegalArgumentException said -> text.println("mailrace: " + text(said));
            default -> failed.printStackTrace(text);
        }
        boolean serving = line.getCommand() instanceof ServeCommand;
        line.getErr().print(serving && JournalStream.takesErrors()
                ? JournalStream.marked(JournalStream.ERROR, lines.toString())
                : lines.toString());
        line.getErr().flush();
        return config && serving ? BAD_CONFIG : 1;
    }

    /** File exceptions say only the file's name: their class says what is wrong with it. */
    private static String text(Exception failed) {
        return failed instanceof java.nio.file.FileSystemException
                || failed.getMessage() == null ? failed.toString() : failed.getMessage();
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }
}
