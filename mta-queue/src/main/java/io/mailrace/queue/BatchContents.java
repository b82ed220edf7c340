// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What one batch does with stored chunks: puts them into the log when commits are synced, else into
 * the database, and takes them away from where they are. Confined to {@code spool-commit}.
 */
final class BatchContents {
    private static final Logger LOG = LoggerFactory.getLogger(BatchContents.class);

    private record Chunk(long id, int index) {}

    private final Store store;
    private final SpoolLog log;
    private final boolean logged;
    private final Rows rows;
    private final Map<Integer, SpoolLog.Live> changes = new HashMap<>();
    /** Where chunks are after this batch that it touches more than once; empty: in no slot. */
    private final Map<Chunk, Optional<LogPlace>> moved = new HashMap<>();

    BatchContents(Store store, SpoolLog log, boolean logged, Rows rows) {
        this.store = store;
        this.log = log;
        this.logged = logged;
        this.rows = rows;
    }

    /** Adds the chunk of a message that is accepted in this batch. */
    void put(SpoolId id, int index, StoredChunk value) {
        if (logged) {
            begin(id, index, value);
        } else {
            rows.add(Store.Family.CONTENT, Keys.content(id, index), value.joined());
        }
    }

    /** Adds a chunk of a message that may be given up in the same batch. */
    void putEarly(SpoolId id, int index, StoredChunk value) {
        if (logged) {
            moved.put(new Chunk(id.value(), index), Optional.of(begin(id, index, value)));
        } else {
            put(id, index, value);
        }
    }

    private LogPlace begin(SpoolId id, int index, StoredChunk value) {
        LogPlace place = log.append(id.value(), index, value);
        count(place, 1);
        rows.add(Store.Family.IN_LOG, Keys.content(id, index), place.encode());
        return place;
    }

    void remove(SpoolId id, int chunks) {
        for (int index = 0; index < chunks; index++) {
            byte[] key = Keys.content(id, index);
            if (!leaveLog(id, index, key)) {
                rows.remove(Store.Family.CONTENT, key);
            }
        }
    }

    private boolean leaveLog(SpoolId id, int index, byte[] key) {
        try {
            Optional<LogPlace> place = place(id, index, key);
            if (place.isEmpty()) {
                return false;
            }
            count(place.get(), -1);
        } catch (SpoolException damaged) {
            // Settled mail must not be kept by that. Where all is closed, what follows fails.
            LOG.error("place of a content in the log cannot be read, its slot is not freed id={}"
                    + " reason=\"{}\"", id, damaged.getMessage());
            rows.remove(Store.Family.IN_LOG, key);
            return false;
        }
        rows.remove(Store.Family.IN_LOG, key);
        moved.put(new Chunk(id.value(), index), Optional.empty());
        return true;
    }

    /** Nobody but this thread writes, so what is read here is what is there. */
    private Optional<LogPlace> place(SpoolId id, int index, byte[] key) {
        Optional<LogPlace> known = moved.get(new Chunk(id.value(), index));
        if (known != null) {
            return known;
        }
        byte[] row = log.isEmpty() ? null : store.get(Store.Family.IN_LOG, key);
        return row == null ? Optional.empty() : Optional.of(LogPlace.decode(row));
    }

    /** Notes where chunks were copied to that are neither gone nor moved by now. */
    void relocate(Operation.Relocate chunks) {
        for (Operation.Moving chunk : chunks.moving()) {
            byte[] key = Keys.content(chunk.id(), chunk.index());
            if (logged && isAt(chunk.id(), chunk.index(), key, chunk.from())) {
                count(chunk.from(), -1);
                count(chunk.to(), 1);
                rows.put(Store.Family.IN_LOG, key, chunk.to().encode());
                moved.put(new Chunk(chunk.id().value(), chunk.index()), Optional.of(chunk.to()));
            }
        }
    }

    /** A chunk whose place cannot be read stays where it is: new mail must not fail for that. */
    private boolean isAt(SpoolId id, int index, byte[] key, LogPlace where) {
        try {
            return place(id, index, key).filter(where::equals).isPresent();
        } catch (SpoolException damaged) {
            if (damaged.mayPass()) {
                throw damaged;
            }
            LOG.warn("place of a content in the log cannot be read, it is not moved id={}"
                    + " reason=\"{}\"", id, damaged.getMessage());
            return false;
        }
    }

    /** Adds what is needed of each slot after this batch. */
    void seal() {
        for (Map.Entry<Integer, SpoolLog.Live> change : changes.entrySet()) {
            rows.put(Store.Family.STATE, Keys.state(Keys.SLOT, change.getKey()),
                    QueueCodec.live(log.live(change.getKey()).plus(change.getValue())));
        }
    }

    /** By how much it changes what is needed of each slot. */
    Map<Integer, SpoolLog.Live> changes() {
        return changes;
    }

    private void count(LogPlace place, int sign) {
        changes.merge(place.slot(), new SpoolLog.Live(sign, (long) sign * place.length()),
                SpoolLog.Live::plus);
    }
}
