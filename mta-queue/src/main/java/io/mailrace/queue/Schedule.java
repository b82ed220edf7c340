// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SmtpReply;
import java.util.Optional;

/** Value of the family {@code schedule} (FORMAT.md): how far the attempts have come. Immutable. */
record Schedule(int attempts, long acceptedEpochMillis, long expiresEpochMillis,
        Optional<SmtpReply> lastReply) {
    private static final int VERSION = 1;

    byte[] encode() {
        RecordWriter out = new RecordWriter(VERSION, lastReply.isPresent() ? 160 : 32);
        out.count(attempts).i64(acceptedEpochMillis).i64(expiresEpochMillis)
                .flag(lastReply.isPresent());
        lastReply.ifPresent(reply -> ReplyCodec.write(out, reply));
        return out.finish();
    }

    static Schedule decode(byte[] record) {
        return RecordReader.decode(record, VERSION, "schedule", in -> new Schedule(in.number(),
                in.i64(), in.i64(),
                in.flag() ? Optional.of(ReplyCodec.read(in)) : Optional.empty()));
    }
}
