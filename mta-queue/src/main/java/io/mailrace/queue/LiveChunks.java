// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The chunks of one slot of the log that are needed, page by page. Where the ids in the slot are
 * known, their rows are read, which are those of mail that waits; else the slot is walked from its
 * start to its end. One thread, used once.
 */
final class LiveChunks {
    /**
     * @param place where it stands
     */
    record Chunk(SpoolId id, int index, LogPlace place) {}

    /** A page ends behind the chunk that makes it so large. */
    private static final int PAGE_BYTES = 4 << 20;
    static final int PAGE_CHUNKS = 1024;
    /** Rows that may be looked at for each one that is expected, and beside. */
    private static final int ROWS_EACH = 4;
    private static final int MORE_ROWS = 4096;

    private final class Page {
        final List<Chunk> chunks = new ArrayList<>();
        private int bytes;

        void add(Chunk chunk) {
            chunks.add(chunk);
            bytes += chunk.place.length();
        }

        boolean hasRoom() {
            return chunks.size() < pageChunks && bytes < PAGE_BYTES;
        }
    }

    private final Store store;
    private final int slot;
    private final int pageChunks;
    private final SpoolLog.Ids ids;
    private byte[] from;
    /** Rows that may still be looked at; then the slot is walked, or other mail would be. */
    private long rowsLeft;
    private long offset;

    /**
     * @param ids of the chunks in it; empty when they are not known
     * @param expected how many are needed, about
     * @param pageChunks so many in a page at most
     */
    LiveChunks(Store store, int slot, Optional<SpoolLog.Ids> ids, long expected,
            int pageChunks) {
        this.store = store;
        this.slot = slot;
        this.pageChunks = pageChunks;
        this.ids = ids.orElse(SpoolLog.Ids.NONE);
        from = Keys.ofMessage(this.ids.lowest());
        rowsLeft = ids.isEmpty() ? 0 : ROWS_EACH * expected + MORE_ROWS;
    }

    /**
     * The next ones; a chunk may come twice.
     *
     * @return none at the end
     * @throws SpoolException when slot or database cannot be read
     */
    List<Chunk> next() {
        if (rowsLeft > 0) {
            try {
                List<Chunk> page = byRows();
                if (!page.isEmpty() || rowsLeft > 0) {
                    return page;
                }
            } catch (SpoolException unreadable) {
                if (unreadable.mayPass()) {
                    throw unreadable;
                }
                // Perhaps that of another slot's mail.
                rowsLeft = 0;
            }
        }
        return byWalking();
    }

    private List<Chunk> byRows() {
        Page page = new Page();
        store.scan(Store.Family.IN_LOG, from, Keys.ofMessage(ids.highest() + 1), (key, value) -> {
            LogPlace place = LogPlace.decode(value);
            SpoolId id = new SpoolId(Keys.longAt(key, 0));
            int index = Keys.intAt(key, 8);
            if (place.slot() == slot) {
                page.add(new Chunk(id, index, place));
            }
            from = Keys.content(id, index + 1);
            rowsLeft--;
            return page.hasRoom() && rowsLeft > 0;
        });
        return page.chunks;
    }

    /** What was found before something that cannot be read comes first. */
    private List<Chunk> byWalking() {
        Page page = new Page();
        try {
            walk(page);
        } catch (SpoolException unreadable) {
            if (page.chunks.isEmpty()) {
                throw unreadable;
            }
        }
        return page.chunks;
    }

    private void walk(Page page) {
        LogEntry head = store.log().head(slot, offset);
        while (head != null && page.hasRoom()) {
            if (head.kind() == LogEntry.Kind.CHUNK) {
                Chunk chunk = new Chunk(new SpoolId(head.number()), (int) head.second(),
                        new LogPlace(slot, (int) offset, head.length()));
                if (isNeeded(chunk)) {
                    page.add(chunk);
                }
            }
            offset = head.end(offset);
            head = store.log().head(slot, offset);
        }
    }

    private boolean isNeeded(Chunk chunk) {
        byte[] row = store.get(Store.Family.IN_LOG, Keys.content(chunk.id, chunk.index));
        return row != null && LogPlace.decode(row).equals(chunk.place);
    }
}
