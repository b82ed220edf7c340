// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.SimulatedClient;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * {@code mailrace serve} as a process of its own, with the class path and the Java of this one and
 * the options of the launcher. Confined to one thread.
 */
public final class DaemonProcess implements AutoCloseable {
    private static final Duration READY_LIMIT = Duration.ofSeconds(60);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    /** Of each daemon besides, last: quick tests ask for the quick compiler only. */
    private static final List<String> MORE_OPTIONS = Stream
            .of(System.getProperty("mailrace.daemon.options", "").split(" "))
            .filter(option -> !option.isBlank()).toList();
    /** What such a file of the log begins with. */
    private static final byte[] OLD_MAIL = "MRLO".getBytes(StandardCharsets.US_ASCII);
    private static final String CLASS_PATH = classPath();
    private static final String ANY_PORT = "bind = \"127.0.0.1:0\"";

    /**
     * What is special about a process.
     *
     * @param options further options of the JVM
     * @param environment further variables, inherited by nobody else
     * @param configuration further lines, which win over those before
     */
    public record Setup(List<String> options, Map<String, String> environment,
            String configuration) {
        public static final Setup PLAIN = new Setup(List.of(), Map.of(), "");

        public Setup with(String moreConfiguration) {
            return new Setup(options, environment, configuration + moreConfiguration + "\n");
        }
    }

    private final Path folder;
    private final Path config;
    private final String configuration;
    private final Path log;
    private final InetSocketAddress address;
    private final Setup setup;
    private Process process;

    private DaemonProcess(Path folder, String configuration, InetSocketAddress address,
            Setup setup) throws IOException {
        this.folder = folder;
        int port = address.getPort() == 0 ? FreePort.find() : address.getPort();
        this.configuration = configuration.replace(ANY_PORT, "bind = \"127.0.0.1:" + port + '"');
        this.address = new InetSocketAddress(address.getAddress(), port);
        this.setup = setup;
        config = folder.resolve("mailrace.conf");
        log = folder.resolve("mailrace.log");
        configure("");
        process = spawn();
    }

    /**
     * Writes a configuration into the folder and starts; not yet ready when this returns.
     *
     * @param address of a listener in the configuration, where it will greet; with port 0 it is
     *        given a free one, which it keeps over restarts
     */
    public static DaemonProcess start(Path folder, String configuration,
            InetSocketAddress address, List<String> options) throws IOException {
        return new DaemonProcess(folder, configuration, address,
                new Setup(options, Map.of(), ""));
    }

    /** As {@link #start}: relays from loopback, without authentication, to the network's sink. */
    public static DaemonProcess startRelay(Path folder, SinkNetwork network,
            List<String> options) throws IOException {
        return startRelay(folder, network, new Setup(options, Map.of(), ""));
    }

