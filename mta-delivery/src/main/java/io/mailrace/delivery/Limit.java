// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

/** A bound on how often something may be done. Any thread; never blocks. */
interface Limit {

    /** For how long nothing may be taken, in nanoseconds; 0: one may be taken now. */
    long peek();

    /** Takes one; 0 when it was granted, else how long to wait, in nanoseconds. */
    long take();

    /**
     * One that was taken was not used: another may be taken instead, but not when the time it was
     * taken for is over.
     *
     * @param takenNanos when it was taken, by {@link io.mailrace.core.TimeSource#nanos}
     */
    void giveBack(long takenNanos);

    /** A place in the line of those that come back later; how long to wait, in nanoseconds. */
    long queueUp();

    /** How it is called when it is the reason for waiting. */
    String name();
}
