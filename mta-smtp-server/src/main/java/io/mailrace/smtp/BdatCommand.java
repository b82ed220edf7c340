// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import java.util.Optional;

/** What BDAT announces (RFC 3030 2): so many octets follow, and whether they are the last. */
record BdatCommand(long size, boolean last) {
    private static final int MAX_DIGITS = 18;

    /** Reads {@code n} or {@code n LAST}; empty when it is anything else. */
    static Optional<BdatCommand> parse(String argument) {
        int blank = argument.indexOf(' ');
        boolean last = blank >= 0;
        String digits = last ? argument.substring(0, blank) : argument;
        if (last && !Ascii.equalsIgnoreCase(argument.substring(blank).strip(), "LAST")) {
            return Optional.empty();
        }
        if (digits.isEmpty() || digits.length() > MAX_DIGITS
                || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.empty();
        }
        return Optional.of(new BdatCommand(Long.parseLong(digits), last));
    }
}
