// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.AutoComplete;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * Writes what the package ships of documentation: {@code mailrace.1} and the completion of bash
 * from the tree of commands, {@code mailrace.conf.5} from the comments of each module's
 * {@code reference.conf}. The same input gives the same bytes. Run by the package's build:
 * {@code Manual DIRECTORY DATE}.
 */
public final class Manual {
    private static final String NAME = "mailrace";
    private static final List<String> FIRST_SECTIONS = List.of("hostname", "stop-timeout",
            "listeners");

    private Manual() {}

    public static void main(String[] args) throws IOException {
        if (args.length != 2 || !args[1].matches("\\d{4}-\\d{2}-\\d{2}")) {
            throw new IllegalArgumentException("Manual DIRECTORY YYYY-MM-DD");
        }
        Path folder = Files.createDirectories(Path.of(args[0]));
        Files.writeString(folder.resolve(NAME + ".1"), commands(args[1]));
        Files.writeString(folder.resolve(NAME + ".conf.5"), configuration(args[1], references()));
        Files.writeString(folder.resolve(NAME + ".bash"), completion());
    }

    /** The words bash completes, with files where a file is meant. */
    static String completion() {
        return "# SPDX-License-Identifier: Apache-2.0\n"
                + AutoComplete.bash(NAME, Main.commandLine());
    }

    // ------------------------------------------------------------------ mailrace(1)

    static String commands(String date) {
        CommandSpec root = Main.commandLine().getCommandSpec();
        ManText page = new ManText("MAILRACE", 1, date);
        page.heading("NAME");
        page.paragraph("mailrace - " + lowerFirst(words(root)));
        page.heading("SYNOPSIS");
        page.paragraph("mailrace COMMAND [OPTIONS] [ARGUMENTS]");
        page.heading("DESCRIPTION");
        page.paragraph("Mailrace takes mail from applications, has it on disk before it says 250,"
                + " and delivers it. \"mailrace serve\" is the server, usually started by systemd."
                + " The other commands ask or change a running server over its admin socket, or"
                + " work on its files. \"mailrace help COMMAND\" shows each.");
        page.heading("COMMANDS");
        describeAll(page, root, NAME);
        page.heading("EXIT STATUS");
        page.entry("0", "Done.");
        page.entry("1", "Something is wrong; the text says what.");
        page.entry("2", "The command was not understood.");
        page.entry(Integer.toString(Main.BAD_CONFIG), "serve: the configuration is wrong; the text"
                + " says where. The unit does not start it again by itself.");
        page.heading("SIGNALS");
        page.entry("SIGTERM, SIGINT", "serve: an orderly stop, see stop-timeout.");
        page.entry("SIGHUP", "serve: as \"mailrace reload\"; how it went is in the log.");
        page.heading("ENVIRONMENT");
        page.entry("MAILRACE_JAVA_OPTS", "Further options of the server's Java.");
        page.entry("MAILRACE_MEMORY", "Megabytes of memory to size the server for, instead of what"
                + " the machine or its cgroup has: heap, memory for the network and, below 3 GB,"
                + " the default of spool.write-buffer. Both may stand in /etc/default/mailrace.");
        page.heading("FILES");
        page.entry("/etc/mailrace/mailrace.conf", "The configuration, mailrace.conf(5).");
        page.entry("/etc/default/mailrace", "The two variables above.");
        page.entry("/var/lib/mailrace", "The spool: acknowledged mail.");
        page.entry("/run/mailrace/admin.sock", "Where commands ask the server.");
        page.heading("SEE ALSO");
        page.paragraph("mailrace.conf(5), systemctl(1), journalctl(1)");
        return page.toString();
    }

    private static void describeAll(ManText page, CommandSpec above, String path) {
        above.subcommands().forEach((name, line) -> {
            CommandSpec spec = line.getCommandSpec();
            if (spec.usageMessage().hidden()) {
                return;
            }
            String full = path + " " + name;
            page.subheading(full + usage(spec));
            page.paragraph(words(spec));
            spec.positionalParameters().stream().filter(one -> !one.hidden())
                    .forEach(one -> page.entry(one.paramLabel(), words(one)));
            spec.options().stream().filter(one -> !one.hidden() && !isHelp(one))
                    .sorted(Comparator.comparing(OptionSpec::longestName))
                    .forEach(one -> page.entry(String.join(", ", one.names())
                            + (one.arity().max() == 0 ? "" : " " + one.paramLabel()),
                            words(one)));
            describeAll(page, spec, full);
        });
    }

