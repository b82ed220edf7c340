// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Locale;
import java.util.Optional;

/**
 * What a reply is about: the bounce classes, for reports and for rules. It says nothing about
 * whether the mail is tried again; the code of the reply and the rule that matched do.
 */
public enum ReplyClass {
    /** Nothing to classify: the mail was taken. */
    NONE("the mail was taken"),
    UNKNOWN_USER("there is no such mailbox"),
    INACTIVE_MAILBOX("the mailbox is disabled or abandoned"),
    FULL_MAILBOX("the mailbox is full"),
    RECIPIENT_RATE("this recipient gets mail too quickly"),
    BAD_ADDRESS("the recipient's address is malformed"),
    BAD_SENDER("the sender's address or domain is not acceptable"),
    NO_MAIL_DOMAIN("the domain does not exist or takes no mail"),
    GREYLISTED("first contact is deferred on purpose"),
    THROTTLED("mail comes too fast"),
    CONNECTION_LIMIT("too many connections at once"),
    MESSAGE_LIMIT("too many messages on one connection"),
    RECIPIENT_LIMIT("too many recipients in one transaction"),
    TRANSACTION_MIX("these recipients cannot share a transaction"),
    REPUTATION("the reputation of address or domain is too low"),
    LIST_QUALITY("too many recipients that do not exist"),
    BLOCKED("the receiver blocks the sending address"),
    LISTED("the sending address is on a public block list"),
    AUTHENTICATION("SPF, DKIM or DMARC did not pass"),
    REVERSE_DNS("the sending address has no proper PTR record"),
    TLS_REQUIRED("the receiver insists on TLS"),
    POLICY("a rule of the receiver or of its customer"),
    CONTENT("the content is taken for spam or is not allowed"),
    FORMAT("the message is malformed"),
    TOO_LARGE("the message is too large"),
    DUPLICATE("the same message again and again"),
    LOOP("the message goes round in circles"),
    RELAYING("the host does not handle this domain"),
    UNSUPPORTED("the receiver lacks an extension the message needs"),
    HOST_REFUSES("the host takes no mail from us or from anybody"),
    SYSTEM("trouble on the receiver's side"),
    NETWORK("no connection, a lost one, or nobody answered in time"),
    PROTOCOL("what was said makes no sense in SMTP"),
    LOCAL("trouble on our side"),
    UNKNOWN("nobody knows what it means");

    private final String words;
    private final String word;

    ReplyClass(String words) {
        this.words = words;
        word = name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** As it is written in configuration, events and reports: {@code unknown-user}. */
    public String word() {
        return word;
    }

    /** Part of a sentence for people. */
    public String words() {
        return words;
    }

    public static Optional<ReplyClass> ofWord(String word) {
        for (ReplyClass one : values()) {
            if (one.word.equals(word)) {
                return Optional.of(one);
            }
        }
        return Optional.empty();
    }
}
