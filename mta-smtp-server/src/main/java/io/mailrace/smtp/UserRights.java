// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.time.Duration;

/**
 * What a submitter may do, and in whose name. Immutable.
 *
 * @param tenant lower-case letters, digits and {@code . - _ @}
 * @param maxHold how far ahead a message's release may be asked for (RFC 4865); zero: it may not
 */
record UserRights(String tenant, Duration maxHold) {
    /** Without a right to name a release. */
    UserRights(String tenant) {
        this(tenant, Duration.ZERO);
    }

    /** Of a client that may send without logging in. */
    static final UserRights WITHOUT_LOGIN = of("default");

    /** All rights, for this tenant. */
    static UserRights of(String tenant) {
        return new UserRights(tenant);
    }
}
