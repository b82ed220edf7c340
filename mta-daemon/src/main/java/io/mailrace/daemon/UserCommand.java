// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigReader;
import io.mailrace.smtp.UserFile;
import java.io.ByteArrayOutputStream;
import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code mailrace user}: who may submit mail. Passwords are asked for at the terminal, or read from
 * the first line of standard input; never from the command line, where other users see them.
 */
@Command(name = "user", description = "Who may submit mail.", subcommands = {
        UserCommand.Add.class, UserCommand.Passwd.class, UserCommand.SetFields.class,
        UserCommand.ListUsers.class, UserCommand.Show.class, UserCommand.Remove.class})
final class UserCommand implements Callable<Integer> {
    private static final int MAX_PASSWORD = 1024;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        return Usage.missingSubcommand(spec);
    }

    /** Where the users are. */
    static final class FileOption {
        @Mixin
        private ConfigOption config = new ConfigOption();
        @Option(names = "--file", paramLabel = "FILE", description = {
                "Users file (default: users.file of the config)."})
        private @Nullable Path file;

        Path path() {
            if (file != null) {
                return file;
            }
            ConfigReader users = config.sourceOrDefaults().root().section("users");
            return users.parsed("file", "a path", Path.of("users"), Paths::parse);
        }

        UserFile open() throws IOException {
            return UserFile.open(path(), pools());
        }

        /** By which mail can leave; empty when a file was named and there is no config. */
        private Set<String> pools() {
            if (!Files.exists(config.file)) {
                return Set.of();
            }
            ConfigReader root = config.sourceOrDefaults().root();
            Set<String> pools = new TreeSet<>(Set.of("default"));
            if (root.has("pools")) {
                pools.addAll(root.sections("pools", "pool-defaults").keySet());
            }
            return pools;
        }
    }

    /** What follows a user's name: {@code key=value}, an empty value takes the key out. */
    private static Map<String, String> fields(List<String> words) {
        Map<String, String> fields = new LinkedHashMap<>();
        for (String word : words) {
            int sign = word.indexOf('=');
            if (sign < 1) {
                throw new IllegalArgumentException("not key=value: " + word);
            }
            fields.put(word.substring(0, sign), word.substring(sign + 1));
        }
        return fields;
    }

    /** {@code mailrace user add}. */
    @Command(name = "add", description = "Add a user; asks for the password.")
    static final class Add implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "NAME", description = "The user's name.")
        private String name = "";
        @Option(names = "--tenant", defaultValue = "", description = {
                "Whom the mail is counted for (default: the user's name)."})
        private String tenant = "";
        @Option(names = "--scram", description = {
                "Also for SCRAM-SHA-256; give it to all users or to none."})
        private boolean scram;
        @Parameters(index = "1..*", paramLabel = "KEY=VALUE", description = {
                "What the user may do: see users in reference.conf."})
        private List<String> words = new ArrayList<>();
        @Mixin
        private FileOption file = new FileOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            UserFile users = file.open();
            char[] password = password(System.in);
            try {
                users.add(name, password, tenant, fields(words));
                if (scram) {
                    users.setScram(name, password);
                }
            } finally {
                Arrays.fill(password, '\0');
            }
            spec.commandLine().getOut().println("User " + name + " added to " + file.path());
            return 0;
        }
    }

    /** {@code mailrace user passwd}. */
    @Command(name = "passwd", description = "Change a password; asks for the new one.")
    static final class Passwd implements Callable<Integer> {
        @Parameters(paramLabel = "NAME", description = "The user's name.")
        private String name = "";
        @Option(names = "--scram", description = {
                "Also for SCRAM-SHA-256; a user who has it keeps it without this."})
        private boolean scram;
        @Mixin
        private FileOption file = new FileOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            UserFile users = file.open();
            char[] password = password(System.in);
            try {
                users.setPassword(name, password);
                if (scram) {
                    users.setScram(name, password);
                }
            } finally {
                Arrays.fill(password, '\0');
            }
            spec.commandLine().getOut().println("Password of " + name + " changed");
            return 0;
        }
    }

    /** {@code mailrace user list}. */
    @Command(name = "list", description = "The users and whom their mail is counted for.")
    static final class ListUsers implements Callable<Integer> {
        @Mixin
        private FileOption file = new FileOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            for (UserFile.User user : file.open().list()) {
                spec.commandLine().getOut().println(line(user));
            }
            return 0;
        }
    }

    private static String line(UserFile.User user) {
        return user.name() + " (tenant " + user.tenant() + ")"
                + (user.fields().isEmpty() ? "" : " " + user.fields());
    }

    /** {@code mailrace user show}. */
    @Command(name = "show", description = "One user and what he may do.")
    static final class Show implements Callable<Integer> {
        @Parameters(paramLabel = "NAME", description = "The user's name.")
        private String name = "";
        @Mixin
        private FileOption file = new FileOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            UserFile.User user = file.open().list().stream()
                    .filter(one -> one.name().equals(name)).findFirst()
                    .orElseThrow(() -> new IOException(
                            "there is no user " + name + " in " + file.path()));
            spec.commandLine().getOut().println(line(user));
            return 0;
        }
    }

    /** {@code mailrace user set}. */
    @Command(name = "set", description = {
            "Change what a user may do: lane=bulk rate=100/min; an empty value takes a key out."})
    static final class SetFields implements Callable<Integer> {
        @Parameters(index = "0", paramLabel = "NAME", description = "The user's name.")
        private String name = "";
        @Parameters(index = "1..*", arity = "1..*", paramLabel = "KEY=VALUE", description = {
                "See users in reference.conf."})
        private List<String> words = new ArrayList<>();
        @Mixin
        private FileOption file = new FileOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            UserFile users = file.open();
            users.set(name, fields(words));
            users.list().stream().filter(user -> user.name().equals(name))
                    .forEach(user -> spec.commandLine().getOut().println(line(user)));
            return 0;
        }
    }

    /** {@code mailrace user remove}. */
    @Command(name = "remove", description = "Remove a user.")
    static final class Remove implements Callable<Integer> {
        @Parameters(paramLabel = "NAME", description = "The user's name.")
        private String name = "";
        @Mixin
        private FileOption file = new FileOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            if (!file.open().remove(name)) {
                throw new IOException("there is no user " + name + " in " + file.path());
            }
            spec.commandLine().getOut().println("User " + name + " removed");
            return 0;
        }
    }

    private static char[] password(InputStream in) throws IOException {
        Optional<Console> terminal = Optional.ofNullable(System.console())
                .filter(Console::isTerminal);
        if (terminal.isEmpty()) {
            return firstLine(in);
        }
        Console console = terminal.get();
        char[] first = console.readPassword("Password: ");
        char[] second = console.readPassword("Again: ");
        if (first == null || second == null || !Arrays.equals(first, second)) {
            throw new IOException("the two passwords differ");
        }
        Arrays.fill(second, '\0');
        return notEmpty(first);
    }

    /** The line without its end, read byte by byte: what follows belongs to somebody else. */
    static char[] firstLine(InputStream in) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int b = in.read(); b >= 0 && b != '\n'; b = in.read()) {
            bytes.write(b);
            if (bytes.size() > MAX_PASSWORD) {
                throw new IOException("the password is longer than " + MAX_PASSWORD + " bytes");
            }
        }
        CharBuffer text = StandardCharsets.UTF_8.newDecoder()
                .decode(ByteBuffer.wrap(bytes.toByteArray()));
        int length = text.length();
        if (length > 0 && text.charAt(length - 1) == '\r') {
            length--;
        }
        char[] password = new char[length];
        text.get(password, 0, length);
        return notEmpty(password);
    }

    private static char[] notEmpty(char[] password) throws IOException {
        if (password.length == 0) {
            throw new IOException("the password is empty");
        }
        return password;
    }
}
