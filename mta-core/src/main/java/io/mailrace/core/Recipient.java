// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/**
 * One recipient with its delivery status wishes (RFC 3461).
 *
 * @param address where to
 * @param notifyFlags bits of {@link #NOTIFY_NEVER} and friends; 0 when NOTIFY was not given
 * @param orcpt ORCPT= as given, type and xtext ({@code rfc822;a@b}), empty when absent
 */
public record Recipient(MailAddress address, int notifyFlags, String orcpt) {
    public static final int NOTIFY_NEVER = 1;
    public static final int NOTIFY_SUCCESS = 2;
    public static final int NOTIFY_FAILURE = 4;
    public static final int NOTIFY_DELAY = 8;

    public Recipient(MailAddress address) {
        this(address, 0, "");
    }

    /** Whether a failure is reported to the sender: the default without NOTIFY (RFC 3461 5.2.1). */
    public boolean wantsFailure() {
        return notifyFlags == 0 || (notifyFlags & NOTIFY_FAILURE) != 0;
    }

    public boolean wantsDelay() {
        return notifyFlags == 0 || (notifyFlags & NOTIFY_DELAY) != 0;
    }

    public boolean wantsSuccess() {
        return (notifyFlags & NOTIFY_SUCCESS) != 0;
    }
}
