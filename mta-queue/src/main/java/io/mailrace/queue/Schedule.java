// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SmtpReply;
import java.util.Optional;

/**
 * Value of the family {@code schedule} (FORMAT.md): how far the attempts have come. Immutable.
 *
 * @param tried whether an attempt came as far as a server
 * @param sinceEpochMillis since when it ages: accepted, or released (RFC 4865)
 */
record Schedule(int attempts, boolean tried, long sinceEpochMillis, long expiresEpochMillis,
        Optional<SmtpReply> lastReply) {
    /** 2 added whether it was tried. */
    private static final int VERSION = 2;

    /** Of mail without any attempt. */
    static Schedule fresh(long sinceEpochMillis, long expiresEpochMillis) {
        return new Schedule(0, false, sinceEpochMillis, expiresEpochMillis, Optional.empty());
    }

    /** The same with another age. */
    Schedule expiring(long epochMillis) {
        return new Schedule(attempts, tried, sinceEpochMillis, epochMillis, lastReply);
    }

    byte[] encode() {
        RecordWriter out = new RecordWriter(VERSION, lastReply.isPresent() ? 160 : 32);
        out.count(attempts).i64(sinceEpochMillis).i64(expiresEpochMillis)
                .flag(lastReply.isPresent());
        lastReply.ifPresent(reply -> ReplyCodec.write(out, reply));
        return out.flag(tried).finish();
    }

    static Schedule decode(byte[] record) {
        return RecordReader.decode(record, VERSION, "schedule", in -> {
            int attempts = in.number();
            long since = in.i64();
            long expires = in.i64();
            Optional<SmtpReply> reply = in.flag() ? Optional.of(ReplyCodec.read(in))
                    : Optional.empty();
            boolean tried = in.version() < 2 ? attempts > 0 : in.flag();
            return new Schedule(attempts, tried, since, expires, reply);
        });
    }
}
