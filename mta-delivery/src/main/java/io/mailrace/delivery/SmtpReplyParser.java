// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.EnhancedStatus;
import io.mailrace.core.SmtpReply;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Bytes of a peer, cut anywhere, to replies (RFC 5321 4.2). Lines end in LF, with or without CR.
 * Confined to its event loop. Bounds: {@value #MAX_LINE} bytes a line, {@value #MAX_LINES} lines,
 * {@value #MAX_REPLY} bytes a reply; what exceeds them, or is no reply, breaks it for good. Of a
 * long reply no more text is kept than the spool keeps ({@link SmtpReply#MAX_TEXT}), for an attempt
 * holds one for each recipient; only what EHLO lists is kept whole.
 */
final class SmtpReplyParser {
    static final int MAX_LINE = 2048;
    static final int MAX_LINES = 200;
    static final int MAX_LINES_USUAL = 100;
    static final int MAX_REPLY = 64 * 1024;

    private final byte[] line = new byte[MAX_LINE];
    private int length;
    private int replyBytes;
    private int replyLines;
    private int textKept;
    private int code;
    private Optional<EnhancedStatus> status = Optional.empty();
    private final List<String> lines = new ArrayList<>(2);
    private boolean ehlo;
    private String broken = "";

    /** In the reply to EHLO more lines are allowed, and all are kept. */
    void expectEhlo(boolean expected) {
        ehlo = expected;
    }

    /**
     * Takes in bytes and adds the replies they complete.
     *
     * @return false when it is broken: see {@link #broken()}
     */
    boolean feed(byte[] bytes, int offset, int count, List<SmtpReply> out) {
        for (int i = offset; i < offset + count && broken.isEmpty(); i++) {
            byte b = bytes[i];
            if (b == '\n') {
                endOfLine(out);
            } else if (length == MAX_LINE) {
                broken = "a reply line is too long";
            } else {
                line[length++] = b;
            }
        }
        return broken.isEmpty();
    }

    /** What was wrong; empty when nothing was. */
    String broken() {
        return broken;
    }

    /** Whether the bytes so far end inside a reply. */
    boolean insideReply() {
        return length > 0 || !lines.isEmpty();
    }

    /** Whether the incomplete reply may become a 421. */
    boolean mayBecome421() {
        if (!lines.isEmpty()) {
            return code == 421;
        }
        for (int i = 0; i < Math.min(3, length); i++) {
            if (line[i] != "421".charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private void endOfLine(List<SmtpReply> out) {
        int end = length > 0 && line[length - 1] == '\r' ? length - 1 : length;
        replyBytes += length + 1;
        length = 0;
        if (replyBytes > MAX_REPLY) {
            broken = "a reply is too long";
            return;
        }
        int here = codeOf(end);
        if (here < 200 || here > 599) {
            broken = "not a reply: " + new String(line, 0, Math.min(end, 80),
                    StandardCharsets.ISO_8859_1);
            return;
        }
        if (!lines.isEmpty() && here != code) {
            broken = "codes differ in one reply: " + code + " and " + here;
            return;
        }
        code = here;
        if (replyLines >= (ehlo ? MAX_LINES : MAX_LINES_USUAL)) {
            broken = "a reply has too many lines";
            return;
        }
        replyLines++;
        keep(textOf(end));
        if (end > 3 && line[3] == '-') {
            return;
        }
        out.add(new SmtpReply(code, status, lines));
        lines.clear();
        status = Optional.empty();
        replyBytes = 0;
        replyLines = 0;
        textKept = 0;
    }

    /** The first line of a reply always finds room, so lines is empty outside of replies only. */
    private void keep(String text) {
        int room = ehlo && code == 250
                ? SmtpReply.MAX_LINE
                : Math.min(SmtpReply.MAX_LINE, SmtpReply.MAX_TEXT - textKept);
        if (room > 0) {
            String kept = text.length() > room ? text.substring(0, room) : text;
            lines.add(kept);
            textKept += kept.length() + 1;
        }
    }

    private int codeOf(int end) {
        if (end < 3 || (end > 3 && line[3] != ' ' && line[3] != '-')) {
            return -1;
        }
        int value = 0;
        for (int i = 0; i < 3; i++) {
            if (line[i] < '0' || line[i] > '9') {
                return -1;
            }
            value = value * 10 + (line[i] - '0');
        }
        return value;
    }

    /** The text of a line; an enhanced status that fits the code is taken off it (RFC 2034). */
    private String textOf(int end) {
        if (end <= 4) {
            return "";
        }
        String text = new String(line, 4, end - 4, StandardCharsets.ISO_8859_1);
        if (ehlo || code == 220 || code == 354) {
            return text;
        }
        Optional<EnhancedStatus> found = EnhancedStatus.parsePrefix(text)
                .filter(s -> s.statusClass() == code / 100);
        if (found.isEmpty()) {
            return text;
        }
        if (status.isEmpty()) {
            status = found;
        }
        return text.substring(Math.min(text.length(), text.indexOf(' ') < 0 ? text.length()
                : text.indexOf(' ') + 1));
    }
}
