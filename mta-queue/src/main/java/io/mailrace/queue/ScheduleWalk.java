// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Shows all of a queue's schedule in pages of {@value #PAGE}, while mail comes and goes: what
 * leaves meanwhile may be shown and cannot be claimed any more, what arrives behind the page in
 * hand is shown too. Blocks; one thread for each walk.
 */
final class ScheduleWalk {
    private static final int PAGE = 256;

    /** Is shown the rows in order of due time. */
    interface Visitor {
        /** Whether to go on. */
        boolean row(QueueLoader.Row row) throws InterruptedException;
    }

    private final Store store;
    private final QueueLoader loader;

    ScheduleWalk(Store store, QueueLoader loader) {
        this.store = store;
        this.loader = loader;
    }

    void over(QueueState queue, Visitor visitor) throws InterruptedException {
        @Nullable
        Place from = Place.FIRST;
        while (from != null) {
            queue.beginSnapshot();
            try {
                List<QueueLoader.Row> page = page(queue, from);
                from = page.size() < PAGE ? null : page.getLast().place().next();
                for (QueueLoader.Row row : page) {
                    if (!visitor.row(row)) {
                        return;
                    }
                }
            } finally {
                queue.endSnapshot();
            }
        }
    }

    private List<QueueLoader.Row> page(QueueState queue, Place from) {
        List<QueueLoader.Row> page = new ArrayList<>();
        store.scanAround(Store.Family.SCHEDULE, Keys.schedule(queue.number(), from),
                Keys.queue(queue.number() + 1), (key, value) -> {
                    page.add(new QueueLoader.Row(Keys.placeOf(key), value));
                    return page.size() < PAGE;
                }, (after, next, why) -> loader.damaged(queue, why));
        return page;
    }
}
