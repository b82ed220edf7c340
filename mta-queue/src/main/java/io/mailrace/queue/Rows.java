// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows of the database that one batch puts and takes away, in order. A row of a family whose rows
 * are put once ({@link Store.Family#once}) is taken away by SingleDelete. One thread at a time; the
 * arrays are not changed after they were handed in.
 */
final class Rows {
    /** What happens to a row. */
    enum Act {
        /** There was no row of this key. */
        ADD,
        PUT,
        REMOVE,
        /** All rows from the key to the one that stands as its value, excluded. */
        REMOVE_RANGE
    }

    /** One change. */
    static final class Change {
        final Act act;
        final Store.Family family;
        final byte[] key;
        final byte[] value;

        Change(Act act, Store.Family family, byte[] key, byte[] value) {
            this.act = act;
            this.family = family;
            this.key = key;
            this.value = value;
        }

        private int length(int familyNumber) {
            return 1 + varintLength(familyNumber) + varintLength(key.length) + key.length
                    + (act == Act.REMOVE ? 0 : varintLength(value.length) + value.length);
        }

        private void write(ByteBuffer out, int familyNumber) {
            out.put(tag());
            varint(out, familyNumber);
            varint(out, key.length);
            out.put(key);
            if (act != Act.REMOVE) {
                varint(out, value.length);
                out.put(value);
            }
        }

        private byte tag() {
            return switch (act) {
                case ADD, PUT -> TAG_PUT;
                case REMOVE -> family.once() ? TAG_SINGLE_DELETE : TAG_DELETE;
                case REMOVE_RANGE -> TAG_DELETE_RANGE;
            };
        }
    }

    /** Gives the number under which RocksDB knows a family. */
    interface Numbers {
        int of(Store.Family family);
    }

    private static final byte[] NOTHING = {};
    /** A sequence number, which RocksDB fills in, and the count of changes, lowest byte first. */
    private static final int HEAD_BYTES = 12;
    private static final int COUNT_AT = 8;
    private static final byte TAG_DELETE = 4;
    private static final byte TAG_PUT = 5;
    private static final byte TAG_SINGLE_DELETE = 8;
    private static final byte TAG_DELETE_RANGE = 14;

    private final List<Change> changes = new ArrayList<>();
    private boolean ranges;

    /** Puts a row that the database has not: it may never get there when it is removed soon. */
    void add(Store.Family family, byte[] key, byte[] value) {
        changes.add(new Change(Act.ADD, family, key, value));
    }

    void put(Store.Family family, byte[] key, byte[] value) {
        changes.add(new Change(Act.PUT, family, key, value));
    }

    void remove(Store.Family family, byte[] key) {
        changes.add(new Change(Act.REMOVE, family, key, NOTHING));
    }

    void removeRange(Store.Family family, byte[] from, byte[] to) {
        changes.add(new Change(Act.REMOVE_RANGE, family, from, to));
        ranges = true;
    }

    List<Change> changes() {
        return changes;
    }

    boolean hasRanges() {
        return ranges;
    }

    /** All of it as RocksDB serializes a {@code WriteBatch} (FORMAT.md, "The log"). */
    byte[] serialized(Numbers numbers) {
        int bytes = HEAD_BYTES;
        for (Change change : changes) {
            bytes += change.length(numbers.of(change.family));
        }
        ByteBuffer out = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(COUNT_AT, changes.size()).position(HEAD_BYTES);
        for (Change change : changes) {
            change.write(out, numbers.of(change.family));
        }
        return out.array();
    }

    /** Seven bits a byte, lowest first. */
    private static void varint(ByteBuffer out, int value) {
        int rest = value;
        while (rest > 0x7f) {
            out.put((byte) (rest & 0x7f | 0x80));
            rest >>>= 7;
        }
        out.put((byte) rest);
    }

    private static int varintLength(int value) {
        return (37 - Integer.numberOfLeadingZeros(value | 1) + 1) / 7;
    }
}
