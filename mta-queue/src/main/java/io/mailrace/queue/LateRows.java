// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Rows that are committed, because the log has them, and are not in the database yet. Healthy mail
 * is gone before they would get there: what is added and removed meanwhile is never written. Any
 * thread; nobody waits for the disk here.
 */
final class LateRows {
    /*
     * The database goes from the state before all of these rows to the state after them in one
     * write; what comes meanwhile goes with the next one. When such a write fails nobody knows
     * whether it is there; writing the same rows, or later ones, once more must come out right
     * either way. So after a failure no row counts as one the database has not.
     */

    /** What the database is going to have under one key. */
    static final class Row {
        /** Null: nothing. */
        byte @Nullable [] value;
        /** Whether the database certainly has nothing under this key. */
        private boolean added;

        Row(boolean added) {
            this.added = added;
        }
    }

    /** A row as readers meet it. */
    static final class Seen {
        final byte[] key;
        final byte @Nullable [] value;

        Seen(byte[] key, byte @Nullable [] value) {
            this.key = key;
            this.value = value;
        }
    }

    /** Of one row in memory beside its bytes, about. */
    private static final int ROW_BYTES = 120;

    private Map<Store.Family, NavigableMap<byte[], Row>> waiting = none();
    /** Those on their way just now. */
    private Map<Store.Family, NavigableMap<byte[], Row>> leaving = none();
    private long after;
    private long newest;
    private long newestLeaving;
    private long waitingBytes;
    private volatile long bytes;

    private static Map<Store.Family, NavigableMap<byte[], Row>> none() {
        Map<Store.Family, NavigableMap<byte[], Row>> families = new EnumMap<>(Store.Family.class);
        for (Store.Family family : Store.Family.values()) {
            families.put(family, new TreeMap<>(Arrays::compareUnsigned));
        }
        return families;
    }

    /**
     * Takes the rows of one batch.
     *
     * @param rows without ranges
     * @param before number of the batch committed before
     * @param number of the batch
     */
    synchronized void take(Rows rows, long before, long number) {
        if (bytes == 0) {
            after = before;
        }
        newest = number;
        for (Rows.Change change : rows.changes()) {
            switch (change.act) {
                case ADD, PUT -> put(change);
                case REMOVE -> remove(change);
                case REMOVE_RANGE -> throw new IllegalArgumentException("a range cannot wait");
            }
        }
        count();
    }

    private void put(Rows.Change change) {
        Row row = new Row(change.act == Rows.Act.ADD);
        Row known = of(waiting, change.family).putIfAbsent(change.key, row);
        if (known == null) {
            waitingBytes += ROW_BYTES + change.key.length;
        } else {
            row = known;
            waitingBytes -= length(row);
        }
        row.value = change.value;
        waitingBytes += change.value.length;
    }

    /** Most rows that are removed were added: they are looked for once. */
    private void remove(Rows.Change change) {
        NavigableMap<byte[], Row> family = of(waiting, change.family);
        Row row = family.remove(change.key);
        if (row == null) {
            row = new Row(false);
            waitingBytes += ROW_BYTES + change.key.length;
        } else {
            waitingBytes -= length(row);
            row.value = null;
        }
        if (row.added) {
            waitingBytes -= ROW_BYTES + change.key.length;
        } else {
            family.put(change.key, row);
        }
    }

    private static int length(Row row) {
        return row.value == null ? 0 : row.value.length;
    }

    private static NavigableMap<byte[], Row> of(
            Map<Store.Family, NavigableMap<byte[], Row>> families, Store.Family family) {
        NavigableMap<byte[], Row> rows = families.get(family);
        if (rows == null) {
            throw new IllegalStateException("no such family: " + family);
        }
        return rows;
    }

    /** Null when the database knows better. */
    synchronized @Nullable Row find(Store.Family family, byte[] key) {
        Row row = of(waiting, family).get(key);
        return row == null ? of(leaving, family).get(key) : row;
    }

    /** In order, from a key (included) to another (excluded). */
    synchronized List<Seen> between(Store.Family family, byte[] from, byte[] to) {
        if (Arrays.compareUnsigned(from, to) >= 0) {
            return List.of();
        }
        NavigableMap<byte[], Row> rows = of(waiting, family).subMap(from, true, to, false);
        NavigableMap<byte[], Row> older = of(leaving, family).subMap(from, true, to, false);
        if (!older.isEmpty()) {
            NavigableMap<byte[], Row> both = new TreeMap<>(older);
            both.putAll(rows);
            rows = both;
        }
        List<Seen> seen = new ArrayList<>(rows.size());
        rows.forEach((key, row) -> seen.add(new Seen(key, row.value)));
        return seen;
    }

    /** Memory they take, about; 0 when there are none. */
    long bytes() {
        return bytes;
    }

    private void count() {
        bytes = waitingBytes + leaving.values().stream().mapToLong(Map::size).sum() * ROW_BYTES;
    }

    /** Number of the batch the database had when these rows began to wait. */
    synchronized long after() {
        return after;
    }

    /**
     * Begins to write: until {@link #left} or {@link #stays} the rows are seen as before.
     *
     * @return what must be written, all in one
     */
    synchronized Rows leave() {
        if (leaving.values().stream().anyMatch(rows -> !rows.isEmpty())) {
            throw new IllegalStateException("two writers at once");
        }
        leaving = waiting;
        newestLeaving = newest;
        waiting = none();
        waitingBytes = 0;
        count();
        Rows rows = new Rows();
        leaving.forEach((family, all) -> all.forEach((key, row) -> {
            byte[] value = row.value;
            if (value == null || (family.once() && !row.added)) {
                rows.remove(family, key);
            }
            if (value != null) {
                rows.put(family, key, value);
            }
        }));
        return rows;
    }

    /** They are in the database. */
    synchronized void left() {
        leaving = none();
        after = newestLeaving;
        count();
    }

    /** They may be in the database, all or none: they wait again, under what came meanwhile. */
    synchronized void stays() {
        Map<Store.Family, NavigableMap<byte[], Row>> newer = waiting;
        waiting = leaving;
        leaving = none();
        newer.forEach((family, rows) -> of(waiting, family).putAll(rows));
        waitingBytes = 0;
        waiting.forEach((family, rows) -> rows.forEach((key, row) -> {
            row.added = false;
            waitingBytes += ROW_BYTES + key.length + length(row);
        }));
        count();
    }

    /** The database has all of them by other means. */
    synchronized void clear() {
        waiting = none();
        leaving = none();
        waitingBytes = 0;
        count();
    }
}
