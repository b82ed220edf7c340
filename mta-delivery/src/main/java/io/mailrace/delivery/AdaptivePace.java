// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Finds the rate a receiver takes from one source by its replies: when it pushes back, nothing is
 * sent for a moment and then a little less than it took lately; while it takes everything, a little
 * more each minute. Most limits of receivers are by the hour, so what it took in the last hour is
 * the best guess. Without push-back it limits nothing. Any thread; short sections under its lock.
 */
final class AdaptivePace implements Limit {
    /** Of the first pause: the longest one. */
    private static final int LONGEST = 10;
    private static final Duration FORGOTTEN = Duration.ofHours(6);
    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);
    private static final int MINUTES = 60;
    /** Of what it took lately: as much again, less a little. */
    private static final double BACK = 0.97;
    /** More each minute: a tenth in twenty minutes. */
    private static final double UP = 1.005;
    /** Of the first pause: pushed back sooner than this after one. */
    private static final int STEADY = 4;
    /** Nothing was sent for so long: it goes on anew, whatever held it. */
    private static final Duration GAP = Duration.ofMinutes(5);
    private static final double FAR = 0.7;
    private static final Duration PROBE_LOOK = Duration.ofMillis(200);
    private static final Duration PROBE_LOST = Duration.ofMinutes(10);
    private static final int FEW = 5;
    private static final int TOO_MUCH = 50;
    private static final double SLOWEST = 1 / 300.0;

    private final String name;
    private final TimeSource time;
    private final int mostConnections;
    private final EvenRate rate;
    private final long firstPause;
    /** Taken by the receiver, minute by minute. */
    private final long[] taken = new long[MINUTES];
    private final long begun;
    private long minute;
    private boolean limited;
    private double perSecond;
    private double connections;
    private long pausedUntil;
    private boolean probing;
    private boolean probeOut;
    private long probeSince;
    private long lastTaken;
    private long wentOn;
    private int pauses;
    private long lastPushBack;
    private boolean halved;
    private long lastHalved;
    private long recently;
    private long putOff;

    /**
     * @param pause after the first push-back; doubled while it pushes back again soon, up to ten
     *        times as long
     */
    AdaptivePace(String name, int mostConnections, Duration pause, TimeSource time) {
        this.name = name;
        this.time = time;
        this.mostConnections = mostConnections;
        connections = mostConnections;
        firstPause = pause.toNanos();
        begun = time.nanos();
        pausedUntil = begun;
        lastTaken = begun;
        wentOn = begun;
        lastPushBack = begun;
        rate = new EvenRate(name, 1, time);
    }

    @Override
    public synchronized long peek() {
        turn();
        long pause = pausedUntil - time.nanos();
        return pause > 0 ? pause : probeWait() > 0 ? probeWait() : limited ? rate.peek() : 0;
    }

    @Override
    public synchronized long take() {
        turn();
        long pause = pausedUntil - time.nanos();
        if (pause > 0) {
            return pause;
        }
        long probe = probeWait();
        if (probe > 0) {
            return probe;
        }
        long wait = limited ? rate.take() : 0;
        if (wait == 0) {
            if (time.nanos() - lastTaken > GAP.toNanos()) {
                wentOn = time.nanos();
            }
            lastTaken = time.nanos();
        }
        if (wait == 0 && probing) {
            probeOut = true;
            probeSince = time.nanos();
        }
        return wait;
    }

    @Override
    public synchronized void giveBack(long takenNanos) {
        probeOut = false;
        if (limited) {
            rate.giveBack(takenNanos);
        }
    }

    /** Nobody will hear what became of it: another may go. */
    synchronized void probeLost() {
        probeOut = false;
    }

    /** After a pause one message goes alone, until the receiver has answered it. */
    private long probeWait() {
        return probing && probeOut && time.nanos() - probeSince < PROBE_LOST.toNanos()
                ? PROBE_LOOK.toNanos()
                : 0;
    }

    /** The receiver spoke of something else than of how much comes. */
    synchronized void answered() {
        probing = false;
    }

    @Override
    public synchronized long queueUp() {
        return Math.max(1, peek());
    }

    /** The receiver took a message. */
    synchronized void accepted() {
        turn();
        taken[(int) (minute % MINUTES)]++;
        recently++;
        if (pausedUntil - time.nanos() <= 0) {
            probing = false;
            if (time.nanos() - pausedUntil > STEADY * firstPause) {
                pauses = 0;
            }
        }
    }

    /**
     * It put a message off without saying that all goes too fast. When that is more than a fiftieth
     * of late, it is taken for that.
     */
    synchronized void putOff() {
        turn();
        putOff++;
        if (probing && pausedUntil - time.nanos() <= 0) {
            pushedBack();
        } else if (putOff >= FEW && putOff * TOO_MUCH > putOff + recently) {
            putOff = 0;
            pushedBack();
        }
    }

    /** It asked for less. What was under way when it first said so counts as said once. */
    synchronized void pushedBack() {
        turn();
        long now = time.nanos();
        if (pausedUntil - now > 0) {
            return;
        }
        double lately = lately(now) * BACK;
        if (!limited) {
            perSecond = lately;
        } else if (!probing) {
            // soon after going on: what was found is far from what it takes
            perSecond = now - Math.max(pausedUntil, wentOn) < STEADY * firstPause
                    ? Math.min(perSecond * FAR, lately)
                    : perSecond * BACK;
        }
        perSecond = Math.max(SLOWEST, perSecond);
        limited = true;
        rate.spacing((long) (TimeUnit.SECONDS.toNanos(1) / perSecond));
        connections = Math.max(1, connections / 2);
        long pause = Math.min(LONGEST * firstPause, firstPause << pauses);
        pauses = Math.min(pauses + 1, 10);
        pausedUntil = now + pause;
        probing = true;
        probeOut = false;
        lastPushBack = now;
    }

    /** Half of what it takes now. What was under way when it first said so counts as said once. */
    synchronized void halve() {
        turn();
        if (halved && time.nanos() - lastHalved < firstPause) {
            return;
        }
        halved = true;
        lastHalved = time.nanos();
        perSecond = Math.max(SLOWEST, (limited ? perSecond : lately(time.nanos())) / 2);
        limited = true;
        rate.spacing((long) (TimeUnit.SECONDS.toNanos(1) / perSecond));
        lastPushBack = time.nanos();
    }

    /** Connections it may have. */
    synchronized int connections() {
        turn();
        return (int) connections;
    }

    /** Messages a second; infinite when it limits nothing. */
    synchronized double perSecond() {
        turn();
        return limited ? perSecond : Double.POSITIVE_INFINITY;
    }

    /** What was taken in the last hour, or since the beginning, for each second. */
    private double lately(long now) {
        long sum = 0;
        for (long one : taken) {
            sum += one;
        }
        double seconds = Math.clamp((double) (now - begun) / 1e9, 1, 3600);
        return sum / seconds;
    }

    /** Minutes that went by: each makes it a little bolder. */
    private void turn() {
        long now = (time.nanos() - begun) / MINUTE;
        long gone = now - minute;
        if (gone <= 0) {
            return;
        }
        for (long i = 1; i <= Math.min(gone, MINUTES); i++) {
            taken[(int) ((minute + i) % MINUTES)] = 0;
        }
        minute = now;
        // half as much counts with each minute that went by
        recently >>= Math.min(gone, 62);
        putOff >>= Math.min(gone, 62);
        connections = Math.min(mostConnections, connections + (double) gone);
        if (!limited) {
            return;
        }
        if (time.nanos() - lastPushBack > FORGOTTEN.toNanos()) {
            limited = false;
            return;
        }
        if (pausedUntil - time.nanos() <= 0) {
            perSecond *= Math.pow(UP, (double) Math.min(gone, MINUTES));
            rate.spacing((long) (TimeUnit.SECONDS.toNanos(1) / perSecond));
        }
    }

    @Override
    public String name() {
        return name;
    }
}