    private static String usage(CommandSpec spec) {
        StringBuilder usage = new StringBuilder();
        if (!spec.subcommands().isEmpty()) {
            usage.append(" COMMAND");
        }
        for (PositionalParamSpec one : spec.positionalParameters()) {
            boolean optional = one.arity().min() == 0;
            usage.append(optional ? " [" : " ").append(one.paramLabel())
                    .append(one.arity().max() > 1 ? "..." : "").append(optional ? "]" : "");
        }
        return usage.toString();
    }

    /** They are the same everywhere. */
    private static boolean isHelp(OptionSpec option) {
        return option.usageHelp() || option.versionHelp();
    }

    private static String words(CommandSpec spec) {
        return Arrays.stream(spec.usageMessage().description())
                .map(line -> format(line, spec)).reduce("", (a, b) -> a + b + "\n").strip();
    }

    private static String words(ArgSpec argument) {
        String text = String.join("\n", argument.description())
                .replace("${DEFAULT-VALUE}", String.valueOf(argument.defaultValue()))
                .replace("%n", "\n").replace("%%", "%");
        return text.isEmpty() ? "See above." : text;
    }

    private static String format(String line, CommandSpec spec) {
        return line.replace("${COMMAND-NAME}", spec.name()).replace("%n", "\n").replace("%%", "%");
    }

    private static String lowerFirst(String text) {
        return text.isEmpty() ? text : Character.toLowerCase(text.charAt(0)) + text.substring(1);
    }

    // ------------------------------------------------------------------ mailrace.conf(5)

    static String configuration(String date, List<String> references) {
        ManText page = new ManText("MAILRACE.CONF", 5, date);
        page.heading("NAME");
        page.paragraph("mailrace.conf - configuration of the Mailrace mail server");
        page.heading("DESCRIPTION");
        page.paragraph("The file /etc/mailrace/mailrace.conf is HOCON: \"key = value\", sections in"
                + " braces, lists in brackets, comments after #, units such as 30s, 4d, 25m."
                + " Values of the file win over the defaults below; sections are merged, lists are"
                + " replaced. \"mailrace check\" reports every problem, \"mailrace config show\""
                + " prints the values in force with the place each comes from, and \"mailrace"
                + " reload\" takes over what can change while mail flows.");
        page.heading("KEYS");
        page.paragraph("Each key with its default.");
        sections(references).forEach((section, entries) -> {
            page.subheading(section);
            entries.forEach(entry -> describe(page, section, entry));
        });
        page.heading("FILES");
        page.entry("/etc/mailrace/providers.conf", "What large receivers take and what their"
                + " replies mean.");
        page.entry("/etc/mailrace/warmup.conf", "Plans by which new addresses come to their full"
                + " volume.");
        page.entry("/etc/mailrace/users", "Who may log in, kept by \"mailrace user\".");
        page.heading("SEE ALSO");
        page.paragraph("mailrace(1)");
        return page.toString();
    }

    private static void describe(ManText page, String section, ReferenceText.Entry entry) {
        if (entry.section() && entry.name().equals(section)) {
            if (!entry.comment().isEmpty()) {
                page.lines(entry.comment());
            }
            return;
        }
        page.entry(entry.section() ? entry.name() : entry.name() + " = " + entry.value(),
                entry.comment().isEmpty() ? "Goes with the key above." : "");
        if (!entry.comment().isEmpty()) {
            page.more(entry.comment());
        }
    }

    /** By top section: what every operator sets first, then by the alphabet. */
    private static Map<String, List<ReferenceText.Entry>> sections(List<String> references) {
        Map<String, List<ReferenceText.Entry>> found = new LinkedHashMap<>();
        FIRST_SECTIONS.forEach(name -> found.put(name, new ArrayList<>()));
        references.stream().flatMap(text -> ReferenceText.parse(text).stream())
                .sorted(Comparator.comparing(Manual::topOf))
                .forEach(entry -> found.computeIfAbsent(topOf(entry),
                        name -> new ArrayList<>()).add(entry));
        found.values().removeIf(List::isEmpty);
        return found;
    }

    private static String topOf(ReferenceText.Entry entry) {
        int dot = entry.name().indexOf('.');
        return dot < 0 ? entry.name() : entry.name().substring(0, dot);
    }

    /** Each module's manual; their order does not matter, for they share no section. */
    static List<String> references() {
        try {
            List<String> texts = new ArrayList<>();
            for (URL place : Collections.list(
                    Manual.class.getClassLoader().getResources("reference.conf"))) {
                try (InputStream in = place.openStream()) {
                    String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
                    // libraries have theirs too; ours begin with the licence
                    if (text.startsWith("# SPDX-License-Identifier: Apache-2.0")) {
                        texts.add(text);
                    }
                }
            }
            Collections.sort(texts);
            return texts;
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }
}
