// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A {@link BenchDaemon}: this program's Java, class path and options. It ends with its standard
 * input, so also when we are killed. Any thread.
 */
final class BenchProcess implements AutoCloseable {
    private static final int LOG_END = 4000;
    private static final List<String> KEPT_OPTIONS = List.of("-X", "--enable-native-access",
            "--sun-misc-unsafe-memory-access", "-Djava.library.path", "-Djava.io.tmpdir",
            "--add-modules", "-Dcom.amazon.corretto",
            "-Dmailrace.default.");
    /** Options of short commands and of start-up archives, which are not a daemon's. */
    private static final List<String> DROPPED_OPTIONS = List.of("-XX:TieredStopAtLevel",
            "-XX:+AutoCreateSharedArchive", "-XX:SharedArchiveFile", "-Xshare", "-Xlog", "-Xrun",
            "-XX:CRaC", "-Xdebug", "-Xbootclasspath");

    private final Process process;
    private final Path log;
    private final InetSocketAddress address;

    private BenchProcess(Process process, Path log, InetSocketAddress address) {
        this.process = process;
        this.log = log;
        this.address = address;
    }

    /**
     * Listening when this returns.
     *
     * @throws IOException with the end of its log when it does not come up
     */
    static BenchProcess start(Path config, BenchRig.Launch launch, Duration limit,
            TimeSource time) throws IOException, InterruptedException {
        var command = new ArrayList<>(launch.before());
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(launch.options().isEmpty()
                ? daemonOptions(ManagementFactory.getRuntimeMXBean().getInputArguments())
                : launch.options());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"),
                launch.program(), config.toString()));
        Path log = config.resolveSibling("mailrace.log");
        var builder = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
        builder.environment().putAll(launch.environment());
        Process process = builder.start();
        long end = time.nanos() + limit.toNanos();
        var heard = new CompletableFuture<InetSocketAddress>();
        Thread.ofPlatform().daemon(true).name("bench-output")
                .start(() -> listen(process, heard));
        try {
            InetSocketAddress address = heard.get(end - time.nanos(), TimeUnit.NANOSECONDS);
            return new BenchProcess(process, log, address);
        } catch (ExecutionException | TimeoutException failed) {
            process.destroyForcibly();
            throw new IOException("the relay does not start: " + text(log), failed);
        } catch (InterruptedException stopped) {
            process.destroyForcibly();
            throw stopped;
        }
    }

    /** What a daemon should have of the options this process has. */
    static List<String> daemonOptions(List<String> own) {
        return own.stream().filter(o -> KEPT_OPTIONS.stream().anyMatch(o::startsWith)
                && DROPPED_OPTIONS.stream().noneMatch(o::startsWith)).toList();
    }

    /** Reads on to the end: a relay whose events nobody takes would stand still. */
    private static void listen(Process process, CompletableFuture<InetSocketAddress> heard) {
        try {
            heard.complete(listen(process));
            process.getInputStream().transferTo(OutputStream.nullOutputStream());
        } catch (IOException | RuntimeException ended) {
            heard.completeExceptionally(ended);
        }
    }

    private static InetSocketAddress listen(Process process) {
        InetSocketAddress found = null;
        try {
            var lines = new BufferedReader(new InputStreamReader(process.getInputStream(),
                    StandardCharsets.UTF_8));
            String line = lines.readLine();
            while (line != null && !line.equals(BenchDaemon.READY)) {
                if (line.startsWith(BenchDaemon.LISTENING)) {
                    int colon = line.lastIndexOf(':');
                    int blank = line.lastIndexOf(' ');
                    found = new InetSocketAddress(line.substring(blank + 1, colon),
                            Integer.parseInt(line.substring(colon + 1)));
                }
                line = lines.readLine();
            }
            if (line == null || found == null) {
                throw new IllegalStateException("it ended without listening");
            }
            return found;
        } catch (IOException lost) {
            throw new IllegalStateException("it cannot be heard", lost);
        }
    }

    Process process() {
        return process;
    }

    InetSocketAddress address() {
        return address;
    }

    /** The end of what it logged. */
    String log() {
        return text(log);
    }

    private static String text(Path log) {
        try {
            String all = Files.readString(log, StandardCharsets.UTF_8);
            return all.substring(Math.max(0, all.length() - LOG_END));
        } catch (IOException none) {
            return "";
        }
    }

    /**
     * Lets it stop in good order, as at the end of a service.
     *
     * @throws IOException when it does not end well in time
     */
    void end(Duration limit) throws IOException, InterruptedException {
        process.getOutputStream().close();
        if (!process.waitFor(limit)) {
            throw new IOException("the relay does not stop: " + log());
        }
        if (process.exitValue() != 0) {
            throw new IOException("the relay ended with " + process.exitValue() + ": " + log());
        }
    }

    /** Dead when this returns: its spool goes away anyway. */
    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
