// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigSource;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The option {@code --config} of every command that reads the configuration. */
final class ConfigOption {
    private static final String DEFAULT = "/etc/mailrace/mailrace.conf";

    @Option(names = "--config", paramLabel = "FILE", defaultValue = DEFAULT, description = {
            "Configuration file (default: ${DEFAULT-VALUE})."})
    Path file = Path.of("");

    /**
     * The file, for commands after which mail would flow.
     *
     * @throws Missing when nobody has made one yet, with the next step
     */
    Path existing() {
        if (Files.notExists(file)) {
            throw new Missing(file + " does not exist: \"mailrace init\" makes a first one");
        }
        return file;
    }

    /** There is no such file. */
    static final class Missing extends StartException {
        private static final long serialVersionUID = 1L;

        Missing(String message) {
            super(message);
        }
    }

    /** The file, or the defaults alone when there is no such file: for commands that only ask. */
    ConfigSource sourceOrDefaults() {
        return Files.exists(file) ? ConfigSource.ofFile(file) : ConfigSource.ofText("");
    }
}
