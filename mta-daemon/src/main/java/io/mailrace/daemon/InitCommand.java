// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.core.MailAddress;
import io.mailrace.dkim.DkimKeyGenerator;
import io.mailrace.smtp.UserFile;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code mailrace init}: the first configuration. Asks at a terminal for what it cannot find out,
 * else takes it from options. What exists is used: a second run makes what is missing, and a
 * configuration somebody has written is replaced only when told so, with a copy kept.
 */
@Command(name = "init", description = "Write a first configuration: host name, listeners, a DKIM"
        + " key, a user. Prints the DNS records to publish and the next step. Leaves alone what is"
        + " there.")
final class InitCommand implements Callable<Integer> {
    private static final String EXAMPLE = "mta1.example.com";
    /** The template we ship names this host: nobody has edited it yet. */
    private static final String TEMPLATE = "replace-me.invalid";
    private static final String SELECTOR = "s1";
    private static final int PASSWORD_LENGTH = 24;
    private static final int SMTP = 25;
    /** Where the applications of this machine submit when another server has port 25. */
    private static final int OTHER = 2525;
    /** Without characters that look alike. */
    private static final String LETTERS = "abcdefghijkmnpqrstuvwxyz"
            + "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    private static final int CONNECT_MILLIS = 2000;
    private static final String BESIDE = "\n  # Port 25 was taken when this was written. To have"
            + " the other server send through\n  # Mailrace, in Postfix's main.cf:"
            + " relayhost = [127.0.0.1]:" + OTHER;

    /** For tests: the port on which another mail server would listen. */
    private final int smtpPort;

    @Option(names = "--hostname", paramLabel = "NAME", description = {
            "Full DNS name of this server (default: what the system says)."})
    private @Nullable String hostname;
    @Option(names = "--domain", paramLabel = "DOMAIN", description = {
            "Domain of the From addresses (default: that of the host name)."})
    private @Nullable String domain;
    @Option(names = "--user", paramLabel = "NAME", defaultValue = "app", description = {
            "First user who may submit mail, with a new password (default: ${DEFAULT-VALUE})."})
    private String user = "";
    @Option(names = "--yes", description = "Ask nothing.")
    private boolean yes;
    @Option(names = "--force", description = {
            "Replace the configuration; the old one is kept beside it as FILE.old."})
    private boolean force;
    @Mixin
    private ConfigOption config = new ConfigOption();
    @Spec
    private CommandSpec spec = CommandSpec.create();

    InitCommand() {
        this(SMTP);
    }

    InitCommand(int smtpPort) {
        this.smtpPort = smtpPort;
    }

    @Override
    public Integer call() throws IOException {
        Path file = config.file.toAbsolutePath();
        if (!force && Files.exists(file) && !isExample(file)) {
            throw new StartException(file + " is there and stays as it is; --force replaces it");
        }
        String host = name("host name", choose(hostname, "Host name", systemName()));
        if (host.indexOf('.') < 0 || host.equals(EXAMPLE)
                || host.endsWith(DaemonConfig.NOBODYS_NAME)) {
            throw new StartException("this machine does not know its full DNS name: give it with"
                    + " --hostname, such as " + EXAMPLE);
        }
        String from = name("domain", choose(domain, "Domain of the From addresses",
                Optional.of(parentOf(host))));
        Path folder = file.resolveSibling("");
        ServiceGroup.makeFolder(folder);
        Path key = folder.resolve("dkim").resolve(from + "." + SELECTOR + ".pem");
        if (!Files.exists(key)) {
            ServiceGroup.makeFolder(folder.resolve("dkim"));
            DkimKeyGenerator.generate(DkimKeyGenerator.Kind.RSA_2048, from, SELECTOR, key);
            ServiceGroup.share(key);
        }
        InetSocketAddress relay = new InetSocketAddress("127.0.0.1", smtpPort);
        // with --force it may be the one whose file this replaces
        boolean taken = taken(relay) && !PortHolder.ofThisMachine().isMailrace(relay);
        write(file, text(folder, host, from, key, taken ? OTHER : SMTP));
        DaemonConfig written = DaemonConfig.load(file);
        PrintWriter out = spec.commandLine().getOut();
        out.println("Configuration written to " + file);
        if (taken) {
            out.println(PortHolder.ofThisMachine().whoHas(relay) + ". So the listener \"relay\" for"
                    + " programs on this machine has 127.0.0.1:" + OTHER + " instead.");
        }
        addUser(written.smtp().users().file(), out);
        tellRecords(written, host, from, out);
        tellNext(from, out);
        return 0;
    }

    // ------------------------------------------------------------------ what is known

    private static boolean isExample(Path file) throws IOException {
        return Files.readAllLines(file).stream()
                .anyMatch(line -> line.strip().equals("hostname = " + TEMPLATE));
    }

    private static Optional<String> systemName() {
        try {
            String name = InetAddress.getLocalHost().getCanonicalHostName();
            return name.indexOf('.') > 0 && !name.startsWith("localhost")
                    && !name.chars().allMatch(c -> c == '.' || c == ':' || c >= '0' && c <= '9')
                            ? Optional.of(name)
                            : Optional.empty();
        } catch (IOException unknown) {
            return Optional.empty();
        }
    }

