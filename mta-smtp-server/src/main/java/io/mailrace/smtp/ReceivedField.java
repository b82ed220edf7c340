// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.SpoolId;
import java.nio.charset.StandardCharsets;

/**
 * The trace line put before each message (RFC 5321 4.4). Values of the client are reduced to
 * letters, digits and {@code .-:[]}; the authenticated user is never named.
 */
final class ReceivedField {
    private ReceivedField() {}

    /**
     * The whole field, folded, with its CRLF.
     *
     * @param protocol see {@link #protocol}
     */
    static byte[] of(Event.Intake from, String protocol, String hostname, SpoolId id,
            MailTransaction transaction, String date) {
        StringBuilder line = new StringBuilder(300);
        line.append("Received: from ").append(name(from.helo())).append(" (")
                .append(literal(from.client())).append(")\r\n\tby ").append(hostname)
                .append(" with ").append(protocol).append(" id ").append(id);
        MailAddress only = transaction.recipients().getFirst().address();
        // More than one would show blind copies to the others (RFC 5321 7.2).
        if (transaction.recipients().size() == 1 && !only.needsUtf8()) {
            line.append("\r\n\tfor <").append(only).append('>');
        }
        line.append(";\r\n\t").append(date).append("\r\n");
        return line.toString().getBytes(StandardCharsets.US_ASCII);
    }

    /** The with-keyword of RFC 3848 and RFC 6531 4.3. */
    static String protocol(boolean extended, boolean utf8, boolean tls, boolean authenticated) {
        if (!extended) {
            return "SMTP";
        }
        return (utf8 ? "UTF8SMTP" : "ESMTP") + (tls ? "S" : "") + (authenticated ? "A" : "");
    }

    private static String name(String helo) {
        StringBuilder clean = new StringBuilder(helo.length());
        for (int i = 0; i < helo.length(); i++) {
            char c = helo.charAt(i);
            boolean keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                    || (c >= '0' && c <= '9') || ".-:[]".indexOf(c) >= 0;
            clean.append(keep ? c : '-');
        }
        return clean.isEmpty() ? "unknown" : clean.toString();
    }

    private static String literal(String address) {
        return (address.indexOf(':') >= 0 ? "[IPv6:" : "[") + address + "]";
    }
}
