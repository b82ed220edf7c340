// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.SpoolId;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One thing {@code spool-commit} is asked to write. Everything expensive (routing, encoding, sums)
 * was done by the thread that asked.
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, never changed
sealed interface Operation {

    /** Who is told of the outcome, and where. */
    record Told(Executor where, CommitListener listener) {}

    /** Who is told; null when nobody is. */
    @Nullable
    Told told();

    /** About how many bytes it puts into the batch. */
    int bytes();

    /**
     * Whether it must not be given up when the disk refuses it: it is about mail that was
     * acknowledged. Others fail, and the client is told to come again.
     */
    default boolean isKept() {
        return true;
    }

    /** An encoded event; {@code id} of its message, null when it has none. */
    record Recorded(@Nullable SpoolId id, byte[] record) {}

    /** An envelope with its records; {@code record} is null when it stands on disk already. */
    record NewEnvelope(Entry entry, byte @Nullable [] record, byte[] schedule) {}

    /**
     * A message complete but for what stands on disk already.
     *
     * @param chunks as stored; those before {@code firstChunk} are on disk under a marker
     * @param lint an event about what was found on it, null when nothing was
     * @param fresh bytes for the cache, null when there are several chunks
     */
    record NewMail(SpoolId id, List<StoredChunk> chunks, int firstChunk,
            List<NewEnvelope> envelopes, byte[] received, byte @Nullable [] lint,
            byte @Nullable [] fresh) {

        int bytes() {
            int bytes = received.length + 300 * envelopes.size();
            for (StoredChunk chunk : chunks) {
                bytes += chunk.length();
            }
            return bytes;
        }
    }

    /**
     * Makes a message durable.
     *
     * @param failuresBefore write failures of the spool when its first chunk went to the disk: a
     *        chunk not synced then may be gone since, so the message must not be acknowledged
     */
    record Accept(NewMail mail, int failuresBefore, @Nullable Told told) implements Operation {
        @Override
        public int bytes() {
            return mail.bytes();
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** Writes a full chunk of a message that is still arriving. */
    record Chunk(SpoolId id, int index, StoredChunk value, Told told) implements Operation {
        @Override
        public int bytes() {
            return value.length();
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** Removes the chunks of a message that was not accepted. */
    record Discard(SpoolId id, int chunks) implements Operation {
        @Override
        public @Nullable Told told() {
            return null;
        }

        @Override
        public int bytes() {
            return 64;
        }
    }

    /**
     * Replaces a taken or claimed envelope, or one that is held, by what is left of it.
     *
     * @param place where it stands; the due time means nothing for one that is held
     * @param contentBytes of its message, which goes with the last envelope
     * @param keepUntil spool time until which the content is kept then; 0: not at all
     * @param rest null when every recipient is done
     * @param additions counted in the same batch
     */
    record Settle(QueueState queue, Place place, boolean held, int envelopesOfMessage,
            long contentBytes, long keepUntil, @Nullable Rest rest, List<Recorded> events,
            List<NewMail> dsns, List<Memos.Addition> additions, @Nullable Told told)
            implements
                Operation {
        @Override
        public int bytes() {
            int bytes = 200 + 600 * additions.size();
            for (Recorded event : events) {
                bytes += event.record().length;
            }
            for (NewMail dsn : dsns) {
                bytes += dsn.bytes();
            }
            return bytes;
        }
    }

    /** What waits on; {@code record} is null when no recipient left. */
    record Rest(Entry entry, byte @Nullable [] record, byte[] schedule) {}

    /** Takes a claimed envelope out of the schedule until it is released. */
    record Hold(QueueState queue, Place place, byte[] record, Recorded event, Told told)
            implements
                Operation {
        @Override
        public int bytes() {
            return 200 + record.length + event.record().length;
        }
    }

    /** Puts a held envelope into the schedule again. */
    record Release(QueueState queue, NewEnvelope envelope, Recorded event, Told told)
            implements
                Operation {
        @Override
        public int bytes() {
            return 200 + envelope.schedule().length + event.record().length;
        }
    }

    /**
     * Replaces a claimed envelope by others with the same recipients: another due time, another
     * queue, or several.
     */
    record Move(QueueState queue, Place place, List<NewEnvelope> to, Recorded event, Told told)
            implements
                Operation {
        @Override
        public int bytes() {
            return 400 * to.size() + event.record().length;
        }
    }

    /** Removes a content that was kept after its mail was settled. */
    record Forget(long keptUntil, SpoolId id, long contentBytes, Told told) implements Operation {
        @Override
        public int bytes() {
            return 64;
        }

        /** The next sweep finds it again. */
        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** A chunk that stands in the log twice, on disk. */
    record Moving(SpoolId id, int index, LogPlace from, LogPlace to) {}

    /** From now on chunks are where they were copied to, if they still are where they were. */
    record Relocate(List<Moving> moving, Told told) implements Operation {
        @Override
        public int bytes() {
            return 64 * moving.size();
        }

        /** The next sweep finds it again. */
        @Override
        public boolean isKept() {
            return false;
        }
    }

    /**
     * Takes a slot for old mail; the one before is left. Only when nothing is on its way that was
     * copied there.
     *
     * @param lastRefused whether the disk refused the one before: others are taken first then
     * @param slot gets its number; also where the batch fails, and then it is left by the next
     */
    record TakeSlot(boolean lastRefused, AtomicInteger slot, Told told) implements Operation {
        @Override
        public int bytes() {
            return 0;
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** Removes files of the log in which nothing is needed, but for so many. */
    record TrimLog(int keep) implements Operation {
        @Override
        public @Nullable Told told() {
            return null;
        }

        @Override
        public int bytes() {
            return 0;
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** Adds a loose event; lost when the disk refuses it. */
    record Append(Recorded event, Told told) implements Operation {
        @Override
        public int bytes() {
            return event.record().length;
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** Writes values other modules must not forget; lost when the disk refuses it. */
    record Memo(List<Memos.Change> changes, List<Recorded> events, Told told)
            implements
                Operation {
        @Override
        public int bytes() {
            int bytes = 0;
            for (Memos.Change change : changes) {
                bytes += 64 + change.name().length() + change.value().map(v -> v.length).orElse(0);
            }
            for (Recorded event : events) {
                bytes += event.record().length;
            }
            return bytes;
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** Stores how far a reader of the journal has come. */
    record SavePosition(String reader, long sequence) implements Operation {
        @Override
        public @Nullable Told told() {
            return null;
        }

        @Override
        public int bytes() {
            return 64;
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** Drops old events: those before the sequence, and what of the index is only theirs. */
    record TrimEvents(long beforeSequence) implements Operation {
        @Override
        public @Nullable Told told() {
            return null;
        }

        @Override
        public int bytes() {
            return 64;
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** Sets a claimed envelope aside that cannot be decoded. */
    record Quarantine(QueueState queue, Place place, byte[] schedule, String why)
            implements
                Operation {
        @Override
        public @Nullable Told told() {
            return null;
        }

        @Override
        public int bytes() {
            return 300;
        }
    }

    /** Forgets a queue if it is still idle. Goes into a batch with others of its kind only. */
    record DropQueue(QueueState queue) implements Operation {
        @Override
        public @Nullable Told told() {
            return null;
        }

        @Override
        public int bytes() {
            return 64;
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }

    /** Ends the commit thread once everything before it is written. */
    record Stop() implements Operation {
        @Override
        public @Nullable Told told() {
            return null;
        }

        @Override
        public int bytes() {
            return 0;
        }

        @Override
        public boolean isKept() {
            return false;
        }
    }
}
