// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Content;
import io.mailrace.core.SpoolId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/**
 * One group commit being put together: what goes to the disk, and what to do in memory once it is
 * there. Nothing in memory changes before {@link #publish}. Confined to {@code spool-commit}.
 */
final class Batch implements AutoCloseable {

    /** What becomes of one queue. */
    private static final class Change {
        final List<Place> departures = new ArrayList<>();
        final List<Entry> arrivals = new ArrayList<>();
        long oldestMillis = Long.MAX_VALUE;
        long expiryMillis = Long.MAX_VALUE;
        int held;
    }

    private static final byte[] NOTHING = {};

    private final Store store;
    private final Queues queues;
    private final MessageCounts counts;
    private final WriteBatch rocks;
    private final BatchContents contents;
    private final List<Operation> operations = new ArrayList<>();
    private final Map<QueueState, Change> changes = new LinkedHashMap<>();
    /** Mail whose bytes somebody may want at once. */
    private final List<Operation.NewMail> sentSoon = new ArrayList<>();
    private final List<Long> settled = new ArrayList<>();
    private final List<QueueState> dropped = new ArrayList<>();
    /** What names that were added to or removed hold after this batch. */
    private final Map<String, byte[]> sums = new HashMap<>();
    private final long firstSequence;
    private long sequence;
    private int acceptedMails;
    private long liveBytes;
    private long keptBytes;
    private boolean mustSync;
    private long number;
    private Progress.LogMark mark = Progress.LogMark.NONE;

    /** The log, and whether contents go into it. */
    record BatchLog(SpoolLog log, boolean used) {}

    /** Gives queues to a batch, making new ones. */
    interface Queues {
        QueueState queue(QueueKey key);
    }

    /** @param newestEvent sequence of the newest committed event */
    Batch(Store store, BatchLog log, Queues queues, MessageCounts counts, long newestEvent,
            int sizeHint) {
        this.store = store;
        this.queues = queues;
        this.counts = counts;
        rocks = new WriteBatch(sizeHint);
        contents = new BatchContents(store, log.log(), log.used(), rocks);
        sequence = newestEvent;
        firstSequence = newestEvent;
    }

    void add(Operation operation) throws RocksDBException {
        switch (operation) {
            case Operation.Accept accept -> {
                mail(accept.mail());
                mustSync = true;
            }
            case Operation.Chunk chunk -> chunk(chunk);
            case Operation.Discard discard -> discard(discard);
            case Operation.Settle settle -> {
                settle(settle);
                mustSync = true;
            }
            case Operation.Hold hold -> hold(hold);
            case Operation.Release release -> release(release);
            case Operation.Move move -> move(move);
            case Operation.Forget forget -> forget(forget);
            case Operation.Append append -> event(append.event());
            case Operation.Memo memo -> {
                memo(memo);
                mustSync = true;
            }
            case Operation.SavePosition save -> rocks.put(store.handle(Store.Family.STATE),
                    Keys.reader(save.reader()), QueueCodec.number(save.sequence()));
            case Operation.TrimEvents trim -> trim(trim);
            case Operation.Quarantine bad -> quarantine(bad);
            case Operation.DropQueue drop -> drop(drop.queue());
            case Operation.Relocate chunk -> {
                contents.relocate(chunk);
                mustSync = true;
            }
            case Operation.TrimLog trim -> {
                // Done without a batch.
            }
            case Operation.Stop stop -> {
                // Nothing to write.
            }
        }
        operations.add(operation);
    }

    /** Adds counts of queues and the progress; nothing can be added afterwards. */
    WriteBatch seal(Progress progress) throws RocksDBException {
        for (Map.Entry<QueueState, Change> each : changes.entrySet()) {
            QueueState queue = each.getKey();
            Change change = each.getValue();
            long before = queue.count();
            long after = before + change.arrivals.size() - change.departures.size();
            long oldest = before == 0
                    ? change.oldestMillis
                    : Math.min(queue.oldestMillis(), change.oldestMillis);
            if (!queue.named) {
                rocks.put(store.handle(Store.Family.STATE),
                        Keys.state(Keys.QUEUE_NAME, queue.number()), QueueCodec.name(queue.key()));
            }
            rocks.put(store.handle(Store.Family.STATE),
                    Keys.state(Keys.QUEUE_COUNT, queue.number()),
                    QueueCodec.count(new QueueCodec.Count(after, oldest,
                            queue.held() + change.held,
                            queue.headAfter(change.departures, change.arrivals),
                            Math.min(queue.expiryMillis(), change.expiryMillis))));
        }
        contents.seal();
        rocks.put(store.handle(Store.Family.STATE), Keys.PROGRESS, progress.encode());
        return rocks;
    }

    /** Makes memory follow what is now on disk. */
    void publish(FreshContents fresh, QueueTable table, SpoolLog log) {
        log.committed(mark, contents.changes());
        for (long id : settled) {
            fresh.drop(id);
        }
        // Before the queues have it, and with it those who send.
        for (Operation.NewMail mail : sentSoon) {
            byte[] bytes = mail.fresh();
            if (bytes != null) {
                fresh.put(mail.id().value(), bytes);
            }
        }
        changes.forEach((queue, change) -> {
            queue.named = true;
            queue.publish(change.departures, change.arrivals, change.held);
        });
        dropped.forEach(table::remove);
    }

