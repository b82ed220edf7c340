// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Packages of Debian 12 that are fetched but not installed: Exim, OpenSMTPD and Postfix exclude
 * each other in apt. Kept in {@code target/peer-packages}, so that they are fetched once; apt
 * compares them with its signed lists. What cannot be fetched skips the test.
 */
final class PeerPackages {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final Path FOLDER = Path.of("target", "peer-packages").toAbsolutePath();
    private static final Path KEYRING = Path
            .of("/usr/share/keyrings/debian-archive-keyring.gpg");
    private static final String BACKPORTS = "bookworm-backports";

    private PeerPackages() {}

    /** From the sources this machine has, whose lists {@code apt-get update} fetched before. */
    static List<Path> fetch(List<String> names) throws IOException, InterruptedException {
        return fetch(Files.createDirectories(FOLDER.resolve("stable")), names, List.of());
    }

    /** From Debian 12's backports, with apt's state in a folder of its own. */
    static Path fetchBackport(String name) throws IOException, InterruptedException {
        Path folder = Files.createDirectories(FOLDER.resolve("backports"));
        Path apt = folder.resolve("apt");
        List<String> options = List.of("-o", "Dir::Etc::sourcelist=" + apt.resolve("list"), "-o",
                "Dir::Etc::sourceparts=-", "-o", "Dir::State::lists=" + apt.resolve("lists"), "-o",
                "Dir::Cache=" + apt.resolve("cache"), "-o", "Dir::State::status=/dev/null");
        if (stored(folder, name).isEmpty()) {
            Files.createDirectories(apt.resolve("lists/partial"));
            Files.createDirectories(apt.resolve("cache/archives/partial"));
            Files.writeString(apt.resolve("list"), "deb [signed-by=" + KEYRING
                    + "] http://deb.debian.org/debian " + BACKPORTS + " main\n");
            apt(folder, options, List.of("update"));
        }
        return fetch(folder, List.of(name), options).getFirst();
    }

    private static List<Path> fetch(Path folder, List<String> names, List<String> options)
            throws IOException, InterruptedException {
        List<String> missing = new ArrayList<>(List.of("download"));
        for (String name : names) {
            if (stored(folder, name).isEmpty()) {
                missing.add(options.isEmpty() ? name : name + "/" + BACKPORTS);
            }
        }
        if (missing.size() > 1) {
            apt(folder, options, missing);
        }
        List<Path> files = new ArrayList<>();
        for (String name : names) {
            files.add(stored(folder, name).orElseThrow());
        }
        return files;
    }

    private static Optional<Path> stored(Path folder, String name) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(f -> f.getFileName().toString().startsWith(name + "_"))
                    .findFirst();
        }
    }

    private static void apt(Path folder, List<String> options, List<String> arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                PeerProgram.of("apt-get", "apt (Debian 12)").file().toString(), "-q", "-o",
                "APT::Sandbox::User=root"));
        command.addAll(options);
        command.addAll(arguments);
        Path output = folder.resolve("apt.out");
        Process process = new ProcessBuilder(command).directory(folder.toFile())
                .redirectErrorStream(true).redirectOutput(output.toFile()).start();
        boolean ended = process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS);
        if (!ended) {
            process.destroyForcibly().waitFor();
        }
        if (!ended || process.exitValue() != 0) {
            abort("skipped: run apt-get update (Debian 12, network); apt-get "
                    + String.join(" ", arguments) + " said: " + Files.readString(output));
        }
    }
}
