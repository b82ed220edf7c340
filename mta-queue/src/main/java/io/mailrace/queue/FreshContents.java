// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayDeque;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Bytes of contents of one chunk accepted lately, so that the first attempt reads no disk. Holds at
 * most {@code maxBytes}; the oldest go first. Written by {@code spool-commit}, read by any thread.
 */
final class FreshContents {
    private static final int SLACK = 10_000;

    private final Map<Long, byte[]> contents = new ConcurrentHashMap<>();
    /** Ids in order of arrival, some of them gone already. Confined to {@code spool-commit}. */
    private final Queue<Long> order = new ArrayDeque<>();
    private final long maxBytes;
    private volatile long bytes;

    FreshContents(long maxBytes) {
        this.maxBytes = maxBytes;
    }

    byte @Nullable [] get(long id) {
        return contents.get(id);
    }

    void put(long id, byte[] content) {
        if (content.length > maxBytes) {
            return;
        }
        while (bytes + content.length > maxBytes && !order.isEmpty()) {
            drop(order.remove());
        }
        contents.put(id, content);
        order.add(id);
        count(content.length);
        if (order.size() > 2 * contents.size() + SLACK) {
            order.removeIf(one -> !contents.containsKey(one));
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

    @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
    private void count(long difference) {
        bytes += difference;
    }
}
