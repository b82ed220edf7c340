// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A folder with packages of Debian unpacked into it, as the root folder of one program. Confined to
 * one thread.
 */
final class PeerRoot implements AutoCloseable {
    /* Why a root of its own
     *
     * Exim and OpenSMTPD have the paths of their configuration, spool and tools compiled in, and
     * look up users (Debian-exim, opensmtpd, opensmtpq) that only their packages' scripts make.
     * Inside such a root all of these are where they are expected: no package is installed, no
     * user is added, nothing outside the folder is written. /dev is bound into it in a mount
     * namespace of the process alone, so the mount goes away with the process. The network is the
     * machine's, hence loopback. Needs root.
     */

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Duration STOP_LIMIT = Duration.ofSeconds(10);
    private static final String ENTER = "mount --bind /dev \"$0/dev\" && exec chroot \"$0\" \"$@\"";

    private final Path path;
    private @Nullable Process process;

    private PeerRoot(Path path) {
        this.path = path;
    }

    /**
     * Unpacks.
     *
     * @param users lines of a passwd file; each is a group of the same name and number, too
     */
    static PeerRoot make(Path folder, List<Path> packages, List<String> users)
            throws IOException, InterruptedException {
        assumeTrue("root".equals(System.getProperty("user.name")), "skipped: chroot needs root");
        PeerProgram dpkg = PeerProgram.of("dpkg", "dpkg");
        Files.createDirectories(folder);
        for (Path file : packages) {
            dpkg.run(LIMIT, "-x", file.toString(), folder.toString());
        }
        var root = new PeerRoot(folder);
        for (String name : List.of("dev", "etc", "tmp", "run", "var/spool", "var/mail")) {
            Files.createDirectories(folder.resolve(name));
        }
        // programs hold /run and /var/run for the same
        if (!Files.exists(folder.resolve("var/run"))) {
            Files.createSymbolicLink(folder.resolve("var/run"), Path.of("../run"));
        }
        permissions(folder, "rwxr-xr-x");
        permissions(folder.resolve("tmp"), "rwxrwxrwx");
        root.write("etc/hosts", "127.0.0.1 localhost\n");
        root.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n" + String.join("\n", users)
                + "\n");
        var groups = new StringBuilder("root:x:0:\nmail:x:8:\n");
        users.stream().map(u -> u.split(":"))
                .forEach(u -> groups.append(u[0]).append(":x:").append(u[3]).append(":\n"));
        root.write("etc/group", groups.toString());
        return root;
    }

    private static void permissions(Path file, String mode) throws IOException {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
    }

    void write(String file, String content) throws IOException {
        Path target = path.resolve(file);
        Files.createDirectories(target.getParent());
        Files.writeString(target, content);
    }

    /** Makes a folder of a user of this root. */
    void folder(String name, int user) throws IOException {
        own(Files.createDirectories(path.resolve(name)), user);
    }

    /** Makes /etc/cert.pem and /etc/key.pem, which only that user can read. */
    void certificate(String host, int user) throws IOException, InterruptedException {
        Path key = path.resolve("etc/key.pem");
        PeerReceiver.certificate(host, key, path.resolve("etc/cert.pem"));
        permissions(key, "rw-------");
        own(key, user);
    }

    private static void own(Path file, int user) throws IOException {
        Files.setAttribute(file, "unix:uid", user);
        Files.setAttribute(file, "unix:gid", user);
    }

    Path path() {
        return path;
    }

    /** Starts the program, which must stay in the foreground. */
    void start(String... command) throws IOException {
        String[] all = Stream.concat(Stream.of("--mount", "sh", "-c", ENTER, path.toString()),
                Stream.of(command)).toArray(String[]::new);
        process = PeerProgram.of("unshare", "util-linux").start(path.resolve("output"), all);
    }

    boolean alive() {
        return process != null && process.isAlive();
    }

    String output() throws IOException {
        return Files.readString(path.resolve("output"), StandardCharsets.ISO_8859_1);
    }

    /** Ends the program and every process it started. */
    @Override
    public void close() {
        Process running = process;
        if (running == null) {
            return;
        }
        List<ProcessHandle> all = Stream.concat(Stream.of(running.toHandle()),
                running.descendants()).toList();
        running.destroy();
        for (ProcessHandle each : all) {
            try {
                each.onExit().get(STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            } catch (TimeoutException | ExecutionException stays) {
                each.destroyForcibly();
                each.onExit().join();
            } catch (InterruptedException interrupted) {
                each.destroyForcibly();
                Thread.currentThread().interrupt();
            }
        }
    }
}
