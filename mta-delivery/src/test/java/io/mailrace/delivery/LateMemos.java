// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Event;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Memos;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;

/** Memos in memory, written when the test says so: what is not written dies with the process. */
final class LateMemos implements Memos {
    final List<Event> events = new ArrayList<>();
    private final Map<String, byte[]> written = new TreeMap<>();
    private final ArrayDeque<Runnable> late = new ArrayDeque<>();

    @Override
    public Map<String, byte[]> beginningWith(String prefix) {
        Map<String, byte[]> found = new TreeMap<>();
        each(prefix, found::put);
        return found;
    }

    @Override
    public void each(String prefix, BiConsumer<String, byte[]> visitor) {
        Map.copyOf(written).forEach((name, value) -> {
            if (name.startsWith(prefix)) {
                visitor.accept(name, value);
            }
        });
    }

    @Override
    public void write(List<Change> changes, List<Event> added, Executor where,
            CommitListener listener) {
        late.add(() -> {
            changes.forEach(change -> change.value().ifPresentOrElse(
                    value -> written.put(change.name(), value),
                    () -> written.remove(change.name())));
            events.addAll(added);
            where.execute(listener::committed);
        });
    }

    /** The batch of a settlement. */
    void settle(List<Addition> additions) {
        late.add(() -> additions.forEach(one -> written.merge(one.name(), one.appliedTo(
                new byte[0]), (old, none) -> one.appliedTo(old))));
    }

    /** Writes so many of what waits, the oldest first. */
    void write(int most) {
        for (int left = most; left > 0 && !late.isEmpty(); left--) {
            late.removeFirst().run();
        }
    }

    void writeAll() {
        write(Integer.MAX_VALUE);
    }

    /** The process dies. */
    void crash() {
        late.clear();
    }

    List<String> actions() {
        return events.stream().filter(Event.WarmupStep.class::isInstance)
                .map(Event.WarmupStep.class::cast).map(Event.WarmupStep::action).toList();
    }
}