    private void memo(Operation.Memo memo) throws RocksDBException {
        for (Memos.Change change : memo.changes()) {
            byte[] key = Keys.memo(change.name());
            if (change.value().isPresent()) {
                rocks.put(store.handle(Store.Family.STATE), key,
                        QueueCodec.memo(change.value().get()));
            } else {
                rocks.delete(store.handle(Store.Family.STATE), key);
                sums.put(change.name(), NOTHING);
            }
        }
        for (Operation.Recorded event : memo.events()) {
            event(event);
        }
    }

    /** Reads what is stored once for each name: the sum is exact, for nobody else writes. */
    private void add(Memos.Addition addition) throws RocksDBException {
        byte[] key = Keys.memo(addition.name());
        byte[] before = sums.get(addition.name());
        if (before == null) {
            byte[] stored = store.get(Store.Family.STATE, key);
            before = stored == null ? NOTHING : QueueCodec.memoOf(stored);
        }
        byte[] after = addition.appliedTo(before);
        sums.put(addition.name(), after);
        rocks.put(store.handle(Store.Family.STATE), key, QueueCodec.memo(after));
    }

    List<Operation> operations() {
        return operations;
    }

    /** Under which number it goes to log and database, and where it stands in the log. */
    void written(long assigned, Progress.LogMark place) {
        number = assigned;
        mark = place;
    }

    Progress.LogMark mark() {
        return mark;
    }

    long number() {
        return number;
    }

    int acceptedMails() {
        return acceptedMails;
    }

    boolean mustSync() {
        return mustSync;
    }

    long newestEvent() {
        return sequence;
    }

    /** By how much the contents of waiting mail grew. */
    long liveBytes() {
        return liveBytes;
    }

    /** By how much the contents of settled mail grew that are kept. */
    long keptBytes() {
        return keptBytes;
    }

    boolean hasEvents() {
        return sequence > firstSequence;
    }

    @Override
    public void close() {
        rocks.close();
    }

    private void mail(Operation.NewMail mail) throws RocksDBException {
        int index = mail.firstChunk();
        for (StoredChunk chunk : mail.chunks()) {
            contents.put(mail.id(), index++, chunk);
        }
        if (mail.firstChunk() > 0) {
            rocks.delete(store.handle(Store.Family.STATE), Keys.marker(mail.id()));
        }
        boolean soon = false;
        for (Operation.NewEnvelope one : mail.envelopes()) {
            QueueState queue = arrive(one);
            soon = soon || queue.sendsSoon(one.entry().place());
        }
        if (soon) {
            sentSoon.add(mail);
        }
        liveBytes += mail.envelopes().getFirst().entry().envelope().facts().sizeBytes();
        event(new Operation.Recorded(mail.id(), mail.received()));
        byte[] lint = mail.lint();
        if (lint != null) {
            event(new Operation.Recorded(mail.id(), lint));
        }
        counts.accepted(mail.id().value(), mail.envelopes().size());
        acceptedMails++;
    }

    private QueueState arrive(Operation.NewEnvelope one) throws RocksDBException {
        Envelope envelope = one.entry().envelope();
        byte[] record = one.record();
        if (record != null) {
            rocks.put(store.handle(Store.Family.ENVELOPE),
                    Keys.envelope(envelope.id(), envelope.ordinal()), record);
        }
        QueueState queue = queues.queue(envelope.queue());
        arrive(queue, one.entry(), one.schedule());
        return queue;
    }

    private void arrive(QueueState queue, Entry entry, byte[] schedule) throws RocksDBException {
        rocks.put(store.handle(Store.Family.SCHEDULE),
                Keys.schedule(queue.number(), entry.place()), schedule);
        Change change = change(queue);
        change.arrivals.add(entry);
        change.oldestMillis = Math.min(change.oldestMillis, entry.envelope().agesFrom());
        change.expiryMillis = Math.min(change.expiryMillis, entry.envelope().expiresEpochMillis());
    }

    private void depart(QueueState queue, Place place) throws RocksDBException {
        rocks.singleDelete(store.handle(Store.Family.SCHEDULE),
                Keys.schedule(queue.number(), place));
        change(queue).departures.add(place);
    }

    private void chunk(Operation.Chunk chunk) throws RocksDBException {
        if (chunk.index() == 0) {
            rocks.put(store.handle(Store.Family.STATE), Keys.marker(chunk.id()),
                    QueueCodec.number(0));
        }
        contents.putEarly(chunk.id(), chunk.index(), chunk.value());
    }

    private void discard(Operation.Discard discard) throws RocksDBException {
        contents.remove(discard.id(), discard.chunks());
        rocks.delete(store.handle(Store.Family.STATE), Keys.marker(discard.id()));
    }

