// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** A folder that goes away with all its files, unless it is to be kept. */
record TemporaryFolder(Path path, boolean keep) implements AutoCloseable {

    static TemporaryFolder make(boolean keep) throws IOException {
        return new TemporaryFolder(Files.createTempDirectory("mailrace-proof-"), keep);
    }

    @Override
    public void close() throws IOException {
        if (keep) {
            return;
        }
        try (Stream<Path> files = Files.walk(path)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
