// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.Optional;

/** An enhanced mail system status code, class.subject.detail (RFC 3463). */
public record EnhancedStatus(int statusClass, int subject, int detail) {

    public EnhancedStatus {
        if ((statusClass != 2 && statusClass != 4 && statusClass != 5) || subject < 0
                || subject > 999 || detail < 0 || detail > 999) {
            throw new IllegalArgumentException(
                    "not a status: " + statusClass + "." + subject + "." + detail);
        }
    }

    /** The status with nothing more to say than its class: 2.0.0, 4.0.0, 5.0.0. */
    public static EnhancedStatus undefined(int statusClass) {
        return new EnhancedStatus(statusClass, 0, 0);
    }

    /**
     * Reads a status at the start of {@code text}, which must end there or go on with a blank;
     * empty when there is none or a number is out of range.
     */
    public static Optional<EnhancedStatus> parsePrefix(String text) {
        int[] numbers = new int[3];
        int at = 0;
        for (int part = 0; part < 3; part++) {
            int start = at;
            int value = 0;
            while (at < text.length() && at - start < 3 && text.charAt(at) >= '0'
                    && text.charAt(at) <= '9') {
                value = value * 10 + (text.charAt(at) - '0');
                at++;
            }
            if (at == start) {
                return Optional.empty();
            }
            numbers[part] = value;
            if (part < 2) {
                if (at >= text.length() || text.charAt(at) != '.') {
                    return Optional.empty();
                }
                at++;
            }
        }
        if (at < text.length() && text.charAt(at) != ' ') {
            return Optional.empty();
        }
        int first = numbers[0];
        if (first != 2 && first != 4 && first != 5) {
            return Optional.empty();
        }
        return Optional.of(new EnhancedStatus(first, numbers[1], numbers[2]));
    }

    @Override
    public String toString() {
        return statusClass + "." + subject + "." + detail;
    }
}
