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
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(30);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(15);
    private static final Duration FORGOTTEN = Duration.ofHours(6);
    private static final long MINUTE = TimeUnit.MINUTES.toNanos(1);
    private static final int MINUTES = 60;
    /** Of what it took lately: as much again, less a little. */
    private static final double BACK = 0.97;
    /** More each minute: a tenth in twenty minutes. */
    private static final double UP = 1.005;
    private static final double SLOWEST = 1 / 300.0;

    private final String name;
    private final TimeSource time;
    private final int mostConnections;
    private final EvenRate rate;
    /** Taken by the receiver, minute by minute. */
    private final long[] taken = new long[MINUTES];
    private final long begun;
    private long minute;
    private boolean limited;
    private double perSecond;
    private double connections;
    private long pausedUntil;
    private long deafUntil;
    private int pauses;
    private long lastPushBack;

    AdaptivePace(String name, int mostConnections, TimeSource time) {
        this.name = name;
        this.time = time;
        this.mostConnections = mostConnections;
        connections = mostConnections;
        begun = time.nanos();
        pausedUntil = begun;
        deafUntil = begun;
        lastPushBack = begun;
        rate = new EvenRate(name, 1, time);
    }

    @Override
    public synchronized long peek() {
        turn();
        return Math.max(Math.max(0, pausedUntil - time.nanos()), limited ? rate.peek() : 0);
    }

    @Override
    public synchronized long take() {
        turn();
        long pause = pausedUntil - time.nanos();
        return pause > 0 ? pause : limited ? rate.take() : 0;
    }

    @Override
    public synchronized void giveBack() {
        if (limited) {
            rate.giveBack();
        }
    }

    /** The receiver took a message. */
    synchronized void accepted() {
        turn();
        taken[(int) (minute % MINUTES)]++;
        if (deafUntil - time.nanos() <= 0) {
            pauses = 0;
        }
    }

    /** It asked for less. What was under way when it first said so counts as said once. */
    synchronized void pushedBack() {
        turn();
        long now = time.nanos();
        if (deafUntil - now > 0) {
            return;
        }
        double lately = lately(now);
        perSecond = Math.max(SLOWEST, limited ? Math.min(perSecond * BACK, lately * BACK)
                : lately * BACK);
        limited = true;
        rate.spacing((long) (TimeUnit.SECONDS.toNanos(1) / perSecond));
        connections = Math.max(1, connections / 2);
        long pause = Math.min(LONGEST_PAUSE.toNanos(), FIRST_PAUSE.toNanos() << pauses);
        pauses = Math.min(pauses + 1, 10);
        pausedUntil = now + pause;
        // replies to what is still under way come in the next moments
        deafUntil = now + pause + FIRST_PAUSE.toNanos() / 3;
        lastPushBack = now;
    }

    /** Half of what it takes now. */
    synchronized void halve() {
        turn();
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
