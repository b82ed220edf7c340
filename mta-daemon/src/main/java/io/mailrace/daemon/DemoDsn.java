// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Ascii;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A delivery status notification as its receiver reads it (RFC 3464): one report of one recipient.
 *
 * @param number which demo message it returns
 * @param text the part for people
 */
record DemoDsn(String recipient, String action, String status, String diagnostic, int number,
        String text) {

    /** Reads a report; empty list when the message is none or lacks what a DSN must have. */
    static List<DemoDsn> read(byte[] message) {
        String all = new String(message, StandardCharsets.UTF_8);
        Optional<String> boundary = boundary(all);
        Optional<Integer> number = DemoMessage.numberIn(all);
        if (boundary.isEmpty() || number.isEmpty()) {
            return List.of();
        }
        String[] parts = all.split("\r\n--" + java.util.regex.Pattern.quote(boundary.get()), 5);
        if (parts.length < 4) {
            return List.of();
        }
        List<DemoDsn> reports = new ArrayList<>();
        for (String group : body(parts[2]).split("\r\n\r\n")) {
            Optional<String> recipient = field(group, "Final-Recipient");
            Optional<String> action = field(group, "Action");
            Optional<String> status = field(group, "Status");
            if (recipient.isPresent() && action.isPresent() && status.isPresent()) {
                reports.add(new DemoDsn(afterType(recipient.get()), action.get(), status.get(),
                        field(group, "Diagnostic-Code").orElse(""), number.get(),
                        body(parts[1])));
            }
        }
        return List.copyOf(reports);
    }

    private static Optional<String> boundary(String message) {
        Optional<String> type = field(message, "Content-Type");
        if (type.isEmpty() || !Ascii.startsWithIgnoreCase(type.get(), "multipart/report")) {
            return Optional.empty();
        }
        int at = type.get().indexOf("boundary=");
        if (at < 0) {
            return Optional.empty();
        }
        String value = type.get().substring(at + "boundary=".length());
        if (value.startsWith("\"")) {
            int end = value.indexOf('"', 1);
            return end < 0 ? Optional.empty() : Optional.of(value.substring(1, end));
        }
        int end = value.indexOf(';');
        return Optional.of(end < 0 ? value : value.substring(0, end));
    }

    /** What follows the first empty line. */
    private static String body(String part) {
        int at = part.indexOf("\r\n\r\n");
        return at < 0 ? "" : part.substring(at + 4);
    }

    private static String afterType(String value) {
        return value.substring(value.indexOf(';') + 1).strip();
    }

    /** The unfolded value of the first field of that name before the first empty line. */
    private static Optional<String> field(String text, String name) {
        String found = null;
        for (String line : text.split("\r\n")) {
            if (found != null) {
                if (!line.startsWith(" ") && !line.startsWith("\t")) {
                    break;
                }
                found += " " + line.strip();
            } else if (line.isEmpty() && !text.startsWith("\r\n")) {
                break;
            } else if (Ascii.startsWithIgnoreCase(line, name + ":")) {
                found = line.substring(name.length() + 1).strip();
            }
        }
        return Optional.ofNullable(found);
    }
}
