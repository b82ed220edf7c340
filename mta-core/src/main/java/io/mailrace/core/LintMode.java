// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Locale;
import java.util.Optional;

/** What is done about a message that breaks a {@link LintRule}; the mildest first. */
public enum LintMode {
    /** Nobody looks. */
    OFF,
    /** It is taken, counted, and told in the journal. */
    WARN,
    /** What can be mended is mended; the rest is told. */
    FIX,
    /** It is refused, with the rule in the reply. */
    REJECT;

    /** The word used in config and in the journal. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    public static Optional<LintMode> ofWord(String word) {
        for (LintMode mode : values()) {
            if (mode.word().equals(word)) {
                return Optional.of(mode);
            }
        }
        return Optional.empty();
    }

    /** The stricter of both. */
    public LintMode and(LintMode other) {
        return compareTo(other) < 0 ? other : this;
    }
}
