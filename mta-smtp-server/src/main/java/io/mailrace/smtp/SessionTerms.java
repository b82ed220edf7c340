// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/**
 * What the sessions of a listener have in common: where they come in, and their bounds. Immutable
 * but for the counters.
 *
 * @param share what the listener may take of the server
 * @param messages what messages are held to
 * @param accepted counts messages taken
 * @param loginFailed counts wrong passwords
 */
record SessionTerms(String hostname, String listenerName, ListenerConfig listener,
        ListenerShare share, MessagePolicy messages, MailDate dates, LongAdder accepted,
        LongAdder loginFailed) {

    SubmissionConfig limits() {
        return messages.limits();
    }

    /**
     * The lines of the answer to EHLO, our name first (RFC 5321 4.1.1.1).
     *
     * @param mechanisms by which the client can log in now
     * @param rights how large its messages may be, how far ahead it may name a release
     * @param xclient whether it may speak for others
     */
    List<String> extensions(boolean tls, List<String> mechanisms, UserRights rights,
            boolean xclient, long nowEpochMillis) {
        List<String> lines = new ArrayList<>(List.of(hostname, "PIPELINING",
                "SIZE " + limits().within(rights.maxSize()).maxSize(), "8BITMIME", "SMTPUTF8",
                "ENHANCEDSTATUSCODES", "CHUNKING"));
        if (limits().binarymime()) {
            lines.add("BINARYMIME");
        }
        lines.addAll(List.of("DSN", "DELIVERBY", "MT-PRIORITY",
                "LIMITS RCPTMAX=" + limits().maxRecipients()));
        Duration maxHold = rights.maxHold();
        if (!maxHold.isZero()) {
            lines.add("FUTURERELEASE " + maxHold.toSeconds() + " " + Instant.ofEpochSecond(
                    nowEpochMillis / 1000 + maxHold.toSeconds()));
        }
        if (xclient) {
            lines.add(listener.xclientLogin() ? XclientCommand.OFFER + " LOGIN"
                    : XclientCommand.OFFER);
        }
        if (listener.tls() == ListenerConfig.Tls.STARTTLS && !tls) {
            lines.add("STARTTLS");
        }
        if (tls) {
            lines.add("REQUIRETLS"); // only over TLS (RFC 8689 2)
        }
        if (!mechanisms.isEmpty()) {
            lines.add("AUTH " + String.join(" ", mechanisms));
        }
        return lines;
    }
}
