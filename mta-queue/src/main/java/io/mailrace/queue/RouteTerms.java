// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/**
 * What the routes a message will take ask of it as it comes in. Immutable.
 *
 * @param bulk some recipient is served in the bulk lane
 * @param lint the strictest of all routes
 * @param edits what is removed by any of the routes, and what all of them add
 * @param editsDiffer the routes add different fields: one content cannot have them all
 */
public record RouteTerms(boolean bulk, LintPolicy lint, HeaderEdits edits, boolean editsDiffer) {
    /** Nothing is asked. */
    public static final RouteTerms NONE = new RouteTerms(false, LintPolicy.OFF, HeaderEdits.NONE,
            false);

    RouteTerms and(RouteTerms other) {
        return new RouteTerms(bulk || other.bulk, lint.and(other.lint), edits.and(other.edits),
                editsDiffer || other.editsDiffer || !edits.add().equals(other.edits.add()));
    }
}
