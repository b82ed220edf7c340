// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

/**
 * What happened between two moments of a measurement.
 *
 * @param seconds how long
 * @param accepted messages answered with 250
 * @param delivered deliveries that arrived, one for each recipient
 * @param relayCpuNanos of the relay's process
 * @param ownCpuNanos of clients and receivers, which run on the same machine
 * @param busyShare of all cores, 0 to 1
 * @param stolenShare of all cores, taken away by the host
 * @param flushes batches the spool wrote and, with {@code durability = sync}, synced
 * @param flushNanos what those took from beginning to end
 * @param writtenBytes to the disk by the relay
 * @param waiting deliveries on their way at the end
 * @param toReply MAIL to 250, from when the message was due
 * @param toDelivery 250 to the receiver's end of content
 */
public record BenchPhase(double seconds, long accepted, long delivered, long refused,
        long relayCpuNanos, long ownCpuNanos, double busyShare, double stolenShare, long flushes,
        long flushNanos, long writtenBytes, long waiting, BenchTimes toReply,
        BenchTimes toDelivery) {

    static BenchPhase between(BenchSnapshot from, BenchSnapshot to, long waiting,
            BenchTimes toReply, BenchTimes toDelivery) {
        double ticks = Math.max(1, to.totalTicks() - from.totalTicks());
        BenchLedger.Counts a = from.counts();
        BenchLedger.Counts b = to.counts();
        return new BenchPhase((to.nanos() - from.nanos()) / 1e9,
                b.acknowledged() - a.acknowledged(), b.delivered() - a.delivered(),
                b.refused() - a.refused(), to.relayCpuNanos() - from.relayCpuNanos(),
                to.ownCpuNanos() - from.ownCpuNanos(),
                (to.busyTicks() - from.busyTicks()) / ticks,
                (to.stolenTicks() - from.stolenTicks()) / ticks, to.commits() - from.commits(),
                to.commitNanos() - from.commitNanos(),
                Math.max(0, to.writtenBytes() - from.writtenBytes()), waiting, toReply,
                toDelivery);
    }

    public double acceptedPerSecond() {
        return accepted / seconds;
    }

    public double deliveredPerSecond() {
        return delivered / seconds;
    }

    public double messagesPerHour() {
        return deliveredPerSecond() * 3600;
    }

    public double flushesPerSecond() {
        return flushes / seconds;
    }

    /** The relay's CPU for each delivery; 0 when there was none. */
    public double relayMicrosPerMessage() {
        return delivered == 0 ? 0 : relayCpuNanos / 1e3 / delivered;
    }

    public double ownMicrosPerMessage() {
        return delivered == 0 ? 0 : ownCpuNanos / 1e3 / delivered;
    }

    /** What part of the time the spool's thread was writing and syncing. */
    public double flushShare() {
        return flushNanos / 1e9 / seconds;
    }

    public double writtenBytesPerSecond() {
        return writtenBytes / seconds;
    }
}
