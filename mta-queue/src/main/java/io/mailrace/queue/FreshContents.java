// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.TimeSource;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Bytes of contents of one chunk accepted lately, so that the first attempt reads no disk. Holds at
 * most {@code maxBytes}. Where all mail waits its turn, what is oldest is sent next: when there is
 * no more room a new content is not kept, rather than in place of one that came shortly before. But
 * mail that others overtake (its receiver does not answer, say) gets a small part of the room only.
 * Written by {@code spool-commit}, read by any thread.
 */
final class FreshContents {
    private static final int SLACK = 10_000;
    /** After this long without a first attempt, others need the room more. */
    private static final long PATIENCE_NANOS = Duration.ofSeconds(10).toNanos();
    /** Overtaken is what has waited longer than twice the mean wait of others and this. */
    private static final long OVERTAKEN_NANOS = Duration.ofMillis(500).toNanos();
    /** One of so many is what a content counts in {@link #meanWaitNanos}. */
    private static final int MEAN_OF = 64;
    /** One of so many octets may be of mail that is overtaken; less than holds up intake. */
    private static final int SHARE_OVERTAKEN = 8;

    private static final class Kept {
        private final byte[] bytes;
        private final long sinceNanos;

        Kept(byte[] bytes, long sinceNanos) {
            this.bytes = bytes;
            this.sinceNanos = sinceNanos;
        }
    }

    private final TimeSource time;
    private final Map<Long, Kept> contents = new ConcurrentHashMap<>();
    /** In order, some of them gone already. Confined to {@code spool-commit}. */
    private final Queue<Long> order = new ArrayDeque<>();
    private final long maxBytes;
    private volatile long bytes;
    /**
     * Of those that went lately, from their arrival on. What went because it was overtaken counts
     * with its age: where all have to wait longer than before, nobody is overtaken. Confined to
     * {@code spool-commit}.
     */
    private long meanWaitNanos = PATIENCE_NANOS;

    FreshContents(long maxBytes, TimeSource time) {
        this.time = time;
        this.maxBytes = maxBytes;
    }

    /** Keeps nothing. */
    static FreshContents none() {
        return new FreshContents(0, TimeSource.system());
    }

    byte @Nullable [] get(long id) {
        Kept kept = contents.get(id);
        return kept == null ? null : kept.bytes;
    }

    void put(long id, byte[] content) {
        if (content.length > maxBytes) {
            return;
        }
        long now = time.nanos();
        makeRoom(content.length, now);
        if (bytes + content.length > maxBytes) {
            return;
        }
        contents.put(id, new Kept(content, now));
        order.add(id);
        count(content.length);
        if (order.size() > 2 * contents.size() + SLACK) {
            order.removeIf(one -> !contents.containsKey(one));
        }
    }

    private void makeRoom(int length, long now) {
        long patience = Math.min(PATIENCE_NANOS, 2 * meanWaitNanos + OVERTAKEN_NANOS);
        for (Long oldest = order.peek(); oldest != null; oldest = order.peek()) {
            Kept kept = contents.get(oldest);
            boolean isOvertaken = kept != null && now - kept.sinceNanos > patience
                    && bytes + length > maxBytes / SHARE_OVERTAKEN;
            if (kept != null && !isOvertaken) {
                return;
            }
            remove(order.remove(), now);
        }
    }

    /** It was sent, or goes to others later; nothing happens where it is not here. */
    void drop(long id) {
        remove(id, time.nanos());
    }

    private void remove(long id, long now) {
        Kept kept = contents.remove(id);
        if (kept != null) {
            count(-kept.bytes.length);
            long waited = Math.min(PATIENCE_NANOS, now - kept.sinceNanos);
            meanWaitNanos += (waited - meanWaitNanos) / MEAN_OF;
        }
    }

    long bytes() {
        return bytes;
    }

    int percent() {
        return maxBytes == 0 ? 0 : (int) (bytes * 100 / maxBytes);
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private void count(long difference) {
        bytes += difference;
    }
}
