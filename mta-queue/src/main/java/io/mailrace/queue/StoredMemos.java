// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import io.mailrace.core.SpoolId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/** Memos in the family {@code state}. Any thread. */
final class StoredMemos implements Memos {
    private final Store store;
    private final Consumer<Operation> commits;

    StoredMemos(Store store, Consumer<Operation> commits) {
        this.store = store;
        this.commits = commits;
    }

    @Override
    public Map<String, byte[]> beginningWith(String prefix) {
        Map<String, byte[]> found = new TreeMap<>();
        each(prefix, found::put);
        return found;
    }

    @Override
    public void each(String prefix, BiConsumer<String, byte[]> visitor) {
        store.scan(Store.Family.STATE, Keys.memo(prefix), Keys.kind(Keys.MEMO + 1),
                (key, value) -> {
                    String name = Keys.readerName(key);
                    if (!name.startsWith(prefix)) {
                        return false;
                    }
                    visitor.accept(name, QueueCodec.memoOf(value));
                    return true;
                });
    }

    @Override
    public void write(List<Change> changes, List<Event> events, Executor where,
            CommitListener listener) {
        List<Operation.Recorded> recorded = new ArrayList<>(events.size());
        for (Event event : events) {
            SpoolId id = event instanceof Event.OfMessage of ? of.id() : null;
            recorded.add(new Operation.Recorded(id, EventCodec.encode(event)));
        }
        commits.accept(new Operation.Memo(List.copyOf(changes), recorded,
                new Operation.Told(where, listener)));
    }
}
