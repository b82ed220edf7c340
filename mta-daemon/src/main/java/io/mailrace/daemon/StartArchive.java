// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The JVM's archive for a daemon that starts and warms up quickly (JEP 483, 514, 515): its classes,
 * read and linked, and what the code was seen to do in a short run under load. It holds for exactly
 * this Java and these jars; with others the JVM does without. Any thread, one at a time.
 */
final class StartArchive {
    private static final int SESSIONS = 50;
    /**
     * As applications do: what opens and closes connections is seen at work, too, and what becomes
     * of mail that waits. Code that was never seen would be compiled anew, with all around it, when
     * the first domain does not answer.
     */
    private static final BenchOptions.Clients CLIENTS = new BenchOptions.Clients(20, false, 10);
    private static final Duration STOP_LIMIT = Duration.ofMinutes(1);
    private static final Duration MAKE_LIMIT = Duration.ofMinutes(2);
    /**
     * A fifth of the JVM's: what is called a thousand times in this short run is called often in a
     * long one, and the archive has a profile of it only when the second compiler took it.
     */
    private static final List<String> BUSY_SOON = List.of("-XX:Tier4InvocationThreshold=1000",
            "-XX:Tier4MinInvocationThreshold=120", "-XX:Tier4CompileThreshold=3000");
    /** The collector that can store objects too; whichever collector runs later. */
    private static final String COLLECTOR = "-XX:+UseG1GC";
    private static final List<String> REPLACED = List.of("-XX:+UseSerialGC", "-XX:+UseParallelGC",
            "-XX:+UseZGC", COLLECTOR, "-XX:AOT");

    private StartArchive() {}

    /**
     * Makes the archive. A private relay takes and delivers signed mail on loopback meanwhile.
     *
     * @param seconds of load
     * @throws IOException when it cannot be made; a file that was there is still there
     */
    static void make(Path file, int seconds) throws IOException, InterruptedException {
        Path target = file.toAbsolutePath();
        Path folder = Files.createTempDirectory("mailrace-archive-");
        Path record = folder.resolve("record");
        Path made = target.resolveSibling(target.getFileName() + ".new");
        try {
            load(folder, record, seconds);
            create(record, made);
            // whatever the umask is: the service, another user, reads it
            Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rw-r--r--"));
            Files.move(made, target, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(record);
            Files.deleteIfExists(made);
            Files.deleteIfExists(folder);
        }
    }

    private static void load(Path folder, Path record, int seconds)
            throws IOException, InterruptedException {
        var options = options();
        options.addAll(BUSY_SOON);
        options.add("-XX:AOTMode=record");
        options.add("-XX:AOTConfiguration=" + record);
        var plain = BenchRig.Launch.PLAIN;
        try (BenchRig rig = BenchRig.start(BenchOptions.plain(folder, SESSIONS).withDkim(true)
                .with(CLIENTS),
                new BenchRig.Launch(plain.program(), plain.before(), options, plain.environment(),
                        plain.spool()))) {
            rig.begin();
            rig.measure(Duration.ofSeconds(seconds));
            rig.finish();
            rig.endRelay(STOP_LIMIT);
        }
    }

    private static void create(Path record, Path made) throws IOException, InterruptedException {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(options());
        command.removeIf(o -> REPLACED.stream().anyMatch(o::startsWith));
        command.addAll(List.of(COLLECTOR, "-XX:AOTMode=create", "-XX:AOTConfiguration=" + record,
                "-XX:AOTCache=" + made, "-cp", System.getProperty("java.class.path"),
                BenchDaemon.class.getName()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        try {
            if (!process.waitFor(MAKE_LIMIT)
                    || process.exitValue() != 0 || !Files.isRegularFile(made)) {
                throw new IOException("this Java makes no archive");
            }
        } finally {
            process.destroyForcibly();
        }
    }

    /** Those of a daemon without an archive of their own. */
    private static ArrayList<String> options() {
        var options = new ArrayList<>(BenchProcess.daemonOptions(
                ManagementFactory.getRuntimeMXBean().getInputArguments()));
        options.removeIf(o -> o.startsWith("-XX:AOT"));
        return options;
    }
}
