// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Dates as RFC 5322 3.3 writes them, in UTC. Remembers the last second. Any thread. */
final class MailDate {
    private record Made(long second, String text) {}

    private static final DateTimeFormatter FORMAT = DateTimeFormatter
            .ofPattern("EEE, d MMM yyyy HH:mm:ss +0000", Locale.ENGLISH)
            .withZone(ZoneOffset.UTC);

    private volatile Made last = new Made(Long.MIN_VALUE, "");

    String text(long epochMillis) {
        long second = Math.floorDiv(epochMillis, 1000L);
        Made made = last;
        if (made.second() != second) {
            made = new Made(second, FORMAT.format(Instant.ofEpochSecond(second)));
            last = made;
        }
        return made.text();
    }
}
