// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ConfigReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * Section {@code spool}: see {@code reference.conf} for what each value means.
 *
 * @param maxSize bytes, 0 for no limit of its own
 * @param stallLimit how long the disk may not answer a write before new mail is refused
 * @param encryptionKeyFile contents are encrypted with its first key; empty: they are not
 */
public record SpoolConfig(Path path, Durability durability, Duration asyncSyncInterval,
        long maxSize, long minFree, long minFreeInodes, Duration stallLimit, long writeBuffer,
        long blockCache, long freshCache, Events events,
        Keep keep, Optional<Path> encryptionKeyFile) {

    /** When a message counts as being on disk. */
    public enum Durability {
        SYNC, ASYNC
    }

    /** Retention of the journal: whatever comes first. */
    public record Events(Duration maxAge, long maxCount, long maxSize) {
        static Events from(ConfigReader reader) {
            return new Events(reader.duration("max-age", Duration.ofMinutes(1),
                    Duration.ofDays(3650)), reader.integer("max-count", 1000, Integer.MAX_VALUE),
                    reader.bytes("max-size", 1L << 20, 1L << 50));
        }
    }

    /**
     * Contents of settled mail kept for support.
     *
     * @param contentFor zero: none
     * @param maxSize bytes; beyond it the oldest go first
     */
    public record Keep(Duration contentFor, long maxSize) {
        static Keep from(ConfigReader reader) {
            return new Keep(reader.duration("content-for", Duration.ZERO, Duration.ofDays(90)),
                    reader.bytes("max-size", 1L << 20, 1L << 50));
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
        long minInodes = reader.integer("min-free-inodes", 0, Integer.MAX_VALUE);
        Duration stall = reader.duration("stall-limit", Duration.ofSeconds(1),
                Duration.ofMinutes(10));
        long writeBuffer = reader.bytes("write-buffer", 1L << 20, 1L << 30);
        long blockCache = reader.bytes("block-cache", 1L << 20, 1L << 34);
        long freshCache = reader.bytes("fresh-cache", 0, 1L << 34);
        Events events = Events.from(reader.section("events"));
        Keep keep = Keep.from(reader.section("keep"));
        String keyFile = reader.string("encryption-key-file");
        Optional<Path> encryption = keyFile.isEmpty()
                ? Optional.empty()
                : Optional.of(Path.of(keyFile));
        return reader.build(() -> new SpoolConfig(path, durability, interval, maxSize,
                minFree, minInodes, stall, writeBuffer, blockCache, freshCache, events, keep,
                encryption))
                .orElseGet(() -> new SpoolConfig(Path.of("spool"), durability, interval, 0,
                        minFree, minInodes, stall, writeBuffer, blockCache, freshCache, events,
                        keep, encryption));
    }
}
