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
 * is gone before they would get there: what is added and removed meanwhile is never written.
 * Guarded by its monitor.
 */
final class LateRows {
    /*
     * The database goes from the state before all of these rows to the state after them in one
     * write. When such a write fails nobody knows whether it is there; writing the same rows, or
     * later ones, once more must come out right either way. So after a failure no row counts as one
     * the database has not (doubt).
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

    private final Map<Store.Family, NavigableMap<byte[], Row>> families = new EnumMap<>(
            Store.Family.class);
    private long bytes;

    LateRows() {
        for (Store.Family family : Store.Family.values()) {
            families.put(family, new TreeMap<>(Arrays::compareUnsigned));
        }
    }

    /** @param rows without ranges */
    synchronized void take(Rows rows) {
        for (Rows.Change change : rows.changes()) {
            switch (change.act) {
                case ADD, PUT -> put(change);
                case REMOVE -> remove(change);
                case REMOVE_RANGE -> throw new IllegalArgumentException("a range cannot wait");
            }
        }
    }

    private void put(Rows.Change change) {
        Row row = of(change.family).get(change.key);
        if (row == null) {
            row = new Row(change.act == Rows.Act.ADD);
            begin(change, row);
        } else {
            bytes -= length(row);
        }
        row.value = change.value;
        bytes += change.value.length;
    }

    private void remove(Rows.Change change) {
        NavigableMap<byte[], Row> family = of(change.family);
        Row row = family.get(change.key);
        if (row == null) {
            begin(change, new Row(false));
            return;
        }
        bytes -= length(row);
        row.value = null;
        if (row.added) {
            family.remove(change.key);
            bytes -= ROW_BYTES + change.key.length;
        }
    }

    private void begin(Rows.Change change, Row row) {
        of(change.family).put(change.key, row);
        bytes += ROW_BYTES + change.key.length;
    }

    private static int length(Row row) {
        return row.value == null ? 0 : row.value.length;
    }

    private NavigableMap<byte[], Row> of(Store.Family family) {
        NavigableMap<byte[], Row> rows = families.get(family);
        if (rows == null) {
            throw new IllegalStateException("no such family: " + family);
        }
        return rows;
    }

    /** Null when the database knows better. */
    synchronized @Nullable Row find(Store.Family family, byte[] key) {
        return of(family).get(key);
    }

    /** In order, from a key (included) to another (excluded). */
    synchronized List<Seen> between(Store.Family family, byte[] from, byte[] to) {
        if (Arrays.compareUnsigned(from, to) >= 0) {
            return List.of();
        }
        List<Seen> rows = new ArrayList<>();
        of(family).subMap(from, to).forEach((key, row) -> rows.add(new Seen(key, row.value)));
        return rows;
    }

    /** Memory they take, about. */
    synchronized long bytes() {
        return bytes;
    }

    /** What must be written. */
    synchronized Rows rows() {
        Rows rows = new Rows();
        families.forEach((family, all) -> all.forEach((key, row) -> {
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
    synchronized void clear() {
        families.values().forEach(Map::clear);
        bytes = 0;
    }

    /** They may be in the database, all or none. */
    synchronized void doubt() {
        families.values().forEach(rows -> rows.values().forEach(row -> row.added = false));
    }
}
