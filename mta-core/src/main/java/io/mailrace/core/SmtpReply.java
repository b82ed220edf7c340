// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

import java.util.List;
import java.util.Optional;

/**
 * One SMTP reply (RFC 5321 4.2), received from a peer or made here for a local condition. Its text
 * is printable ASCII and bounded, whatever the peer sent, so it may be stored, logged and quoted.
 *
 * @param code three digits, 200 to 599
 * @param status the enhanced status, if the reply carried one that fits its code
 * @param lines the text of each line without code and status; at least one, at most
 *        {@value #MAX_LINES}, each at most {@value #MAX_LINE} characters
 */
public record SmtpReply(int code, Optional<EnhancedStatus> status, List<String> lines) {
    public static final int MAX_LINES = 200;
    public static final int MAX_LINE = 1000;
    /** Of the text of a long reply no more characters are kept, a line end counted as one. */
    public static final int MAX_TEXT = 2000;

    public SmtpReply {
        if (code < 200 || code > 599) {
            throw new IllegalArgumentException("not a reply code: " + code);
        }
        if (lines.isEmpty() || lines.size() > MAX_LINES) {
            throw new IllegalArgumentException("a reply has 1 to 200 lines, not " + lines.size());
        }
        lines = lines.size() == 1
                ? List.of(Ascii.clean(lines.getFirst(), MAX_LINE))
                : lines.stream().map(line -> Ascii.clean(line, MAX_LINE)).toList();
    }

    /** A reply made by us. */
    public static SmtpReply of(int code, String status, String text) {
        return new SmtpReply(code, EnhancedStatus.parsePrefix(status), List.of(text));
    }

    /** A reply without enhanced status. */
    public static SmtpReply of(int code, String text) {
        return new SmtpReply(code, Optional.empty(), List.of(text));
    }

    public boolean isPositive() {
        return code < 400;
    }

    public boolean isTransient() {
        return code >= 400 && code < 500;
    }

    public boolean isPermanent() {
        return code >= 500;
    }

    /** The enhanced status, or the undefined one of the code's class. */
    public EnhancedStatus statusOrUndefined() {
        return status.orElseGet(() -> EnhancedStatus.undefined(code < 400 ? 2 : code / 100));
    }

    /** All lines joined by a blank, without code and status. */
    public String text() {
        return lines.size() == 1 ? lines.getFirst() : String.join(" ", lines);
    }

    /** One line: code, status and text. */
    @Override
    public String toString() {
        return code + status.map(s -> " " + s).orElse("") + " " + text();
    }
}
