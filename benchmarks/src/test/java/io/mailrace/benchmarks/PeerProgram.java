// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Somebody else's program, from a Debian package. Without it the test is skipped and says so. */
record PeerProgram(Path file) {
    /** Debian's folders, in this order: a version manager's shim must not come first. */
    private static final List<String> FOLDERS = List.of("/usr/bin", "/usr/sbin", "/bin", "/sbin",
            "/usr/lib/postfix/sbin");

    static PeerProgram of(String name, String debianPackage) {
        Optional<Path> file = Stream.of(FOLDERS.toArray(String[]::new))
                .map(folder -> Path.of(folder, name)).filter(Files::isExecutable).findFirst();
        assumeTrue(file.isPresent(), "skipped: install " + debianPackage);
        return new PeerProgram(file.orElseThrow());
    }

    /** Runs to its end; the output must be small. */
    String run(Duration limit, String... arguments) throws IOException, InterruptedException {
        Path output = Files.createTempFile("peer-", ".out");
        try {
            Process process = start(output, arguments);
            boolean ended = process.waitFor(limit.toSeconds(), TimeUnit.SECONDS);
            if (!ended) {
                process.destroyForcibly().waitFor();
            }
            String said = Files.readString(output, StandardCharsets.ISO_8859_1);
            assertThat(ended).describedAs("%s ends in time: %s", file, said).isTrue();
            assertThat(process.exitValue()).describedAs("%s: %s", file, said).isZero();
            return said;
        } finally {
            Files.delete(output);
        }
    }

    /** Starts; the caller ends it. */
    Process start(Path output, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(file.toString()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(output.toFile()).start();
    }
}
