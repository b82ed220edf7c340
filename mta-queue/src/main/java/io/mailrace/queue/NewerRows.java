// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import java.util.Arrays;
import java.util.List;

/** Shows rows of the database and those that are to come into it in one order. One thread, once. */
final class NewerRows implements Store.Visitor {
    private final List<LateRows.Seen> newer;
    private final Store.Visitor to;
    private int next;

    NewerRows(List<LateRows.Seen> newer, Store.Visitor to) {
        this.newer = newer;
        this.to = to;
    }

    @Override
    public boolean row(byte[] key, byte[] value) {
        while (next < newer.size()) {
            LateRows.Seen row = newer.get(next);
            int order = Arrays.compareUnsigned(row.key, key);
            if (order > 0) {
                break;
            }
            next++;
            if (order == 0) {
                return show(row);
            }
            if (!show(row)) {
                return false;
            }
        }
        return to.row(key, value);
    }

    /** The database has no more. */
    void end() {
        while (next < newer.size() && show(newer.get(next))) {
            next++;
        }
    }

    private boolean show(LateRows.Seen row) {
        return row.value == null || to.row(row.key, row.value);
    }
}
