// SPDX-License-Identifier: Apache-2.0
package io.mailrace.dkim;

/**
 * The DKIM-Signature fields of one message.
 *
 * @param header complete fields, each ending in CRLF, to be sent right before the content; empty
 *        when the message is not signed. Shared: never write to it.
 * @param signedBy {@code selector@domain} of each signature, separated by commas; empty when the
 *        message is not signed
 */
@SuppressWarnings("ArrayRecordComponent") // compared by nobody, and bytes are what is sent
public record Signature(byte[] header, String signedBy) {
    /** No signature. */
    public static final Signature NONE = new Signature(new byte[0], "");

    @Override
    public String toString() {
        return "Signature[" + signedBy + "]";
    }
}
