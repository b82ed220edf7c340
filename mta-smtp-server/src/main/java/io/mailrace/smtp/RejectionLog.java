// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Event;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.EventJournal;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * Writes refusals to the journal, at most {@value #MAX_EACH_SECOND} a second: an attacker must not
 * fill the disk by being refused. What exceeds it is only counted. Any thread.
 */
final class RejectionLog {
    private static final int MAX_EACH_SECOND = 50;
    private static final long NANOS = 1_000_000_000L;
    private static final long STEP = NANOS / MAX_EACH_SECOND;

    private final EventJournal journal;
    private final TimeSource time;
    private final LongAdder dropped;
    /** When the allowance is full again; at most one second ahead of now. */
    private final AtomicLong spentUntil;

    RejectionLog(EventJournal journal, TimeSource time, LongAdder dropped) {
        this.journal = journal;
        this.time = time;
        this.dropped = dropped;
        spentUntil = new AtomicLong(time.nanos());
    }

    void append(Event.Intake from, String stage, SmtpReply reply) {
        long now = time.nanos();
        long before = spentUntil.get();
        long next = Math.max(0, before - now) + now + STEP;
        if (next - now > NANOS || !spentUntil.compareAndSet(before, next)) {
            dropped.increment();
            return;
        }
        journal.append(new Event.Rejected(time.epochMillis(), from, stage, reply));
    }
}
