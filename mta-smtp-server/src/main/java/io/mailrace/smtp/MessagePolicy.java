// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.LintRule;
import io.mailrace.core.SigningFacts;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * What every message is held to, whoever brings it. Any thread.
 *
 * @param hostname our name, in Message-IDs
 * @param pools those that exist
 * @param found counts findings
 * @param tenantFull whether this tenant has as much waiting as one may
 */
record MessagePolicy(SubmissionConfig limits, String hostname, SigningFacts signing,
        Set<String> pools, Consumer<LintRule> found, Predicate<String> tenantFull) {
    MessagePolicy {
        pools = Set.copyOf(pools);
    }
}
