// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Rate;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import io.mailrace.queue.SpoolException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Never more than so many in an hour or a day of the calendar (UTC), restarts and crashes included:
 * what is used is on disk before it is used, in small advances. A crash may lose the rest of an
 * advance (a fiftieth of the cap, at least one), never gain one. Any thread; never blocks.
 *
 * <p>When the clock is set back into a period that is over, the later period's count goes on; when
 * it is set back by more, as after a wrong start, it counts anew.
 */
final class CalendarCap implements Limit {
    private static final Logger LOG = LoggerFactory.getLogger(CalendarCap.class);
    private static final String PREFIX = "cap/";
    private static final int VERSION = 1;
    private static final int ADVANCES = 50;
    private static final long WRITING_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    private static final long FAILED_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final String name;
    private final Rate rate;
    private final TimeSource time;
    private final Memos memos;
    private final long advance;
    private volatile Runnable freed = () -> {};
    private long period;
    /** By the clock that does not jump: what was taken before that was of another period. */
    private long beganNanos;
    private long takenNanos;
    private long used;
    /** On disk: that many may be used. */
    private long granted;
    private boolean writing;
    private long failedUntilNanos;
    private boolean failed;

    /**
     * @param stored what {@link #memoOf} had at the start; null: nothing
     */
    CalendarCap(String name, Rate rate, TimeSource time, Memos memos,
            byte @org.jspecify.annotations.Nullable [] stored) {
        this.name = name;
        this.rate = rate;
        this.time = time;
        this.memos = memos;
        advance = Math.max(1, rate.count() / ADVANCES);
        takenNanos = time.nanos() - 1;
        if (stored != null && stored.length == 17 && stored[0] == VERSION) {
            ByteBuffer in = ByteBuffer.wrap(stored);
            period = in.getLong(1);
            granted = in.getLong(9);
            used = granted;
        }
    }

    /** Name of the memo of a cap. */
    static String memoOf(String name, Rate rate) {
        return PREFIX + rate.unit().name() + "/" + name;
    }

    static String prefix() {
        return PREFIX;
    }

    @Override
    public synchronized long peek() {
        turn();
        return used < rate.count() ? used < granted ? 0 : advanceWait() : untilNextNanos();
    }

    @Override
    public synchronized long take() {
        turn();
        if (used >= rate.count()) {
            return untilNextNanos();
        }
        if (granted - used <= advance / 2) {
            write(Math.min(rate.count(), used + advance));
        }
        if (used >= granted) {
            return advanceWait();
        }
        used++;
        takenNanos = time.nanos();
        return 0;
    }

    @Override
    public void giveBack(long when) {
        if (givenBack(when)) {
            freed.run();
        }
    }

    /** True when there was none before. */
    private synchronized boolean givenBack(long when) {
        if (used == 0 || when - beganNanos < 0) {
            return false;
        }
        used--;
        return used + 1 == rate.count();
    }

    /** Runs {@code listener}, on any thread, when one comes back and there was none before. */
    void onFreed(Runnable listener) {
        freed = listener;
    }

    /** All come back together, when the next period begins. */
    @Override
    public synchronized long queueUp() {
        turn();
        return used < rate.count() ? WRITING_NANOS : untilNextNanos();
    }

    /** How many may be taken now. */
    synchronized long room() {
        turn();
        return rate.count() - used;
    }

    /** Used in the present period. */
    synchronized long used() {
        turn();
        return used;
    }

    /** What was advanced but not used is not lost for the next start. */
    synchronized void close() {
        if (granted > used) {
            store(used);
        }
    }

    private long advanceWait() {
        if (failed && failedUntilNanos - time.nanos() > 0) {
            return failedUntilNanos - time.nanos();
        }
        write(Math.min(rate.count(), used + advance));
        return WRITING_NANOS;
    }

    private void turn() {
        long now = Math.floorDiv(time.epochMillis(), rate.unit().length().toMillis());
        if (now > period || period - now > 1) {
            period = now;
            beganNanos = takenNanos + 1;
            used = 0;
            granted = 0;
        }
    }

    private long untilNextNanos() {
        long length = rate.unit().length().toMillis();
        return TimeUnit.MILLISECONDS.toNanos(Math.max(1,
                (period + 1) * length - time.epochMillis()));
    }

    private void write(long upTo) {
        if (writing || upTo <= granted) {
            return;
        }
        writing = true;
        long of = period;
        memos.write(List.of(change(of, upTo)), List.of(), Runnable::run, new CommitListener() {
            @Override
            public void committed() {
                written(of, upTo);
            }

            @Override
            public void failed(SpoolException why) {
                notWritten(why);
            }
        });
    }

    private synchronized void written(long of, long upTo) {
        writing = false;
        failed = false;
        if (of == period) {
            granted = Math.max(granted, upTo);
        }
    }

    private synchronized void notWritten(SpoolException why) {
        writing = false;
        failed = true;
        failedUntilNanos = time.nanos() + FAILED_NANOS;
        LOG.warn("limit not counted, nothing goes meanwhile limit={} reason=\"{}\"", name,
                why.getMessage());
    }

    private void store(long upTo) {
        granted = upTo;
        memos.write(List.of(change(period, upTo)), List.of(), Runnable::run,
                CommitListener.onFailure(why -> LOG.warn(
                        "limit not counted exactly limit={} reason=\"{}\"", name,
                        why.getMessage())));
    }

    private Memos.Change change(long of, long upTo) {
        return Memos.Change.put(memoOf(name, rate), ByteBuffer.allocate(17).put((byte) VERSION)
                .putLong(of).putLong(upTo).array());
    }

    @Override
    public String name() {
        return name + " " + rate;
    }
}
