// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/**
 * Why mail was deferred or bounced.
 *
 * @param category what the reply was about
 * @param rule the rule that said so, as {@code provider/rule}; empty when only the RFCs do
 */
public record Cause(ReplyClass category, String rule) {
    public static final Cause UNKNOWN = new Cause(ReplyClass.UNKNOWN, "");

    public static Cause of(ReplyClass category) {
        return new Cause(category, "");
    }
}
