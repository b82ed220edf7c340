// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import io.mailrace.dkim.DkimKey;
import io.mailrace.dkim.DkimKeyGenerator;
import io.mailrace.dkim.DkimRecord;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code mailrace dkim}: keys for signing mail. */
@Command(name = "dkim", description = "Keys for signing mail.", subcommands = {
        DkimCommand.Keygen.class, DkimCommand.ListKeys.class})
final class DkimCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        return Usage.missingSubcommand(spec);
    }

    /** Kinds of key, as written on the command line. */
    enum KeyType {
        RSA, ED25519
    }

    /** {@code mailrace dkim keygen}. */
    @Command(name = "keygen", description = {
            "Make a key; print what to publish and what to configure."})
    static final class Keygen implements Callable<Integer> {
        @Parameters(paramLabel = "DOMAIN", description = "Domain of the From addresses.")
        private String domain = "";
        @Option(names = "--selector", defaultValue = "s1", description = {
                "Name of the key in the DNS (default: ${DEFAULT-VALUE})."})
        private String selector = "";
        @Option(names = "--type", defaultValue = "rsa", description = {
                "rsa (2048 bits, everybody verifies it) or ed25519 (default: ${DEFAULT-VALUE})."})
        private KeyType type = KeyType.RSA;
        @Option(names = "--out", paramLabel = "FILE", description = {
                "Key file (default: dkim/DOMAIN.SELECTOR.pem beside the config)."})
        private @Nullable Path out;
        @Mixin
        private ConfigOption config = new ConfigOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            String name = Ascii.lower(domain);
            String key = Ascii.lower(selector);
            Path chosen = out;
            // checked before a file name is made of it
            if (chosen == null && (!isPlain(name) || !isPlain(key))) {
                throw new IllegalArgumentException("not a domain and selector: " + name + ", "
                        + key);
            }
            Path file = (chosen != null
                    ? chosen
                    : config.file.toAbsolutePath().resolveSibling("dkim")
                            .resolve(name + "." + key + ".pem"))
                    .toAbsolutePath();
            Path folder = file.getParent();
            if (folder != null) {
                ServiceGroup.makeFolder(folder);
            }
            DkimRecord record = DkimKeyGenerator.generate(switch (type) {
                case RSA -> DkimKeyGenerator.Kind.RSA_2048;
                case ED25519 -> DkimKeyGenerator.Kind.ED25519;
            }, name, key, file);
            ServiceGroup.share(file);
            PrintWriter print = spec.commandLine().getOut();
            print.println("Key written to " + file);
            print.println();
            print.println("Publish this TXT record:");
            print.println(record.zoneLine());
            print.println();
            print.println("Then add to the configuration, below other keys of the domain:");
            // A list given a second time would take the place of the first; += begins it, too.
            print.println("dkim.\"" + name + "\" += { selector = " + key + ", key = \"" + file
                    + "\" }");
            return 0;
        }

        private static boolean isPlain(String text) {
            return !text.isEmpty() && !text.startsWith(".") && text.chars().allMatch(
                    c -> c == '.' || c == '-' || c == '_' || (c >= '0' && c <= '9')
                            || (c >= 'a' && c <= 'z'));
        }
    }

    /** {@code mailrace dkim list}. */
    @Command(name = "list", description = "The configured keys with their DNS records.")
    static final class ListKeys implements Callable<Integer> {
        @Mixin
        private ConfigOption config = new ConfigOption();
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            Map<String, List<DkimKey>> keys = new TreeMap<>(
                    DaemonConfig.load(config.file).dkim().keys());
            PrintWriter print = spec.commandLine().getOut();
            if (keys.isEmpty()) {
                print.println("No key is configured: mail goes out unsigned.");
            }
            keys.forEach((domain, all) -> all.forEach(key -> {
                print.println(domain + " selector " + key.selector() + ", " + key.algorithm()
                        + ", " + key.bits() + " bits");
                print.println("    " + key.record().zoneLine());
            }));
            return 0;
        }
    }
}
