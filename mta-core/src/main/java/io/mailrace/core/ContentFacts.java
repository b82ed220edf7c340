// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/**
 * What was learned about a content while it streamed in; stored with the envelope so that nobody
 * needs to scan the bytes again.
 *
 * @param sizeBytes octets of the stored content
 * @param eightBit some octet is above 127
 * @param utf8Header some header octet is above 127 (needs SMTPUTF8, RFC 6531)
 * @param leadingDot some line starts with a dot (needs dot-stuffing, RFC 5321 4.5.2)
 * @param longLine some line exceeds 998 octets
 * @param binary no text that SMTP's DATA could carry: a bare CR, a bare LF or a NUL is in it (needs
 *        BINARYMIME, RFC 3030 3)
 * @param fromDomain domain of the first mailbox in From, lower-case, empty when not found
 * @param messageId the Message-ID value with its angle brackets, cleaned, empty when none
 * @param tag what the application calls this kind of mail (a campaign, a template), for selecting
 *        and counting; lower-case letters, digits, {@code . - _}; empty when none
 */
public record ContentFacts(long sizeBytes, boolean eightBit, boolean utf8Header,
        boolean leadingDot, boolean longLine, boolean binary, String fromDomain, String messageId,
        String tag) {
    /** Longest tag, in characters. */
    public static final int MAX_TAG = 64;

    /** Of a text. */
    public ContentFacts(long sizeBytes, boolean eightBit, boolean utf8Header, boolean leadingDot,
            boolean longLine, String fromDomain, String messageId, String tag) {
        this(sizeBytes, eightBit, utf8Header, leadingDot, longLine, false, fromDomain, messageId,
                tag);
    }

    /** Of a text without a tag. */
    public ContentFacts(long sizeBytes, boolean eightBit, boolean utf8Header, boolean leadingDot,
            boolean longLine, String fromDomain, String messageId) {
        this(sizeBytes, eightBit, utf8Header, leadingDot, longLine, fromDomain, messageId, "");
    }
}
