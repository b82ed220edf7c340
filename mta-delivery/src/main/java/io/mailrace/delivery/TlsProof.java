// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

/** What one connection must prove before mail goes over it. */
enum TlsProof {
    /** It is not to be encrypted. */
    CLEAR_TEXT,
    /** It is encrypted if the peer can; when that fails it goes in the clear. */
    NOTHING,
    /** As {@link #NOTHING}; whether the certificate proves the name is noted (RFC 8461 5.2). */
    NAME_WATCHED,
    /** It is encrypted, whoever it is. */
    ENCRYPTION,
    /** A known authority says that the host has its name. */
    NAME,
    /** The certificate is one the host's TLSA records name (RFC 7672). */
    DANE;

    boolean encrypted() {
        return this == ENCRYPTION || this == NAME || this == DANE;
    }
}
