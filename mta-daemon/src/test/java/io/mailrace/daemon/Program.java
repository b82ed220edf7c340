// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A program that ran to its end, within {@value #LIMIT_SECONDS} s.
 *
 * @param output standard output and error together
 */
record Program(int exit, String output) {
    private static final int LIMIT_SECONDS = 60;
    /** The working tree: what is shipped is tested from there. */
    static final Path ROOT = Path.of(System.getProperty("mailrace.root"));

    /** Whether somebody installed it: a test of a program that is not here is skipped. */
    static boolean isInstalled(String name) {
        for (String folder : System.getenv().getOrDefault("PATH", "").split(":")) {
            if (Files.isExecutable(Path.of(folder, name))) {
                return true;
            }
        }
        return false;
    }

    static Program run(List<String> command, Map<String, String> environment)
            throws IOException, InterruptedException {
        Path output = Files.createTempFile("program", ".out");
        try {
            ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true)
                    .redirectOutput(output.toFile());
            builder.environment().putAll(environment);
            Process process = builder.start();
            process.getOutputStream().close();
            if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException(command + " does not end");
            }
            return new Program(process.exitValue(),
                    Files.readString(output, StandardCharsets.UTF_8));
        } finally {
            Files.delete(output);
        }
    }

    static Program run(String... command) throws IOException, InterruptedException {
        return run(List.of(command), Map.of());
    }
}
