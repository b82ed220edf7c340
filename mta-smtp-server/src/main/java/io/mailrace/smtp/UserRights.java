// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

/**
 * What a submitter may do, and in whose name. Immutable.
 *
 * @param tenant lower-case letters, digits and {@code . - _ @}
 */
record UserRights(String tenant) {
    /** Of a client that may send without logging in. */
    static final UserRights WITHOUT_LOGIN = of("default");

    /** All rights, for this tenant. */
    static UserRights of(String tenant) {
        return new UserRights(tenant);
    }
}
