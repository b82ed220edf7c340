// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;

/**
 * Small named values that must outlive the process: suspensions, counters of the day. Written by
 * {@code spool-commit} like mail, synced before the listener is told.
 */
public interface Memos {
    /** Longest name, in characters. */
    int MAX_NAME = 500;
    /** Largest value, in bytes. */
    int MAX_VALUE = 64 * 1024;

    /**
     * One value to write.
     *
     * @param value empty: the name is forgotten
     */
    record Change(String name, Optional<byte[]> value) {
        public Change {
            if (name.isEmpty() || name.length() > MAX_NAME) {
                throw new IllegalArgumentException("a memo needs a name of at most 500 "
                        + "characters");
            }
            if (value.isPresent() && value.get().length > MAX_VALUE) {
                throw new IllegalArgumentException("a memo is at most 64 KB");
            }
        }

        public static Change put(String name, byte[] value) {
            return new Change(name, Optional.of(value));
        }

        public static Change remove(String name) {
            return new Change(name, Optional.empty());
        }
    }

    /** All values whose name begins so, by name. Reads the disk: blocks. */
    Map<String, byte[]> beginningWith(String prefix);

    /** Shows all values whose name begins so, by name, without keeping them. Blocks. */
    void each(String prefix, BiConsumer<String, byte[]> visitor);

    /**
     * Writes all changes and events in one batch. Any thread; never blocks. Changes of one name
     * take effect in the order they were handed over. When the disk refuses them, nothing of it is
     * written and the listener hears so.
     */
    void write(List<Change> changes, List<Event> events, Executor where, CommitListener listener);
}
