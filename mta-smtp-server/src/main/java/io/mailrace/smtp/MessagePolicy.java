// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.LintRule;
import io.mailrace.core.SigningFacts;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What every message is held to, whoever brings it. Any thread.
 *
 * @param hostname our name, in Message-IDs
 * @param pools those that exist
 * @param found counts findings
 */
record MessagePolicy(SubmissionConfig limits, String hostname, SigningFacts signing,
        Set<String> pools, Consumer<LintRule> found) {
    MessagePolicy {
        pools = Set.copyOf(pools);
    }
}
