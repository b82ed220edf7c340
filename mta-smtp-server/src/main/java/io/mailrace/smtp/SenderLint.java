// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static io.mailrace.core.LintRule.BCC_REPEATED;
import static io.mailrace.core.LintRule.BROKEN_HEADER;
import static io.mailrace.core.LintRule.CC_REPEATED;
import static io.mailrace.core.LintRule.CONTROL_UNKNOWN;
import static io.mailrace.core.LintRule.CONTROL_VALUE;
import static io.mailrace.core.LintRule.DATE_MISSING;
import static io.mailrace.core.LintRule.DATE_REPEATED;
import static io.mailrace.core.LintRule.EIGHT_BIT_BODY;
import static io.mailrace.core.LintRule.EIGHT_BIT_HEADER;
import static io.mailrace.core.LintRule.FEEDBACK_ID_FORM;
import static io.mailrace.core.LintRule.FEEDBACK_ID_REPEATED;
import static io.mailrace.core.LintRule.FEEDBACK_ID_UNSIGNED;
import static io.mailrace.core.LintRule.FROM_MISSING;
import static io.mailrace.core.LintRule.FROM_NO_ADDRESS;
import static io.mailrace.core.LintRule.FROM_REPEATED;
import static io.mailrace.core.LintRule.FROM_UNSIGNED;
import static io.mailrace.core.LintRule.IN_REPLY_TO_REPEATED;
import static io.mailrace.core.LintRule.LONG_LINE;
import static io.mailrace.core.LintRule.MESSAGE_ID_FORM;
import static io.mailrace.core.LintRule.MESSAGE_ID_MISSING;
import static io.mailrace.core.LintRule.MESSAGE_ID_REPEATED;
import static io.mailrace.core.LintRule.REFERENCES_REPEATED;
import static io.mailrace.core.LintRule.REPLY_TO_REPEATED;
import static io.mailrace.core.LintRule.SENDER_REPEATED;
import static io.mailrace.core.LintRule.SIGNED_ALREADY;
import static io.mailrace.core.LintRule.SUBJECT_REPEATED;
import static io.mailrace.core.LintRule.TO_REPEATED;
import static io.mailrace.core.LintRule.UNSUBSCRIBE_MISSING;
import static io.mailrace.core.LintRule.UNSUBSCRIBE_POST;
import static io.mailrace.core.LintRule.UNSUBSCRIBE_UNSIGNED;

import io.mailrace.core.Ascii;
import io.mailrace.core.LintMode;
import io.mailrace.core.LintReport;
import io.mailrace.core.LintRule;
import io.mailrace.core.SigningFacts;
import io.mailrace.core.SmtpReply;
import io.mailrace.queue.LintPolicy;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * Holds one message to the rules for senders, as it will leave: after control fields were taken out
 * and the header edits of its routes were made. Knows nothing of the protocol it came by. Confined
 * to whoever takes the message in.
 */
final class SenderLint {
    static final String ONE_CLICK = "List-Unsubscribe=One-Click";
    private static final KnownField[] SINGLE = {KnownField.FROM, KnownField.DATE,
            KnownField.MESSAGE_ID, KnownField.TO, KnownField.CC, KnownField.BCC,
            KnownField.SUBJECT, KnownField.REPLY_TO, KnownField.SENDER, KnownField.IN_REPLY_TO,
            KnownField.REFERENCES, KnownField.FEEDBACK_ID};
    /** Of each of these, in the same order. */
    private static final LintRule[] REPEATED = {FROM_REPEATED, DATE_REPEATED,
            MESSAGE_ID_REPEATED, TO_REPEATED, CC_REPEATED, BCC_REPEATED, SUBJECT_REPEATED,
            REPLY_TO_REPEATED, SENDER_REPEATED, IN_REPLY_TO_REPEATED, REFERENCES_REPEATED,
            FEEDBACK_ID_REPEATED};
    private static final byte[] EIGHT_BIT = ascii("8bit");
    private static final byte[] BINARY = ascii("binary");
    private static final byte[] MULTIPART = ascii("multipart/");
    private static final byte[] MESSAGE = ascii("message/");
    private static final int MIN_SENDER_ID = 5;
    private static final int MAX_SENDER_ID = 15;
    private static final int MAX_FEEDBACK_PARTS = 4;

