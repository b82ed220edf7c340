// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;

/** Paths from config files. */
final class Paths {
    private Paths() {}

    /** The path; empty for an empty text or one the file system cannot name. */
    static Optional<Path> parse(String text) {
        try {
            return text.isBlank() ? Optional.empty() : Optional.of(Path.of(text));
        } catch (InvalidPathException notAPath) {
            return Optional.empty();
        }
    }
}
