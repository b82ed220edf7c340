// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ConfigReader;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Section {@code spool}: see {@code reference.conf} for what each value means.
 *
 * @param maxSize bytes, 0 for no limit of its own
 */
public record SpoolConfig(Path path, Durability durability, Duration asyncSyncInterval,
        long maxSize, long minFree, long writeBuffer, long blockCache, long freshCache,
        Events events) {

    /** When a message counts as being on disk. */
    public enum Durability {
        SYNC, ASYNC
    }

    /** Retention of the journal. */
    public record Events(Duration maxAge, long maxCount) {
        static Events from(ConfigReader reader) {
            return new Events(reader.duration("max-age", Duration.ofMinutes(1),
                    Duration.ofDays(3650)), reader.integer("max-count", 1000, Integer.MAX_VALUE));
        }
    }

    public SpoolConfig {
        if (path.toString().isEmpty()) {
            throw new IllegalArgumentException("path must name a directory");
        }
        if (maxSize != 0 && maxSize < 1L << 20) {
            throw new IllegalArgumentException("max-size must be 0 or at least 1m");
        }
    }

    static SpoolConfig from(ConfigReader reader) {
        Path path = Path.of(reader.string("path"));
        Durability durability = reader.choice("durability", Durability.class);
        Duration interval = reader.duration("async-sync-interval", Duration.ofMillis(1),
                Duration.ofSeconds(10));
        long maxSize = reader.bytes("max-size", 0, 1L << 50);
        long minFree = reader.bytes("min-free", 0, 1L << 50);
        long writeBuffer = reader.bytes("write-buffer", 1L << 20, 1L << 30);
        long blockCache = reader.bytes("block-cache", 1L << 20, 1L << 34);
        long freshCache = reader.bytes("fresh-cache", 0, 1L << 34);
        Events events = Events.from(reader.section("events"));
        return reader.build(() -> new SpoolConfig(path, durability, interval, maxSize, minFree,
                writeBuffer, blockCache, freshCache, events))
                .orElseGet(() -> new SpoolConfig(Path.of("spool"), durability, interval, 0, minFree,
                        writeBuffer, blockCache, freshCache, events));
    }
}
