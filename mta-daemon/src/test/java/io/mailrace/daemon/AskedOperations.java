// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.queue.QueueKey;
import io.mailrace.queue.Selection;
import io.mailrace.queue.SetAction;
import io.mailrace.queue.SetOperations;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** Remembers what was asked for and does nothing; refuses once it was filled. */
final class AskedOperations implements SetOperations {
    /** One that was asked for. */
    record Asked(Selection selection, SetAction action, Consumer<Set<QueueKey>> found) {}

    final List<Asked> asked = new ArrayList<>();
    private boolean full;

    void fill() {
        full = true;
    }

    @Override
    public synchronized long start(Selection selection, SetAction action, String who,
            Consumer<Set<QueueKey>> found) {
        if (full) {
            throw new IllegalStateException("16 operations wait already");
        }
        asked.add(new Asked(selection, action, found));
        return asked.size();
    }

    @Override
    public synchronized List<Status> statuses() {
        List<Status> statuses = new ArrayList<>();
        for (int i = asked.size(); i > 0; i--) {
            Asked one = asked.get(i - 1);
            statuses.add(new Status(i, "tester", one.action().word(), one.selection().text(),
                    State.DONE, 1, 2, 3, 2, 1, ""));
        }
        return statuses;
    }

    @Override
    public boolean cancel(long number) {
        return false;
    }
}
