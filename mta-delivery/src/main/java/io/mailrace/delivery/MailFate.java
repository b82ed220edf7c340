// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

/** What a reply rule says about the mail itself. */
enum MailFate {
    /** The code of the reply decides: 4xx is tried again, 5xx bounces. */
    AS_CODE,
    /** Tried again by the schedule, whatever the code. */
    RETRY,
    /** Tried again by the schedule, but not before an hour or the rule's {@code retry-after}. */
    RETRY_LATE,
    /** Bounces, whatever the code. */
    FAIL
}
