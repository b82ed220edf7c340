// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/**
 * Value of the family {@code held} (FORMAT.md): an envelope that waits for an operator, and how it
 * stood in the schedule. Immutable.
 *
 * @param sinceEpochMillis spool time at which it was held; it does not age meanwhile
 */
record Held(Schedule schedule, long dueEpochMillis, long sinceEpochMillis, String why) {
    private static final int VERSION = 1;

    byte[] encode() {
        RecordWriter out = new RecordWriter(VERSION, 96).i64(dueEpochMillis)
                .i64(sinceEpochMillis).text(why);
        byte[] inner = schedule.encode();
        return out.bytes(inner).finish();
    }

    static Held decode(byte[] record) {
        return RecordReader.decode(record, VERSION, "held", in -> {
            long due = in.i64();
            long since = in.i64();
            String why = in.text();
            return new Held(Schedule.decode(in.bytes()), due, since, why);
        });
    }

    /** The schedule it goes on with: older by the time before it was held only. */
    Schedule released(long nowEpochMillis) {
        // Before its own release (RFC 4865) it would not have aged anyway.
        long rest = Math.max(0,
                nowEpochMillis - Math.max(sinceEpochMillis, schedule.sinceEpochMillis()));
        return schedule.expiring(schedule.expiresEpochMillis() + rest);
    }
}
