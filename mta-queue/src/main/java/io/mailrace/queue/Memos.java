// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import java.nio.ByteBuffer;
import java.util.ArrayList;
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
    /** Most numbers under one name. */
    int MAX_NUMBERS = 64;
    /** First byte of a value made by additions. */
    byte NUMBERS_VERSION = 1;

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

    /**
     * Numbers to add to those stored under a name, in the batch of a {@link Settlement}; what is
     * not stored counts as 0. A name that is added to is otherwise only ever removed.
     *
     * @param by one for each place, in the order of the places; at most {@value #MAX_NUMBERS}
     */
    record Addition(String name, List<Long> by) {
        public Addition {
            by = List.copyOf(by);
            if (name.isEmpty() || name.length() > MAX_NAME || by.size() > MAX_NUMBERS) {
                throw new IllegalArgumentException("an addition needs a name of at most 500 "
                        + "characters and at most 64 numbers");
            }
        }

        /** What is stored after it. */
        public byte[] appliedTo(byte[] value) {
            List<Long> old = numbers(value);
            int count = Math.max(old.size(), by.size());
            ByteBuffer out = ByteBuffer.allocate(1 + count * Long.BYTES).put(NUMBERS_VERSION);
            for (int i = 0; i < count; i++) {
                out.putLong((i < old.size() ? old.get(i) : 0) + (i < by.size() ? by.get(i) : 0));
            }
            return out.array();
        }

        /** The numbers of a value that was made by additions; none when it was not. */
        public static List<Long> numbers(byte[] value) {
            if (value.length == 0 || value[0] != NUMBERS_VERSION
                    || value.length % Long.BYTES != 1) {
                return List.of();
            }
            ByteBuffer in = ByteBuffer.wrap(value, 1, value.length - 1);
            List<Long> numbers = new ArrayList<>();
            while (in.hasRemaining()) {
                numbers.add(in.getLong());
            }
            return List.copyOf(numbers);
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
