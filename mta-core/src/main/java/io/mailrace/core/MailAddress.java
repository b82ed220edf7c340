// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Optional;

/**
 * A mailbox as the envelope knows it (RFC 5321 4.1.2): local part as written, domain in lower case
 * and, when it is a name, in its ASCII form (IDNA A-labels). The null reverse-path is
 * {@link #NULL}.
 *
 * @param localPart as written, quotes included; the text of a UTF-8 local part (RFC 6531)
 * @param domain lower-case ASCII name without trailing dot, or an address literal in brackets
 */
public record MailAddress(String localPart, String domain) {
    /** The null reverse-path {@code <>}: never answered, never bounced to. */
    public static final MailAddress NULL = new MailAddress("", "");

    /**
     * Reads {@code local@domain} or {@code local@[literal]} without angle brackets; empty when the
     * syntax of RFC 5321 is broken or a bound of 4.5.3.1 is passed (local part 64 octets, domain
     * 255, label 63).
     */
    public static Optional<MailAddress> parse(String text) {
        return MailAddressSyntax.parse(text);
    }

    public boolean isNull() {
        return localPart.isEmpty() && domain.isEmpty();
    }

    /** Whether the local part needs SMTPUTF8 (RFC 6531). */
    public boolean needsUtf8() {
        return !Ascii.isAscii(localPart);
    }

    /** {@code local@domain}, or the empty text for the null reverse-path. */
    @Override
    public String toString() {
        return isNull() ? "" : localPart + "@" + domain;
    }
}
