// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.ConfigReader;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Bounds on what clients may do, the same for every listener. Each key is explained in
 * {@code reference.conf}.
 *
 * @param controlHeaders what every sender may say about the way of its mail
 * @param minRate octets each second, on average, once a message has run for a while
 */
public record SubmissionConfig(long maxSize, int maxRecipients, boolean addMissingHeaders,
        boolean refuseLongLines, boolean binarymime, Set<ControlField> controlHeaders,
        long maxHeader, int maxReceived, int maxErrors, int maxJunk,
        Duration idleTimeout, Duration handshakeTimeout, long minRate, int maxConnections,
        int maxConnectionsPerAddress) {
    /** A header over 1 MB is not signed, and fields of our own are still to come. */
    private static final long MOST_HEADER = 768L << 10;
    /** Only stands in after a problem was noted: never used by a running server. */
    static final SubmissionConfig STAND_IN = new SubmissionConfig(1024, 1, true, false, false,
            Set.of(), 1024, 1, 1, 1, Duration.ofSeconds(1), Duration.ofSeconds(1), 0, 1, 1);

    public SubmissionConfig {
        if (maxConnectionsPerAddress > maxConnections) {
            throw new IllegalArgumentException(
                    "max-connections-per-address must not be larger than max-connections");
        }
        if (maxHeader > maxSize) {
            throw new IllegalArgumentException("max-header must not be larger than max-size");
        }
    }

    /** The same with no larger messages than that. */
    SubmissionConfig within(long size) {
        return size >= maxSize
                ? this
                : new SubmissionConfig(size, maxRecipients, addMissingHeaders, refuseLongLines,
                        binarymime, controlHeaders, Math.min(maxHeader, size), maxReceived,
                        maxErrors, maxJunk, idleTimeout, handshakeTimeout, minRate, maxConnections,
                        maxConnectionsPerAddress);
    }

    static Optional<SubmissionConfig> from(ConfigReader s) {
        long maxSize = s.bytes("max-size", 1024, 2L << 30);
        int maxRecipients = s.integer("max-recipients", 1, 10_000);
        boolean addMissingHeaders = s.flag("add-missing-headers");
        boolean refuseLongLines = s.flag("refuse-long-lines");
        boolean binarymime = s.flag("binarymime");
        List<ControlField> controls = s.choices("control-headers", ControlField.class);
        long maxHeader = s.bytes("max-header", 1024, MOST_HEADER);
        int maxReceived = s.integer("max-received", 1, 1000);
        int maxErrors = s.integer("max-errors", 1, 10_000);
        int maxJunk = s.integer("max-junk", 1, 100_000);
        Duration idle = s.duration("idle-timeout", Duration.ofMillis(50), Duration.ofHours(1));
        Duration handshake = s.duration("handshake-timeout", Duration.ofMillis(50),
                Duration.ofMinutes(5));
        long minRate = s.bytes("min-rate", 0, 1L << 30);
        int maxConnections = s.integer("max-connections", 1, 1_000_000);
        int perAddress = s.integer("max-connections-per-address", 1, 1_000_000);
        return s.build(() -> new SubmissionConfig(maxSize, maxRecipients, addMissingHeaders,
                refuseLongLines, binarymime, Set.copyOf(controls), maxHeader, maxReceived,
                maxErrors, maxJunk, idle, handshake, minRate, maxConnections, perAddress));
    }
}
