// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ConfigReader;
import io.mailrace.core.LintMode;
import io.mailrace.core.LintRule;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * What is done about mail that breaks rules for senders: section {@code lint}, and what a route
 * says otherwise. Immutable.
 *
 * @param ignore rules that do not count
 */
public record LintPolicy(LintMode mode, Set<LintRule> ignore) {
    public static final LintPolicy OFF = new LintPolicy(LintMode.OFF, Set.of());

    public LintPolicy {
        ignore = ignore.isEmpty() ? Set.of() : Collections.unmodifiableSet(EnumSet.copyOf(ignore));
    }

    static LintPolicy from(ConfigReader section) {
        return new LintPolicy(section.choice("mode", LintMode.class),
                Set.copyOf(section.choices("ignore", LintRule.class)));
    }

    /** What a route says; what it does not say is as usual. */
    static LintPolicy from(ConfigReader section, LintPolicy usual) {
        return new LintPolicy(
                section.has("mode") ? section.choice("mode", LintMode.class) : usual.mode(),
                section.has("ignore")
                        ? Set.copyOf(section.choices("ignore", LintRule.class))
                        : usual.ignore());
    }

    /** The stricter of both, and strictly: only what both ignore is ignored. */
    LintPolicy and(LintPolicy other) {
        if (equals(other) || other.mode() == LintMode.OFF) {
            return this;
        }
        if (mode == LintMode.OFF) {
            return other;
        }
        Set<LintRule> both = EnumSet.noneOf(LintRule.class);
        both.addAll(ignore);
        both.retainAll(other.ignore());
        return new LintPolicy(mode.and(other.mode()), both);
    }
}
