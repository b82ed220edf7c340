// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * What one source that is warmed up sent to one provider on one day: messages begun in each hour,
 * and what became of them. Not thread-safe: guarded by its {@link WarmupTrack}.
 */
final class WarmupDay {
    private static final int HOURS = 24;

    /** What became of a message; the place is that of its count on disk. */
    enum Outcome {
        ACCEPTED(0), DEFERRED(1), BOUNCED(2),
        /** Deferred because it was the first contact: says nothing about the source. */
        GREYLISTED(3);

        private final int place;

        Outcome(int place) {
            this.place = place;
        }

        /** What one more adds to the counts on disk. */
        List<Long> one() {
            return Stream.of(values()).map(each -> each == this ? 1L : 0L).toList();
        }
    }

    /** Counts on disk, one for each outcome. */
    static final int COUNTS = Outcome.values().length;

    private final long day;
    /** Begun, so far as is known. */
    private final long[] used = new long[HOURS];
    /** May be used: on disk. */
    private final long[] granted = new long[HOURS];
    /** On disk or on its way there. */
    private final long[] promised = new long[HOURS];
    private final long[] counts = new long[COUNTS];
    private long cap;
    private long size;
    private boolean mixed;
    private long complained;
    private long blocked;
    private long lost;
    private boolean judged;

    /** @param day number of days since 1970, in the plan's zone */
    WarmupDay(long day) {
        this.day = day;
    }

    long day() {
        return day;
    }

    boolean judged() {
        return judged;
    }

    void judge() {
        judged = true;
    }

    long used() {
        return LongStream.of(used).sum();
    }

    long used(int hour) {
        return used[hour];
    }

    /** Begun in the hours from one to before another. */
    long used(int from, int to) {
        long sum = 0;
        for (int hour = from; hour < to; hour++) {
            sum += used[hour];
        }
        return sum;
    }

    /** What is on disk for an hour but not used yet. */
    long spare(int hour) {
        return granted[hour] - used[hour];
    }

    void use(int hour) {
        used[hour]++;
    }

    void giveBack(int hour) {
        used[hour] = Math.max(0, used[hour] - 1);
    }

    /** The cap of the day when mail of it was sent last; 0: none was. */
    long cap() {
        return cap;
    }

    /** Mail of it is sent now: under that cap, in a step of that size. */
    void under(long messages, long ofSize) {
        mixed |= size != 0 && size != ofSize && used() > 0;
        cap = messages;
        size = ofSize;
    }

    /** Whether all its mail was sent in steps of that size, as far as is known. */
    boolean allAt(long ofSize) {
        return !mixed && (size == 0 || size == ofSize);
    }

    /** The step of a size is one of another size in the plan that holds now. */
    void resize(long from, long to) {
        size = size == from ? to : size;
    }

    /** Whether its mail was sent in different steps. */
    boolean mixed() {
        return mixed;
    }

    /** An operator chose another step: what was sent so far says nothing about it. */
    void mix() {
        mixed |= used() > 0;
    }

    /** That much is about to be written. */
    void promise(int hour, long upTo) {
        promised[hour] = Math.max(promised[hour], upTo);
    }

    long promised(int hour) {
        return promised[hour];
    }

    /** That much is on disk. */
    void grant(int hour, long upTo) {
        granted[hour] = Math.max(granted[hour], upTo);
        promise(hour, upTo);
    }

    /** What other hours have left is not to be used any more, so that a crash wastes none of it. */
    void closeOthers(int hour) {
        for (int other = 0; other < HOURS; other++) {
            if (other != hour) {
                granted[other] = used[other];
                promised[other] = used[other];
            }
        }
    }

    /** What was promised did not get to the disk. */
    void refuse(int hour) {
        promised[hour] = granted[hour];
    }

    /** What is not used is not lost for the next start: it is written so afterwards. */
    void settleGrants() {
        System.arraycopy(used, 0, granted, 0, HOURS);
        System.arraycopy(used, 0, promised, 0, HOURS);
    }

    void count(Outcome outcome) {
        counts[outcome.place]++;
    }

    void complain(long messages) {
        complained += messages;
    }

    void block() {
        blocked++;
    }

    /**
     * Takes up what is on disk. What was granted but never came back in a count may have been sent
     * or not: it stays used, but nobody is blamed for not using it.
     */
    void restore(List<Long> stored) {
        for (int i = 0; i < COUNTS; i++) {
            counts[i] = i < stored.size() ? stored.get(i) : 0;
        }
        lost = Math.max(0, used() - finished());
    }

    /** Used by a process that died before it wrote what became of it. */
    long lost() {
        return lost;
    }

    /** Messages of which it is known what became of them. */
    long finished() {
        return LongStream.of(counts).sum();
    }

    /** Those of them that say something about the source. */
    long sample() {
        return finished() - greylisted();
    }

    long greylisted() {
        return counts[Outcome.GREYLISTED.place];
    }

    long accepted() {
        return counts[Outcome.ACCEPTED.place];
    }

    long deferred() {
        return counts[Outcome.DEFERRED.place];
    }

    long bounced() {
        return counts[Outcome.BOUNCED.place];
    }

    long complained() {
        return complained;
    }

    long blocked() {
        return blocked;
    }

    /** Share of the messages that say something a count makes up. */
    double share(long count) {
        return sample() <= 0 ? 0 : (double) count / sample();
    }

    /** As if so many had been sent and accepted. */
    void suppose(int hour, long messages) {
        used[hour] += messages;
        counts[Outcome.ACCEPTED.place] += messages;
    }

    WarmupDay copy() {
        WarmupDay copy = new WarmupDay(day);
        System.arraycopy(used, 0, copy.used, 0, HOURS);
        System.arraycopy(granted, 0, copy.granted, 0, HOURS);
        System.arraycopy(promised, 0, copy.promised, 0, HOURS);
        System.arraycopy(counts, 0, copy.counts, 0, COUNTS);
        copy.cap = cap;
        copy.size = size;
        copy.mixed = mixed;
        copy.complained = complained;
        copy.blocked = blocked;
        copy.lost = lost;
        copy.judged = judged;
        return copy;
    }

    void write(DataOutputStream out) throws IOException {
        out.writeLong(day);
        out.writeBoolean(judged);
        out.writeLong(cap);
        out.writeLong(complained);
        out.writeLong(blocked);
        out.writeLong(size);
        out.writeBoolean(mixed);
        for (long hour : promised) {
            out.writeLong(hour);
        }
    }

    /** @param sized whether it was written with its size: not by version 1 of the track */
    static WarmupDay read(DataInputStream in, boolean sized) throws IOException {
        WarmupDay day = new WarmupDay(in.readLong());
        day.judged = in.readBoolean();
        day.cap = in.readLong();
        day.complained = in.readLong();
        day.blocked = in.readLong();
        if (sized) {
            day.size = in.readLong();
            day.mixed = in.readBoolean();
        }
        for (int hour = 0; hour < HOURS; hour++) {
            long count = in.readLong();
            day.used[hour] = count;
            day.granted[hour] = count;
            day.promised[hour] = count;
        }
        return day;
    }
}
