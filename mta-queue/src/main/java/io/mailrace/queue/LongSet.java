// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

/**
 * A set of positive numbers in 8 to 16 bytes each, for a check of a spool with millions of
 * messages. Grows with what is added. Confined to one thread.
 */
final class LongSet {
    private static final int FIRST = 1024;

    private long[] slots = new long[FIRST];
    private int size;

    /** False when it was in already. */
    boolean add(long value) {
        if (value <= 0) {
            throw new IllegalArgumentException("not positive: " + value);
        }
        if (2 * size >= slots.length) {
            long[] old = slots;
            slots = new long[2 * old.length];
            for (long one : old) {
                if (one != 0) {
                    slots[slotOf(one)] = one;
                }
            }
        }
        int slot = slotOf(value);
        if (slots[slot] == value) {
            return false;
        }
        slots[slot] = value;
        size++;
        return true;
    }

    boolean contains(long value) {
        return value > 0 && slots[slotOf(value)] == value;
    }

    int size() {
        return size;
    }

    private int slotOf(long value) {
        long mixed = value * 0x9E3779B97F4A7C15L;
        int slot = (int) (mixed >>> 32) & slots.length - 1;
        while (slots[slot] != 0 && slots[slot] != value) {
            slot = slot + 1 & slots.length - 1;
        }
        return slot;
    }
}