    /** Only what listens counts: a right that is missing is no server that is there. */
    private static boolean taken(InetSocketAddress address) {
        try (Socket asked = new Socket()) {
            asked.connect(address, CONNECT_MILLIS);
            return true;
        } catch (IOException nobody) {
            return false;
        }
    }

    /** The option, else the answer at a terminal, else what was found out. */
    private String choose(@Nullable String given, String question, Optional<String> found) {
        if (given != null) {
            return given;
        }
        Optional<Console> terminal = Optional.ofNullable(System.console())
                .filter(Console::isTerminal);
        if (yes || terminal.isEmpty()) {
            return found.orElse("");
        }
        String answer = terminal.get().readLine("%s%s: ", question,
                found.map(text -> " [" + text + "]").orElse(""));
        return answer == null || answer.isBlank() ? found.orElse("") : answer.strip();
    }

    private static String name(String what, String text) {
        return text.isEmpty()
                ? ""
                : MailAddress.parse("a@" + text).map(MailAddress::domain)
                        .filter(name -> !name.startsWith("[") && text.indexOf('@') < 0)
                        .map(Ascii::lower)
                        .orElseThrow(() -> new IllegalArgumentException("not a " + what + ": "
                                + Ascii.clean(text, 100)));
    }

    /** Of mta1.example.com: example.com; of example.com: itself. */
    private static String parentOf(String host) {
        String parent = host.substring(host.indexOf('.') + 1);
        return parent.indexOf('.') < 0 ? host : parent;
    }

    // ------------------------------------------------------------------ what is written

    private static String text(Path folder, String host, String from, Path key, int relay) {
        StringBuilder text = new StringBuilder("""
                # Made by "mailrace init". Every key with its explanation: mailrace.conf(5).
                # Check after changes with "mailrace check", then: systemctl reload mailrace

                hostname = %s

                listeners {
                  # Everybody logs in: mailrace user add NAME
                  submission { bind = "0.0.0.0:587", tls = starttls, auth = required }
                  # Programs on this machine need no password.%s
                  relay { bind = "127.0.0.1:%d", tls = off, relay-from = ["127.0.0.0/8"] }
                }

                # The certificate of submission. Without one a self-signed one is made at each
                # start, which most applications refuse.
                # tls {
                #   certificate = /etc/mailrace/tls/fullchain.pem
                #   key = /etc/mailrace/tls/key.pem
                # }

                dkim { "%s" = [ { selector = %s, key = "%s" } ] }

                users.file = "%s"
                """.formatted(host, relay == SMTP ? "" : BESIDE, relay, from, SELECTOR, key,
                folder.resolve("users")));
        for (String shipped : new String[]{"providers.conf", "warmup.conf"}) {
            if (Files.exists(folder.resolve(shipped))) {
                text.append("\ninclude \"").append(shipped).append("\"\n");
            }
        }
        return text.toString();
    }

    /** Whole or not at all; what was there is kept as FILE.old. */
    private static void write(Path file, String text) throws IOException {
        Path fresh = Files.createTempFile(file.resolveSibling(""), "mailrace", ".new");
        try {
            Files.writeString(fresh, text);
            ServiceGroup.share(fresh);
            if (Files.exists(file)) {
                Files.copy(file, file.resolveSibling(file.getFileName() + ".old"),
                        StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
            }
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    private void addUser(Path file, PrintWriter out) throws IOException {
        UserFile users = UserFile.open(file);
        if (users.list().stream().anyMatch(one -> one.name().equals(user))) {
            out.println("User " + user + " is there already, with its password.");
            return;
        }
        SecureRandom random = new SecureRandom();
        char[] password = new char[PASSWORD_LENGTH];
        for (int i = 0; i < password.length; i++) {
            password[i] = LETTERS.charAt(random.nextInt(LETTERS.length()));
        }
        users.add(user, password);
        out.println("User " + user + " with the password " + new String(password)
                + " (shown only now; change it: mailrace user passwd " + user + ")");
        Arrays.fill(password, '\0');
    }

    // ------------------------------------------------------------------ what is told

    private static void tellRecords(DaemonConfig written, String host, String from,
            PrintWriter out) {
        out.println();
        out.println("Publish these DNS records:");
        out.println(host + ". IN A ADDRESS-OF-THIS-SERVER   (and its PTR record back to " + host
                + ", at your provider)");
        out.println(from + ". IN TXT \"v=spf1 a:" + host + " -all\"   (or add a:" + host
                + " to the one you have)");
        written.dkim().keysFor(from).forEach(key -> out.println(key.record().zoneLine()));
        out.println("_dmarc." + from + ". IN TXT \"v=DMARC1; p=none; rua=mailto:postmaster@"
                + from + "\"");
    }

    private static void tellNext(String from, PrintWriter out) {
        out.println();
        out.println("Next: systemctl enable --now mailrace");
        out.println("then, when the records are out: mailrace doctor " + from);
    }
}
