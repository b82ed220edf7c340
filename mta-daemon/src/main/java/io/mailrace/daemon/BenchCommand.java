// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigReader;
import io.mailrace.core.ConfigSource;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code mailrace bench}. */
@Command(name = "bench", mixinStandardHelpOptions = true, description = {
        "Measures what this machine can do: a relay of its own with a temporary spool on the disk"
                + " of the configured one, clients and receivers, all on loopback. Says which"
                + " limit it meets and why. Leaves a running daemon alone, but shares the machine"
                + " with it. Exit code 0 only if no message is lost, doubled or altered."})
final class BenchCommand implements Callable<Integer> {
    private static final Pattern SIZE = Pattern.compile("([0-9]{1,9})([kKmM]?)");
    /** What is taken over from the operator's configuration: settings that speed hangs on. */
    private static final Map<String, List<String>> TAKEN_OVER = Map.of("spool",
            List.of("write-buffer", "block-cache", "fresh-cache"), "delivery",
            List.of("connections", "connections-per-site", "messages-per-connection",
                    "pipelining", "chunking", "signing-threads"));

    @Mixin
    private ConfigOption config = new ConfigOption();

    @Option(names = "--seconds", paramLabel = "N", defaultValue = "20", description = {
            "How long each of two measurements takes (default: ${DEFAULT-VALUE})."})
    private int seconds;

    @Option(names = "--sessions", paramLabel = "N", defaultValue = "100", description = {
            "How many clients submit at once (default: ${DEFAULT-VALUE})."})
    private int sessions;

    @Option(names = "--size", paramLabel = "SIZE", defaultValue = "10k", description = {
            "Octets of a message's body, such as 2k or 1m (default: ${DEFAULT-VALUE})."})
    private String size = "10k";

    @Option(names = "--recipients", paramLabel = "N", defaultValue = "1", description = {
            "Recipients of each message, each at another domain (default: ${DEFAULT-VALUE})."})
    private int recipients;

    @Option(names = "--per-connection", paramLabel = "N", defaultValue = "0", description = {
            "Messages after which a client leaves and comes again (default: never)."})
    private int perConnection;

    @Option(names = "--no-pipelining", description = {
            "Clients wait for the reply to each command, as many libraries do."})
    private boolean oneByOne;

    @Option(names = "--rate", paramLabel = "N", defaultValue = "0", description = {
            "Messages a second, at fixed moments (default: as many as it takes, then half)."})
    private double rate;

    @Option(names = "--dkim", description = "Sign with RSA-2048.")
    private boolean dkim;

    @Option(names = "--tls", description = "STARTTLS from clients and to receivers.")
    private boolean tls;

    @Option(names = "--async", description = {
            "As with spool.durability = async: 250 comes before the sync."})
    private boolean async;

    @Option(names = "--round-trip", paramLabel = "MS", defaultValue = "0", description = {
            "How far away the receivers are, in milliseconds (default: ${DEFAULT-VALUE})."})
    private int roundTrip;

    @Option(names = "--reply-delay", paramLabel = "MS", defaultValue = "0", description = {
            "What receivers think before they answer a message (default: ${DEFAULT-VALUE})."})
    private int replyDelay;

    @Option(names = "--chunking", description = {
            "The receivers offer CHUNKING: content goes by BDAT instead of DATA."})
    private boolean chunking;

    @Option(names = "--events", description = {
            "With the event log on standard output, as for journald; off otherwise."})
    private boolean events;

    @Option(names = "--disk", paramLabel = "DIR", description = {
            "A folder on the disk to be measured (default: where the configured spool is)."})
    private @Nullable Path disk;

    @Option(names = "--json", description = "Print the result as one JSON object.")
    private boolean json;

    @Override
    public Integer call() throws IOException, InterruptedException {
        Logging.serve(LogConfig.Level.ERROR);
        PrintStream progress = json
                ? new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8)
                : System.err;
        Optional<ConfigSource> source = source();
        Path folder = folder(source, progress);
        var options = new BenchOptions(folder, sessions, bytes(size), recipients, dkim, tls, tls,
                async, Duration.ofMillis(roundTrip), Duration.ofMillis(replyDelay),
                chunking, events, source.map(BenchCommand::settings).orElse(""),
                new BenchOptions.Clients(perConnection, !oneByOne));
        int siteConnections = source.map(s -> s.root().section("delivery")
                .integer("connections-per-site", 1, 10_000)).orElse(20);
        BenchResult result = Bench.run(new Bench.Plan(options, seconds, rate, siteConnections),
                progress);
        if (json) {
            System.out.writeBytes(BenchReport.json(result));
            System.out.flush();
        } else {
            BenchReport.print(System.out, result);
        }
        return result.account().good() && result.account().acknowledged() > 0 ? 0 : 1;
    }

    static int bytes(String size) {
        Matcher parts = SIZE.matcher(size);
        if (!parts.matches()) {
            throw new IllegalArgumentException("not a size: " + size + " (such as 10k)");
        }
        long unit = switch (parts.group(2)) {
            case "k", "K" -> 1L << 10;
            case "m", "M" -> 1L << 20;
            default -> 1;
        };
        return (int) Math.min(Integer.MAX_VALUE, Long.parseLong(parts.group(1)) * unit);
    }

    /** The operator's configuration; empty when there is none we may read. */
    private Optional<ConfigSource> source() {
        if (!Files.isReadable(config.file)) {
            return Optional.empty();
        }
        ConfigSource read = ConfigSource.ofFile(config.file);
        DaemonConfig.from(read);
        return Optional.of(read);
    }

    private Path folder(Optional<ConfigSource> source, PrintStream progress) throws IOException {
        if (disk != null) {
            return disk.toRealPath();
        }
        Path temporary = Path.of(System.getProperty("java.io.tmpdir")).toRealPath();
        if (source.isEmpty()) {
            return temporary;
        }
        Path spool = Path.of(source.get().root().section("spool").string("path"))
                .toAbsolutePath();
        Path folder = spool.getParent();
        if (folder != null && Files.isDirectory(spool)
                && !Files.getFileStore(spool).equals(Files.getFileStore(folder))) {
            folder = spool;
        }
        if (folder != null && Files.isWritable(folder)) {
            return folder.toRealPath();
        }
        progress.println("Nothing may be written beside the spool (" + spool
                + "): measuring the disk of " + temporary
                + " instead. Run this as root or as the daemon's user, or name a folder with"
                + " --disk.");
        return temporary;
    }

    static String settings(ConfigSource source) {
        var text = new StringBuilder();
        TAKEN_OVER.forEach((section, keys) -> {
            ConfigReader reader = source.root().section(section);
            keys.forEach(key -> text.append(section).append('.').append(key).append(" = \"")
                    .append(reader.string(key)).append("\"\n"));
        });
        return text.toString();
    }
}
