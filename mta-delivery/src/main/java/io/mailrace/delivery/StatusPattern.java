// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.EnhancedStatus;
import io.mailrace.core.SmtpReply;
import java.util.Optional;

/**
 * Subject and detail of an enhanced status, such as {@code 7.26}, {@code 7.606-649} or
 * {@code 7.*}. The class is left out: some receivers send one that does not fit the reply code, and
 * the code is obeyed.
 */
record StatusPattern(int subject, int from, int to) {
    private static final int MAX = 999;

    static Optional<StatusPattern> parse(String text) {
        int dot = text.indexOf('.');
        int dash = text.indexOf('-', dot + 1);
        if (dot < 0) {
            return Optional.empty();
        }
        int subject = number(text.substring(0, dot));
        String detail = text.substring(dot + 1);
        if (detail.equals("*")) {
            return of(subject, 0, MAX);
        }
        return dash < 0
                ? of(subject, number(detail), number(detail))
                : of(subject, number(text.substring(dot + 1, dash)),
                        number(text.substring(dash + 1)));
    }

    private static Optional<StatusPattern> of(int subject, int from, int to) {
        return subject < 0 || from < 0 || to < from
                ? Optional.empty()
                : Optional.of(new StatusPattern(subject, from, to));
    }

    /** -1 when it is none of up to three digits. */
    private static int number(String digits) {
        if (digits.isEmpty() || digits.length() > 3
                || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return -1;
        }
        return Integer.parseInt(digits);
    }

    boolean covers(EnhancedStatus status) {
        return status.subject() == subject && status.detail() >= from && status.detail() <= to;
    }

    /** The status a reply carries, also one whose class does not fit its code. */
    static Optional<EnhancedStatus> of(SmtpReply reply) {
        return reply.status().or(() -> EnhancedStatus.parsePrefix(reply.lines().getFirst()));
    }
}
