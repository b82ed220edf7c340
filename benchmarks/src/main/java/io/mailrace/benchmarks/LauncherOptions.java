// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.BenchRig.Launch;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What the launcher gives the JVM of a daemon or a command, so that what is measured here is what
 * is shipped. The file beside this class says it of daemons for all, {@code benchmarks/run}
 * included. Without the start-up archive, which belongs to other jars: whoever measures warms up.
 */
final class LauncherOptions {
    static final List<String> DAEMON = read();
    /** Of a command, which is short: only the quick compiler works. */
    static final List<String> COMMAND = List.of("--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=deny", "-XX:+UseCompactObjectHeaders",
            "-XX:+UseSerialGC", "-Xmx256m", "-XX:+ExitOnOutOfMemoryError", "-XX:MetaspaceSize=64m",
            "-XX:TieredStopAtLevel=1");

    private LauncherOptions() {}

    /** The relay as it is shipped. */
    static Launch relay() {
        return Launch.PLAIN.with(DAEMON);
    }

    private static List<String> read() {
        try (InputStream in = LauncherOptions.class.getResourceAsStream("launcher.options")) {
            if (in == null) {
                throw new IllegalStateException("launcher.options is missing");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines()
                    .filter(line -> line.startsWith("-")).toList();
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
    }
}
