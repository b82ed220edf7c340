// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Locale;
import java.util.Optional;

/** Priority class of a message. The code is what stands on disk: never reuse or change one. */
public enum Lane {
    /** Password resets, codes, receipts: leaves first. */
    TRANSACTIONAL(0),
    /** What nobody classified. */
    DEFAULT(1),
    /** Campaigns: leaves last, but is never starved. */
    BULK(2);

    private static final int HIGH_PRIORITY = 4;

    private final int code;

    Lane(int code) {
        this.code = code;
    }

    /** The stored form, 0 to 255. */
    public int code() {
        return code;
    }

    /** The word used in config and on the command line. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static Optional<Lane> ofWord(String word) {
        for (Lane lane : values()) {
            if (lane.word().equals(word)) {
                return Optional.of(lane);
            }
        }
        return Optional.empty();
    }

    /**
     * What a priority of RFC 6710 means here. Those of its MIXER profile are -4, 0 and 4.
     *
     * @param priority from -9 to 9
     */
    public static Lane ofPriority(int priority) {
        if (priority >= HIGH_PRIORITY) {
            return TRANSACTIONAL;
        }
        return priority <= -HIGH_PRIORITY ? BULK : DEFAULT;
    }

    /** Reads the stored form. */
    public static Lane ofCode(int code) {
        for (Lane lane : values()) {
            if (lane.code == code) {
                return lane;
            }
        }
        throw new IllegalArgumentException("unknown lane code " + code);
    }
}
