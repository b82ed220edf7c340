// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

/** Whether connections to a site are encrypted. */
enum TlsPolicy {
    /** With STARTTLS when the peer offers it, whoever it is; else in the clear. */
    OPPORTUNISTIC,
    /** Always in the clear. */
    OFF,
    /** Encrypted, else the mail waits. */
    REQUIRED,
    /** Encrypted, and the certificate proves the host's name, else the mail waits. */
    VERIFIED
}
