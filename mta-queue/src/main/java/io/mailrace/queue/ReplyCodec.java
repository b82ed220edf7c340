// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.EnhancedStatus;
import io.mailrace.core.SmtpReply;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Replies inside records; of a longer one {@link SmtpReply#MAX_TEXT} characters are kept. */
final class ReplyCodec {
    private ReplyCodec() {}

    static void write(RecordWriter out, SmtpReply reply) {
        out.u16(reply.code());
        Optional<EnhancedStatus> status = reply.status();
        out.flag(status.isPresent());
        if (status.isPresent()) {
            out.u8(status.get().statusClass()).u16(status.get().subject())
                    .u16(status.get().detail());
        }
        List<String> kept = kept(reply.lines());
        out.count(kept.size());
        for (String line : kept) {
            out.text(line);
        }
    }

    private static List<String> kept(List<String> lines) {
        int left = SmtpReply.MAX_TEXT;
        for (String line : lines) {
            left -= line.length() + 1;
        }
        if (left >= 0) {
            return lines;
        }
        List<String> kept = new ArrayList<>();
        left = SmtpReply.MAX_TEXT;
        for (String line : lines) {
            if (left <= 0) {
                break;
            }
            kept.add(line.length() > left ? line.substring(0, left) : line);
            left -= line.length() + 1;
        }
        return kept;
    }

    static SmtpReply read(RecordReader in) {
        int code = in.u16();
        Optional<EnhancedStatus> status = in.flag()
                ? Optional.of(new EnhancedStatus(in.u8(), in.u16(), in.u16()))
                : Optional.empty();
        int count = in.count();
        List<String> lines = new ArrayList<>(Math.min(count, SmtpReply.MAX_LINES));
        for (int i = 0; i < count; i++) {
            lines.add(in.text());
        }
        return new SmtpReply(code, status, lines);
    }
}
