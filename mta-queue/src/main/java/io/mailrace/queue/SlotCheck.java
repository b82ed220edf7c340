// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The log's part of a check of a spool: what the rows of {@code in-log} name, added up for each
 * slot. A slot that is said to hold less than it does would be written anew too soon. One thread.
 */
final class SlotCheck {
    private static final byte[] NOTHING = {};

    private final Store store;
    private final Map<Integer, SpoolLog.Live> slots = new TreeMap<>();

    SlotCheck(Store store) {
        this.store = store;
    }

    /** The stored chunk a row names; empty when it is not where it should be. */
    byte[] chunk(long id, int index, byte[] row) {
        try {
            LogPlace place = LogPlace.decode(row);
            count(place, 1);
            byte[] value = store.log().chunk(place, id, index);
            return value == null ? NOTHING : value;
        } catch (SpoolException damaged) {
            if (damaged.mayPass()) {
                throw damaged;
            }
            return NOTHING;
        }
    }

    /** These chunks are going to be removed. */
    void leave(SpoolId id, int chunks) {
        for (int chunk = 0; chunk < chunks; chunk++) {
            byte[] row = store.get(Store.Family.IN_LOG, Keys.content(id, chunk));
            try {
                if (row != null) {
                    count(LogPlace.decode(row), -1);
                }
            } catch (SpoolException damaged) {
                // Not counted either.
            }
        }
    }

    private void count(LogPlace place, int sign) {
        slots.merge(place.slot(), new SpoolLog.Live(sign, (long) sign * place.length()),
                SpoolLog.Live::plus);
    }

    /** Compares with what is stored, and puts it right. */
    void compare(Scan scan, Consumer<String> problem, @Nullable SpoolMend mend) {
        Map<Integer, SpoolLog.Live> said = new TreeMap<>();
        scan.rows(Keys.kind(Keys.SLOT), Keys.kind(Keys.SLOT + 1), (key, value) -> {
            int slot = Keys.intAt(key, 1);
            slots.putIfAbsent(slot, SpoolLog.Live.NONE);
            try {
                said.put(slot, QueueCodec.live(value));
            } catch (SpoolException damaged) {
                problem.accept("slot " + slot + " of the log: " + damaged.getMessage());
            }
            return true;
        });
        slots.forEach((slot, live) -> {
            SpoolLog.Live stored = said.getOrDefault(slot, SpoolLog.Live.NONE);
            if (!stored.equals(live)) {
                problem.accept("slot " + slot + " of the log is said to hold " + stored.chunks()
                        + " chunks of " + stored.bytes() + " bytes, it holds " + live.chunks()
                        + " of " + live.bytes());
            }
            if (mend != null) {
                mend.put(Store.Family.STATE, Keys.state(Keys.SLOT, slot), QueueCodec.live(live));
            }
        });
    }

    /** Shows rows of the family {@code state} between two keys, around those that are damaged. */
    interface Scan {
        void rows(byte[] from, byte[] to, Store.Visitor visitor);
    }
}
