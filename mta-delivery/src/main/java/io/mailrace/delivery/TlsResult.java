// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Ascii;

/** How a connection's TLS went, in the words of reports (RFC 8460 4.3). */
enum TlsResult {
    /** As the policy asks. */
    SUCCESS,
    STARTTLS_NOT_SUPPORTED,
    CERTIFICATE_HOST_MISMATCH,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_TRUSTED,
    /** Anything else. */
    VALIDATION_FAILURE,
    TLSA_INVALID,
    DNSSEC_INVALID,
    DANE_REQUIRED,
    STS_POLICY_FETCH_ERROR,
    STS_POLICY_INVALID,
    STS_WEBPKI_INVALID;

    /** As reports spell it. */
    String word() {
        return Ascii.lower(name()).replace('_', '-');
    }

    static TlsResult of(String word) {
        return valueOf(Ascii.upper(word).replace('-', '_'));
    }
}
