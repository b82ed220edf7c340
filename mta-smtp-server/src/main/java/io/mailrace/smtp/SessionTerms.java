// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;

/**
 * What the sessions of a listener have in common: where they come in, and their bounds. Immutable
 * but for the counters.
 *
 * @param messages what messages are held to
 * @param accepted counts messages taken
 * @param loginFailed counts wrong passwords
 */
record SessionTerms(String hostname, String listenerName, ListenerConfig listener,
        MessagePolicy messages, MailDate dates, LongAdder accepted, LongAdder loginFailed) {

    SubmissionConfig limits() {
        return messages.limits();
    }

    /**
     * The lines of the answer to EHLO, our name first (RFC 5321 4.1.1.1).
     *
     * @param identity who logged in
     * @param xclient whether the client may speak for others
     */
    List<String> extensions(boolean tls, Optional<Identity> identity, boolean xclient,
            long nowEpochMillis) {
        List<String> lines = new ArrayList<>(List.of(hostname, "PIPELINING",
                "SIZE " + limits().maxSize(), "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES",
                "CHUNKING", "DSN", "DELIVERBY", "MT-PRIORITY",
                "LIMITS RCPTMAX=" + limits().maxRecipients()));
        identity.map(who -> who.rights().maxHold()).filter(hold -> !hold.isZero()).ifPresent(
                hold -> lines.add("FUTURERELEASE " + hold.toSeconds() + " " + Instant.ofEpochSecond(
                        nowEpochMillis / 1000 + hold.toSeconds())));
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
        if (listener.auth() != ListenerConfig.Auth.NONE && tls && identity.isEmpty()) {
            lines.add("AUTH PLAIN LOGIN");
        }
        return lines;
    }
}
