// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Lane;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A line with priority: the highest lane first, in a lane first in first out. While it waits, a
 * lower lane is passed over a bounded number of times: default by at most 8 of others in a row,
 * bulk by at most 15. So transactional has at most two of lower lanes before it and nobody starves.
 * Each step takes constant time. Not thread-safe; its user bounds it.
 */
final class LaneQueue<T> {
    private final Map<Lane, Line<T>> lines = new EnumMap<>(Lane.class);
    private int size;

    private static final class Line<T> {
        final ArrayDeque<T> all = new ArrayDeque<>(1);
        final int mayBePassed;
        /** How many of other lanes left since one of this lane left, while it waited. */
        int passed;

        Line(Lane lane) {
            mayBePassed = switch (lane) {
                case TRANSACTIONAL -> Integer.MAX_VALUE;
                case DEFAULT -> 7;
                case BULK -> 15;
            };
        }
    }

    LaneQueue() {
        for (Lane lane : Lane.values()) {
            lines.put(lane, new Line<>(lane));
        }
    }

    boolean isEmpty() {
        return size == 0;
    }

    int size() {
        return size;
    }

    int size(Lane lane) {
        return of(lane).all.size();
    }

    /** The highest lane that waits; null when nothing does. */
    @Nullable
    Lane highest() {
        for (Map.Entry<Lane, Line<T>> one : lines.entrySet()) {
            if (!one.getValue().all.isEmpty()) {
                return one.getKey();
            }
        }
        return null;
    }

    void addLast(Lane lane, T one) {
        of(lane).all.addLast(one);
        size++;
    }

    /** Gives back one that was taken. */
    void addFirst(Lane lane, T one) {
        of(lane).all.addFirst(one);
        size++;
    }

    /** The one whose turn it is; null when nothing waits. */
    @Nullable
    T poll() {
        Line<T> turn = turn();
        if (turn == null) {
            return null;
        }
        size--;
        T first = turn.all.pollFirst();
        for (Line<T> line : lines.values()) {
            line.passed = line == turn || line.all.isEmpty() ? 0 : line.passed + 1;
        }
        return first;
    }

    /** The one whose turn it is, which stays; null when nothing waits. */
    @Nullable
    T peek() {
        Line<T> turn = turn();
        return turn == null ? null : turn.all.peekFirst();
    }

    private @Nullable Line<T> turn() {
        Line<T> highest = null;
        Line<T> overdue = null;
        for (Line<T> line : lines.values()) {
            if (!line.all.isEmpty()) {
                highest = highest == null ? line : highest;
                overdue = line.passed >= line.mayBePassed ? line : overdue;
            }
        }
        return overdue == null ? highest : overdue;
    }

    /** The first of the highest lane; null when nothing waits. */
    @Nullable
    T first() {
        Lane lane = highest();
        return lane == null ? null : of(lane).all.peekFirst();
    }

    /** How many pass. */
    int count(Predicate<T> which) {
        int count = 0;
        for (Line<T> line : lines.values()) {
            for (T one : line.all) {
                count += which.test(one) ? 1 : 0;
            }
        }
        return count;
    }

    /** Takes out the first ones that pass, highest lane first. */
    List<T> pick(Predicate<T> which, long most) {
        List<T> picked = new ArrayList<>();
        for (Line<T> line : lines.values()) {
            for (Iterator<T> all = line.all.iterator(); all.hasNext() && picked.size() < most;) {
                T one = all.next();
                if (which.test(one)) {
                    all.remove();
                    picked.add(one);
                }
            }
        }
        size -= picked.size();
        return picked;
    }

    /** Takes out everything, highest lane first. */
    List<T> clear() {
        List<T> all = new ArrayList<>(size);
        for (Line<T> line : lines.values()) {
            all.addAll(line.all);
            line.all.clear();
        }
        size = 0;
        return all;
    }

    private Line<T> of(Lane lane) {
        return Objects.requireNonNull(lines.get(lane));
    }
}
