// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.NextTry;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import java.time.Duration;
import java.util.Optional;

/**
 * What one refusal means.
 *
 * @param rule the rule that says so; empty when only the RFCs do
 * @param source {@code provider/rule}, or what in the RFCs; for events and people
 * @param fails whether the mail bounces
 * @param retryAfter the next attempt is not before that
 */
record Ruling(ReplyClass category, Optional<ReplyRule> rule, String source, boolean fails,
        Duration retryAfter) {

    static Ruling of(String provider, ReplyRule rule, SmtpReply reply) {
        return new Ruling(rule.category(), Optional.of(rule), provider + "/" + rule.name(),
                rule.fails(reply), rule.retryAfter());
    }

    /** By code and enhanced status alone (RFC 5321 4.2, RFC 3463, RFC 5248, RFC 7372, RFC 7504). */
    static Ruling standard(Stage stage, SmtpReply reply) {
        boolean fails = ReplyClassifier.failureOf(stage,
                reply) == ReplyClassifier.Failure.PERMANENT;
        return new Ruling(StandardReplies.classOf(stage, reply), Optional.empty(), "", fails,
                Duration.ZERO);
    }

    /** Of something that went wrong without the peer saying so. */
    static Ruling ours(ReplyClassifier.Failure failure) {
        ReplyClass category = switch (failure) {
            case LOST, TIMEOUT, CLOSING -> ReplyClass.NETWORK;
            case GARBAGE, OUT_OF_STEP -> ReplyClass.PROTOCOL;
            case LOCAL -> ReplyClass.LOCAL;
            case TRANSIENT, PERMANENT -> ReplyClass.UNKNOWN;
        };
        return new Ruling(category, Optional.empty(), "", false, Duration.ZERO);
    }

    Cause cause() {
        return new Cause(category, source);
    }

    /** What becomes of a recipient it is about. */
    Disposition disposition(SmtpReply reply) {
        return fails ? new Disposition.Bounced(reply, cause())
                : new Disposition.Deferred(reply, false, NextTry.notBefore(retryAfter), cause());
    }

    boolean does(RuleAction action) {
        return rule.filter(one -> one.actions().contains(action)).isPresent();
    }
}
