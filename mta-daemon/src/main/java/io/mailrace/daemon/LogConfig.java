// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigReader;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The section {@code log}.
 *
 * @param level of the application log
 * @param events where the event log goes
 * @param eventsMaxSize bytes after which an event file is rotated
 * @param eventsMaxFiles rotated files kept
 */
record LogConfig(Level level, Events events, long eventsMaxSize, int eventsMaxFiles) {
    private static final long MIN_SIZE = 64 << 10;
    private static final long MAX_SIZE = 1L << 40;

    /** Levels of the application log. */
    enum Level {
        ERROR, WARN, INFO, DEBUG
    }

    /** Where the event log goes. */
    sealed interface Events {
        /** Nowhere. */
        record Off() implements Events {}

        /** Standard output. */
        record Stdout() implements Events {}

        /** A file with rotation. */
        record File(Path path) implements Events {}
    }

    LogConfig {
        if (eventsMaxSize < MIN_SIZE) {
            throw new IllegalArgumentException("events-max-size must be at least 64k");
        }
        if (eventsMaxFiles < 0) {
            throw new IllegalArgumentException("events-max-files must not be negative");
        }
    }

    static Optional<LogConfig> from(ConfigReader root) {
        ConfigReader log = root.section("log");
        Level level = log.choice("level", Level.class);
        Events events = log.parsed("events", "stdout, off or the absolute path of a file",
                new Events.Off(), LogConfig::parseEvents);
        long size = log.bytes("events-max-size", MIN_SIZE, MAX_SIZE);
        int files = log.integer("events-max-files", 0, 1000);
        return log.build(() -> new LogConfig(level, events, size, files));
    }

    /** Relative paths are refused: a misspelt "stdout" would become a file. */
    private static Optional<Events> parseEvents(String text) {
        return switch (text) {
            case "off" -> Optional.of(new Events.Off());
            case "stdout" -> Optional.of(new Events.Stdout());
            default -> Paths.parse(text).filter(Path::isAbsolute).map(Events.File::new);
        };
    }
}