    /** As {@link #start}: relays from loopback, without authentication, to the network's sink. */
    public static DaemonProcess startRelay(Path folder, SinkNetwork network, Setup setup)
            throws IOException {
        Files.writeString(folder.resolve("users"), "");
        Files.createDirectories(folder.resolve("disk"));
        String configuration = """
                hostname = mta1.mailrace.test
                listeners {
                  relay { bind = "127.0.0.1:0", tls = off, relay-from = ["127.0.0.0/8"] }
                }
                users { file = "%1$s/users" }
                submission { max-size = 200m }
                spool { path = "%1$s/disk/spool", min-free = 64m }
                retry { default { intervals = [1s, 2s, 5s], max-age = 1h } }
                dns { servers = ["127.0.0.1:%2$d"] }
                delivery { port = %3$d, allow-destinations = ["127.0.0.0/8"], tls = off
                           park-first = 1s, park-max = 5s }
                admin { socket = "%1$s/admin.sock", bind = "" }
                log { events = off }
                """
                .formatted(folder, network.dnsPort(), network.port());
        return new DaemonProcess(folder, configuration,
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), setup);
    }

    /** Lines that win over those before them, from the next start on. */
    public void configure(String lines) throws IOException {
        Files.writeString(config, configuration + setup.configuration() + lines + "\n");
    }

    /** Folders are left out where all a daemon needs is in jars: no archive takes their classes. */
    private static String classPath() {
        String all = System.getProperty("java.class.path");
        List<String> jars = Stream.of(all.split(File.pathSeparator))
                .filter(entry -> Files.isRegularFile(Path.of(entry))).toList();
        boolean complete = jars.stream()
                .anyMatch(jar -> Path.of(jar).getFileName().toString().startsWith("mta-daemon-"));
        return complete ? String.join(File.pathSeparator, jars) : all;
    }

    private Process spawn() throws IOException {
        var options = new ArrayList<>(LauncherOptions.DAEMON);
        options.addAll(setup.options());
        options.addAll(MORE_OPTIONS);
        ProcessBuilder builder = builder(options, "serve").redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
        builder.environment().putAll(setup.environment());
        return builder.start();
    }

    private ProcessBuilder builder(List<String> javaOptions, String... arguments) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(javaOptions);
        command.addAll(List.of("-cp", CLASS_PATH, "io.mailrace.daemon.Main"));
        command.addAll(List.of(arguments));
        command.addAll(List.of("--config", config.toString()));
        return new ProcessBuilder(command).directory(folder.toFile());
    }

    /**
     * Runs another command of {@code mailrace} with the same configuration.
     *
     * @return its standard output
     * @throws IOException when it fails
     */
    public String command(String... arguments) throws IOException, InterruptedException {
        Process asking = builder(LauncherOptions.COMMAND, arguments)
                .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile())).start();
        String said = new String(asking.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (asking.waitFor() != 0) {
            throw new IOException(String.join(" ", arguments) + " failed: " + said);
        }
        return said;
    }

    /** Where it takes mail. */
    public InetSocketAddress address() {
        return address;
    }

    public boolean alive() {
        return process.isAlive();
    }

    /**
     * Waits until it greets.
     *
     * @throws IOException with the end of its log when it died or does not
     */
    public void awaitReady() throws IOException {
        long deadline = System.nanoTime() + READY_LIMIT.toNanos();
        while (process.isAlive() && System.nanoTime() < deadline) {
            try (SimulatedClient client = SimulatedClient.connect(address,
                    Duration.ofSeconds(5))) {
                client.quit();
                return;
            } catch (IOException notYet) {
                LockSupport.parkNanos(POLL_NANOS);
            }
        }
        throw new IOException("the daemon is not ready:\n" + logEnd());
    }

    /** kill -9. Dead when this returns. */
    public void kill() {
        process.destroyForcibly().onExit().join();
    }

    /**
     * SIGTERM, and waits.
     *
     * @return the exit code
     * @throws IOException when it does not stop within the limit
     */
    public int stop(Duration limit) throws IOException, InterruptedException {
        process.destroy();
        if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
            kill();
            throw new IOException("the daemon did not stop within " + limit + ":\n" + logEnd());
        }
        return process.exitValue();
    }

    /** Starts it again on the same spool; not yet ready when this returns. */
    public void restart() throws IOException {
        process = spawn();
    }

    /** Peak resident memory in kilobytes as Linux counts it; 0 when it cannot be read. */
    public long peakMemoryKilobytes() {
        try (Stream<String> lines = Files.lines(
                Path.of("/proc", Long.toString(process.pid()), "status"))) {
            return lines.filter(l -> l.startsWith("VmHWM:")).findFirst()
                    .map(l -> Long.parseLong(l.replaceAll("[^0-9]", ""))).orElse(0L);
        } catch (IOException gone) {
            return 0;
        }
    }

    public long pid() {
        return process.pid();
    }

    /** A number of a file of /proc/PID whose lines begin with a name; 0 when there is none. */
    public long proc(String file, String name) {
        try (Stream<String> lines = Files.lines(
                Path.of("/proc", Long.toString(process.pid()), file))) {
            return lines.filter(line -> line.startsWith(name + ":")).findFirst()
                    .map(line -> Long.parseLong(line.replaceAll("[^0-9]", ""))).orElse(0L);
        } catch (IOException gone) {
            return 0;
        }
    }

    /** Bytes of the heap in use after a full collection. */
    public long heapAfterCollection() throws IOException, InterruptedException {
        jcmd("GC.run");
        // one line for each generation
        long kilobytes = Pattern.compile(" total .*used ([0-9]+)K").matcher(jcmd("GC.heap_info"))
                .results().mapToLong(line -> Long.parseLong(line.group(1))).sum();
        if (kilobytes == 0) {
            throw new IOException("jcmd tells no heap");
        }
        return kilobytes << 10;
    }

    private String jcmd(String command) throws IOException, InterruptedException {
        Process asking = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(process.pid()), command).redirectErrorStream(true).start();
        String said = new String(asking.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        asking.waitFor();
        return said;
    }

    /** Bytes of the files of its spool. */
    public long spoolBytes() {
        long bytes = 0;
        for (Path folder : List.of(spool(), spool().resolve("db"), spool().resolve("log"))) {
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    bytes += Files.size(file);
                }
            } catch (IOException changing) {
                // a file went in between: the next look sees it right
            }
        }
        return bytes;
    }

    /** The spool of {@link #startRelay}. */
    public Path spool() {
        return folder.resolve("disk/spool");
    }

    /** Its admin socket, of {@link #startRelay}. */
    AdminPage admin() {
        return new AdminPage(folder.resolve("admin.sock"));
    }

    /** Everything it wrote to standard output and error, in all its lives. */
    public String log() throws IOException {
        return Files.readString(log, StandardCharsets.UTF_8);
    }

    private String logEnd() throws IOException {
        String all = log();
        return all.substring(Math.max(0, all.length() - 4000));
    }

    /** Files of the spool's log that were begun with old mail (FORMAT.md, "The log"). */
    int oldSlots() throws IOException {
        Path slots = spool().resolve("log");
        if (!Files.isDirectory(slots)) {
            return 0;
        }
        int count = 0;
        try (Stream<Path> files = Files.list(slots)) {
            for (Path file : files.toList()) {
                try (InputStream in = Files.newInputStream(file)) {
                    count += Arrays.equals(in.readNBytes(OLD_MAIL.length), OLD_MAIL) ? 1 : 0;
                }
            }
        }
        return count;
    }

    @Override
    public void close() {
        kill();
    }
}