    private void settle(Operation.Settle settle) throws RocksDBException {
        SpoolId id = new SpoolId(settle.place().id());
        byte[] envelopeKey = Keys.envelope(id, settle.place().ordinal());
        if (settle.held()) {
            unhold(settle.queue(), settle.place());
        } else {
            depart(settle.queue(), settle.place());
        }
        Operation.Rest rest = settle.rest();
        if (rest != null) {
            byte[] record = rest.record();
            if (record != null) {
                rocks.put(store.handle(Store.Family.ENVELOPE), envelopeKey, record);
            }
            arrive(settle.queue(), rest.entry(), rest.schedule());
            if (settle.envelopesOfMessage() == 1) {
                // Its next attempt is minutes away; others need the room more.
                settled.add(id.value());
            }
        } else {
            rocks.delete(store.handle(Store.Family.ENVELOPE), envelopeKey);
            if (counts.isLast(id.value(), settle.envelopesOfMessage())) {
                endContent(id, settle.contentBytes(), settle.keepUntil());
            }
        }
        for (Operation.Recorded event : settle.events()) {
            event(event);
        }
        for (Memos.Addition addition : settle.additions()) {
            add(addition);
        }
        for (Operation.NewMail dsn : settle.dsns()) {
            mail(dsn);
        }
    }

    /** The last envelope is gone: the content goes too, or is kept for a while. */
    private void endContent(SpoolId id, long sizeBytes, long keepUntil) throws RocksDBException {
        liveBytes -= sizeBytes;
        settled.add(id.value());
        if (keepUntil == 0) {
            contents.remove(id, Content.chunksOf(sizeBytes));
        } else {
            keptBytes += sizeBytes;
            rocks.put(store.handle(Store.Family.KEPT), Keys.kept(keepUntil, id.value()),
                    QueueCodec.number(sizeBytes));
        }
    }

    private void forget(Operation.Forget forget) throws RocksDBException {
        keptBytes -= forget.contentBytes();
        contents.remove(forget.id(), Content.chunksOf(forget.contentBytes()));
        rocks.delete(store.handle(Store.Family.KEPT),
                Keys.kept(forget.keptUntil(), forget.id().value()));
    }

    private void hold(Operation.Hold hold) throws RocksDBException {
        depart(hold.queue(), hold.place());
        rocks.put(store.handle(Store.Family.HELD), Keys.held(hold.queue().number(),
                hold.place().id(), hold.place().ordinal()), hold.record());
        change(hold.queue()).held++;
        event(hold.event());
    }

    private void release(Operation.Release release) throws RocksDBException {
        unhold(release.queue(), release.envelope().entry().place());
        arrive(release.envelope());
        event(release.event());
    }

    private void unhold(QueueState queue, Place place) throws RocksDBException {
        rocks.delete(store.handle(Store.Family.HELD),
                Keys.held(queue.number(), place.id(), place.ordinal()));
        change(queue).held--;
    }

    private void move(Operation.Move move) throws RocksDBException {
        depart(move.queue(), move.place());
        for (Operation.NewEnvelope one : move.to()) {
            arrive(one);
        }
        if (move.to().size() > 1) {
            counts.split(move.place().id(), move.to().size() - 1);
        }
        event(move.event());
    }

    private void quarantine(Operation.Quarantine bad) throws RocksDBException {
        byte[] key = Keys.schedule(bad.queue().number(), bad.place());
        rocks.put(store.handle(Store.Family.STATE), Keys.quarantine(key),
                QueueCodec.quarantine(bad.schedule(), bad.why()));
        depart(bad.queue(), bad.place());
    }

    private void event(Operation.Recorded event) throws RocksDBException {
        sequence++;
        rocks.put(store.handle(Store.Family.EVENT), Keys.event(sequence), event.record());
        SpoolId id = event.id();
        if (id != null) {
            rocks.put(store.handle(Store.Family.EVENT_OF), Keys.eventOf(id.value(), sequence),
                    NOTHING);
        }
    }

    private void trim(Operation.TrimEvents trim) throws RocksDBException {
        rocks.deleteRange(store.handle(Store.Family.EVENT), Keys.event(0),
                Keys.event(trim.beforeSequence()));
        rocks.deleteRange(store.handle(Store.Family.EVENT_OF), Keys.eventBucket(0),
                Keys.eventBucket(Keys.bucketOf(trim.beforeSequence())));
    }

    private void drop(QueueState queue) throws RocksDBException {
        if (queue.idleFor(0) && !changes.containsKey(queue)) {
            // whatever comes of this batch, mail that arrives later writes the name again
            queue.named = false;
            rocks.delete(store.handle(Store.Family.STATE),
                    Keys.state(Keys.QUEUE_NAME, queue.number()));
            rocks.delete(store.handle(Store.Family.STATE),
                    Keys.state(Keys.QUEUE_COUNT, queue.number()));
            dropped.add(queue);
        }
    }

    private Change change(QueueState queue) {
        @Nullable
        Change known = changes.get(queue);
        if (known == null) {
            known = new Change();
            changes.put(queue, known);
        }
        return known;
    }
}