    private final LintPolicy policy;
    private final SigningFacts signing;
    private final Set<LintRule> findings = EnumSet.noneOf(LintRule.class);
    private final Set<LintRule> fixed = EnumSet.noneOf(LintRule.class);
    private boolean declaresEightBit;
    /** Fields somebody vouches for as they are: whatever is changed of them breaks that. */
    private Set<String> signedBefore = Set.of();

    SenderLint(LintPolicy policy, SigningFacts signing) {
        this.policy = policy;
        this.signing = signing;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    boolean looks() {
        return policy.mode() != LintMode.OFF;
    }

    /** Notes a finding; true when it is to be mended now. */
    boolean found(LintRule rule) {
        if (!noted(rule) || policy.mode() != LintMode.FIX || !rule.fixable()) {
            return false;
        }
        if (rule != FROM_REPEATED && signedBefore.contains(fieldOf(rule))) {
            // two From fields are refused nearly everywhere, and show a reader the wrong one
            noted(SIGNED_ALREADY);
            return false;
        }
        return fixed.add(rule);
    }

    /** The field that mending adds, takes out or replaces, in lower case; else empty. */
    private static String fieldOf(LintRule rule) {
        for (int i = 0; i < REPEATED.length; i++) {
            if (REPEATED[i] == rule) {
                return SINGLE[i].word();
            }
        }
        return rule == DATE_MISSING ? KnownField.DATE.word()
                : rule == MESSAGE_ID_MISSING ? KnownField.MESSAGE_ID.word()
                        : rule == UNSUBSCRIBE_POST ? KnownField.LIST_UNSUBSCRIBE_POST.word()
                                : "";
    }

    private boolean noted(LintRule rule) {
        if (!looks() || policy.ignore().contains(rule)) {
            return false;
        }
        findings.add(rule);
        return true;
    }

    /** Notes what was wrong and is mended whatever the mode. */
    private void foundAndMended(LintRule rule) {
        if (noted(rule)) {
            fixed.add(rule);
        }
    }

    /** First of all: what of the header is signed, and what it said to us. */
    void begin(MessageHeader header, ControlValues controls) {
        if (policy.mode() == LintMode.FIX && header.has(KnownField.DKIM_SIGNATURE)) {
            signedBefore = header.signedFields();
        }
        if (controls.unknown()) {
            foundAndMended(CONTROL_UNKNOWN);
        }
        if (controls.unfit()) {
            foundAndMended(CONTROL_VALUE);
        }
    }

    /** Takes out what is there too often, so that what is looked at next is what is sent. */
    void repeated(MessageHeader header) {
        for (int i = 0; i < SINGLE.length; i++) {
            if (header.count(SINGLE[i]) > 1 && found(REPEATED[i])) {
                header.keepFirst(SINGLE[i]);
            }
        }
    }

    /**
     * Looks at what the header says.
     *
     * @param fromDomain of the author, empty when there is none
     * @param messageId the value
     * @param bulk it travels in the bulk lane
     * @param smtputf8 the client asked for it
     */
    void header(MessageHeader header, boolean brokenOff, String fromDomain, String messageId,
            boolean bulk, boolean smtputf8) {
        if (brokenOff) {
            foundAndMended(BROKEN_HEADER);
        }
        if (!header.has(KnownField.FROM)) {
            found(FROM_MISSING);
        } else if (fromDomain.isEmpty()) {
            found(FROM_NO_ADDRESS);
        }
        if (header.has(KnownField.MESSAGE_ID) && !isMessageId(messageId)) {
            found(MESSAGE_ID_FORM);
        }
        if (header.eightBit() && !smtputf8) {
            found(EIGHT_BIT_HEADER);
        }
        boolean signed = !fromDomain.isEmpty() && signing.signsAny() && signing.signs(fromDomain);
        if (!signed && !fromDomain.isEmpty() && signing.signsAny()
                && !header.has(KnownField.DKIM_SIGNATURE)) {
            found(FROM_UNSIGNED);
        }
        if (bulk) {
            oneClick(header, signed);
        }
        if (header.has(KnownField.FEEDBACK_ID)) {
            feedbackId(header.text(KnownField.FEEDBACK_ID), signed);
        }
        declaresEightBit = header.has(KnownField.MIME_VERSION) && (header.begins(
                KnownField.CONTENT_TRANSFER_ENCODING, EIGHT_BIT)
                || header.begins(KnownField.CONTENT_TRANSFER_ENCODING, BINARY)
                || header.begins(KnownField.CONTENT_TYPE, MULTIPART)
                || header.begins(KnownField.CONTENT_TYPE, MESSAGE));
    }

    /** RFC 8058: an https address, the exact Post field, both signed. */
    private void oneClick(MessageHeader header, boolean signed) {
        boolean https = hasHttps(header.text(KnownField.LIST_UNSUBSCRIBE));
        if (!https) {
            found(UNSUBSCRIBE_MISSING);
        }
        boolean post = header.count(KnownField.LIST_UNSUBSCRIBE_POST) == 1
                && header.text(KnownField.LIST_UNSUBSCRIBE_POST).equals(ONE_CLICK);
        if (!post && found(UNSUBSCRIBE_POST)) {
            if (https) {
                header.removeAll(KnownField.LIST_UNSUBSCRIBE_POST);
                header.add("List-Unsubscribe-Post", ONE_CLICK);
            } else {
                fixed.remove(UNSUBSCRIBE_POST);
            }
        }
        if (https && signed && !(signing.covers(KnownField.LIST_UNSUBSCRIBE.word())
                && signing.covers(KnownField.LIST_UNSUBSCRIBE_POST.word()))) {
            found(UNSUBSCRIBE_UNSIGNED);
        }
    }

    private static boolean hasHttps(String value) {
        int at = value.indexOf('<');
        while (at >= 0) {
            if (Ascii.startsWithIgnoreCase(value.substring(at + 1).stripLeading(), "https://")) {
                return true;
            }
            at = value.indexOf('<', at + 1);
        }
        return false;
    }

    private void feedbackId(String value, boolean signed) {
        int parts = 1 + (int) value.chars().filter(c -> c == ':').count();
        String senderId = value.substring(value.lastIndexOf(':') + 1).strip();
        if (parts > MAX_FEEDBACK_PARTS || senderId.length() < MIN_SENDER_ID
                || senderId.length() > MAX_SENDER_ID) {
            found(FEEDBACK_ID_FORM);
        }
        if (signed && !signing.covers(KnownField.FEEDBACK_ID.word())) {
            found(FEEDBACK_ID_UNSIGNED);
        }
    }

    /** RFC 5322 3.6.4, without comments, which nobody writes there. */
    private static boolean isMessageId(String value) {
        int last = value.length() - 1;
        int sign = value.indexOf('@');
        if (sign < 2 || sign >= last - 1 || value.charAt(0) != '<' || value.charAt(last) != '>') {
            return false;
        }
        for (int i = 1; i < last; i++) {
            char c = value.charAt(i);
            if (c <= ' ' || c == '<' || c == '>') {
                return false;
            }
        }
        return true;
    }

    /** What is known of the body when it has come. */
    void body(boolean eightBit, boolean longLine) {
        if (eightBit && !declaresEightBit) {
            found(EIGHT_BIT_BODY);
        }
        if (longLine) {
            found(LONG_LINE);
        }
    }

    /** Why the message is refused, as far as is known. */
    Optional<SmtpReply> refusal() {
        return policy.mode() != LintMode.REJECT || findings.isEmpty()
                ? Optional.empty()
                : Optional.of(Replies.breaksRule(findings.iterator().next()));
    }

    Set<LintRule> findings() {
        return Collections.unmodifiableSet(findings);
    }

    LintReport report() {
        return findings.isEmpty()
                ? LintReport.NONE
                : new LintReport(policy.mode(), findings(), Collections.unmodifiableSet(fixed));
    }
}
