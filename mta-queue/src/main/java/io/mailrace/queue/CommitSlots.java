// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Bounds how much of one walk over the spool is on its way to the disk, so that a walk over a
 * million envelopes holds a few hundred and never fills the commit thread's input. Any thread.
 */
final class CommitSlots {
    private static final long MAX_WAIT_SECONDS = 30;
    private static final long LOOK_MILLIS = 50;

    private final int size;
    private final TimeSource time;
    private final Semaphore free;

    CommitSlots(int size, TimeSource time) {
        this.size = size;
        this.time = time;
        free = new Semaphore(size);
    }

    /**
     * Waits for room. What is returned gives it back once the operation is written or has failed.
     *
     * @param committed run when the operation is on disk
     * @param withoutRoom run before the exception
     * @throws SpoolException when the disk takes no writes for {@value #MAX_WAIT_SECONDS} s
     */
    Operation.Told take(Runnable committed, Runnable withoutRoom) throws InterruptedException {
        return take(committed, () -> {}, withoutRoom);
    }

    /**
     * As {@link #take(Runnable, Runnable)}.
     *
     * @param refused run when the operation has failed
     */
    Operation.Told take(Runnable committed, Runnable refused, Runnable withoutRoom)
            throws InterruptedException {
        if (!acquire(1)) {
            withoutRoom.run();
            throw new SpoolException("the disk takes no writes");
        }
        return new Operation.Told(Runnable::run, new CommitListener() {
            @Override
            public void committed() {
                // In this order: whoever waits for the room may ask what was done.
                committed.run();
                free.release();
            }

            @Override
            public void failed(SpoolException why) {
                refused.run();
                free.release();
            }
        });
    }

    /** What was taken is not used after all. */
    void giveBack() {
        free.release();
    }

    /** Waits until everything taken so far is written, for a bounded time; false when it is not. */
    boolean settled() throws InterruptedException {
        if (!acquire(size)) {
            return false;
        }
        free.release(size);
        return true;
    }

    private boolean acquire(int slots) throws InterruptedException {
        long begun = time.nanos();
        while (!free.tryAcquire(slots, LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
            if (time.nanos() - begun >= TimeUnit.SECONDS.toNanos(MAX_WAIT_SECONDS)) {
                return false;
            }
        }
        return true;
    }
}
