// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.util.concurrent.atomic.LongAdder;

/**
 * What a session is given at its start: where it came in, from whom, and its bounds.
 *
 * @param client numeric address
 * @param relaysFrom the client is in the listener's relay-from
 * @param accepted counts messages taken
 * @param loginFailed counts wrong passwords
 */
record SessionTerms(String hostname, String listenerName, ListenerConfig listener,
        SubmissionConfig limits, String client, boolean relaysFrom, MailDate dates,
        LongAdder accepted, LongAdder loginFailed) {}
