// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/**
 * What the sessions of a listener have in common: where they come in, and their bounds. Immutable
 * but for the counters.
 *
 * @param accepted counts messages taken
 * @param loginFailed counts wrong passwords
 */
record SessionTerms(String hostname, String listenerName, ListenerConfig listener,
        SubmissionConfig limits, MailDate dates, LongAdder accepted, LongAdder loginFailed) {

    /**
     * The lines of the answer to EHLO, our name first (RFC 5321 4.1.1.1).
     *
     * @param mechanisms by which the client can log in now
     */
    List<String> extensions(boolean tls, List<String> mechanisms) {
        List<String> lines = new ArrayList<>(List.of(hostname, "PIPELINING",
                "SIZE " + limits.maxSize(), "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES",
                "CHUNKING", "DSN"));
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
