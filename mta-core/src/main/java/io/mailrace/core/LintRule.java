// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Locale;

/**
 * A rule for senders that can be checked while a message is taken in. What each receiver does about
 * it stands in {@code config/lint.md}; the words are part of configurations and of the journal, so
 * they are never changed.
 */
public enum LintRule {
    BROKEN_HEADER("the header ends at a line that is no field", "RFC 5322 2.2", true),
    FROM_MISSING("there is no From field", "Google, Microsoft 365, RFC 5322 3.6", false),
    FROM_REPEATED("there is more than one From field", "Google, RFC 5322 3.6", true),
    FROM_NO_ADDRESS("From names no address with a domain", "Google, Yahoo, RFC 5322 3.6.2", false),
    DATE_MISSING("there is no Date field", "RFC 5322 3.6", true),
    DATE_REPEATED("there is more than one Date field", "Google, RFC 5322 3.6", true),
    MESSAGE_ID_MISSING("there is no Message-ID field", "Google", true),
    MESSAGE_ID_REPEATED("there is more than one Message-ID field", "Google, RFC 5322 3.6", true),
    MESSAGE_ID_FORM("Message-ID is not <left@right>", "Google, RFC 5322 3.6.4", false),
    TO_REPEATED("there is more than one To field", "Google, RFC 5322 3.6", true),
    CC_REPEATED("there is more than one Cc field", "Google, RFC 5322 3.6", true),
    BCC_REPEATED("there is more than one Bcc field", "Google, RFC 5322 3.6", true),
    SUBJECT_REPEATED("there is more than one Subject field", "Google, RFC 5322 3.6", true),
    REPLY_TO_REPEATED("there is more than one Reply-To field", "Google, RFC 5322 3.6", true),
    SENDER_REPEATED("there is more than one Sender field", "Google, RFC 5322 3.6", true),
    IN_REPLY_TO_REPEATED("there is more than one In-Reply-To field", "Google, RFC 5322 3.6",
            true),
    REFERENCES_REPEATED("there is more than one References field", "Google, RFC 5322 3.6", true),
    FROM_UNSIGNED("we hold no DKIM key for the domain in From",
            "Google, Yahoo, Microsoft, Apple", false),
    UNSUBSCRIBE_MISSING("bulk mail has no List-Unsubscribe with an https address",
            "Google, Yahoo, RFC 8058", false),
    UNSUBSCRIBE_POST("bulk mail has no List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Google, Yahoo, RFC 8058", true),
    UNSUBSCRIBE_UNSIGNED("the DKIM signature does not cover the List-Unsubscribe pair",
            "Google, Yahoo, RFC 8058 4", false),
    FEEDBACK_ID_REPEATED("there is more than one Feedback-ID field", "Google", true),
    FEEDBACK_ID_FORM("Feedback-ID is not a:b:c:SenderId with 5 to 15 characters at its end",
            "Google", false),
    FEEDBACK_ID_UNSIGNED("the DKIM signature does not cover Feedback-ID", "Google", false),
    EIGHT_BIT_HEADER("the header has octets above 127 and SMTPUTF8 was not asked for",
            "RFC 5322 2.2, RFC 6531", false),
    EIGHT_BIT_BODY("the body has octets above 127 and the header does not declare them",
            "RFC 2045 2.8, RFC 6152", false),
    LONG_LINE("a line is longer than 998 octets", "RFC 5322 2.1.1", false),
    CONTROL_UNKNOWN("an X-Mailrace- field is none we know", "Mailrace", true),
    CONTROL_VALUE("an X-Mailrace- field has a value that means nothing", "Mailrace", true),
    SIGNED_ALREADY("a DKIM-Signature came with it, which mending could break", "RFC 6376 6",
            false);

    private final String sentence;
    private final String source;
    private final boolean fixable;
    private final String word = name().toLowerCase(Locale.ROOT).replace('_', '-');

    LintRule(String sentence, String source, boolean fixable) {
        this.sentence = sentence;
        this.source = source;
        this.fixable = fixable;
    }

    /** How it is called in config, journal and metrics. */
    public String word() {
        return word;
    }

    /** What is wrong with a message that breaks it. */
    public String sentence() {
        return sentence;
    }

    /** Whose rule it is. */
    public String source() {
        return source;
    }

    /** Whether {@link LintMode#FIX} mends it. */
    public boolean fixable() {
        return fixable;
    }

    /** Whether it is about who may send what, not about the form of a message. */
    public boolean isPolicy() {
        return switch (this) {
            case FROM_UNSIGNED, UNSUBSCRIBE_MISSING, UNSUBSCRIBE_POST, UNSUBSCRIBE_UNSIGNED,
                    FEEDBACK_ID_REPEATED, FEEDBACK_ID_FORM, FEEDBACK_ID_UNSIGNED ->
                true;
            case BROKEN_HEADER, FROM_MISSING, FROM_REPEATED, FROM_NO_ADDRESS, DATE_MISSING,
                    DATE_REPEATED, MESSAGE_ID_MISSING, MESSAGE_ID_REPEATED, MESSAGE_ID_FORM,
                    TO_REPEATED, CC_REPEATED, BCC_REPEATED, SUBJECT_REPEATED, REPLY_TO_REPEATED,
                    SENDER_REPEATED, IN_REPLY_TO_REPEATED, REFERENCES_REPEATED, EIGHT_BIT_HEADER,
                    EIGHT_BIT_BODY, LONG_LINE, CONTROL_UNKNOWN, CONTROL_VALUE, SIGNED_ALREADY ->
                false;
        };
    }
}
