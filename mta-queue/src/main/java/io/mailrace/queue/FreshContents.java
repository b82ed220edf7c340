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
 * most {@code maxBytes}. What is sent next is what is oldest, so when there is no more room a new
 * content is not kept, rather than in place of one that came in the last seconds. Written by
 * {@code spool-commit}, read by any thread.
 */
final class FreshContents {
    private static final int SLACK = 10_000;
    /** After this long without a first attempt, others need the room more. */
    private static final long PATIENCE_NANOS = Duration.ofSeconds(10).toNanos();

    private record Arrival(long id, long nanos) {}

    private final TimeSource time;
    private final Map<Long, byte[]> contents = new ConcurrentHashMap<>();
    /** In order, some of them gone already. Confined to {@code spool-commit}. */
    private final Queue<Arrival> order = new ArrayDeque<>();
    private final long maxBytes;
    private volatile long bytes;

    FreshContents(long maxBytes, TimeSource time) {
        this.time = time;
        this.maxBytes = maxBytes;
    }

    /** Keeps nothing. */
    static FreshContents none() {
        return new FreshContents(0, TimeSource.system());
    }

    byte @Nullable [] get(long id) {
        return contents.get(id);
    }

    void put(long id, byte[] content) {
        if (content.length > maxBytes) {
            return;
        }
        long now = time.nanos();
        Arrival oldest = order.peek();
        while (bytes + content.length > maxBytes && oldest != null
                && (now - oldest.nanos > PATIENCE_NANOS || !contents.containsKey(oldest.id))) {
            drop(order.remove().id);
            oldest = order.peek();
        }
        if (bytes + content.length > maxBytes) {
            return;
        }
        contents.put(id, content);
        order.add(new Arrival(id, now));
        count(content.length);
        if (order.size() > 2 * contents.size() + SLACK) {
            order.removeIf(one -> !contents.containsKey(one.id));
        }
    }

    void drop(long id) {
        byte[] content = contents.remove(id);
        if (content != null) {
            count(-content.length);
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
