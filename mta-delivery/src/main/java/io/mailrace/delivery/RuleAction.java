// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.Locale;

/** What a reply rule does to its scope, beside what it does to the mail at hand. */
enum RuleAction {
    /** No more than the rule's {@code rate} for a while. */
    SLOW,
    /** Half of the rate and of the connections it has now, for a while. */
    HALVE,
    /** One connection at most, for a while. */
    ONE_CONNECTION,
    /** Nothing is sent for a while; the mail is kept and no attempt counted. */
    SUSPEND,
    /** Nothing for a while, then one connection, then one more at a time. */
    RECOVER,
    /** Mail of the signing domain is kept at this provider for a while: nothing of it burns. */
    HOLD_DOMAIN,
    /** Only IPv4 is used from this source for a while. */
    DROP_IPV6,
    /** Fewer messages on one connection, for a while. */
    FEWER_MESSAGES,
    /** The recipients concerned go in a transaction of their own, at once. */
    SPLIT,
    /** The mail, if it is tried again, goes by another source of its pool the next time. */
    OTHER_SOURCE,
    /** The recipient gets no more mail until an operator removes it from the list. */
    SUPPRESS,
    /** People are told: a warning in the log, a metric, the event. */
    ALERT;

    /** As written in configuration. */
    String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
