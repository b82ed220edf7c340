// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Set;

/**
 * What was found on a message that was taken in. Immutable.
 *
 * @param mode that held for it
 * @param findings rules it broke as it came
 * @param fixed those of them it does not break any more
 */
public record LintReport(LintMode mode, Set<LintRule> findings, Set<LintRule> fixed) {
    public static final LintReport NONE = new LintReport(LintMode.OFF, Set.of(), Set.of());
}
