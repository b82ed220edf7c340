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

/**
 * One group commit being put together: what goes to the disk, and what to do in memory once it is
 * there. Nothing in memory changes before {@link #publish}. Confined to {@code spool-commit}.
 */
final class Batch {

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
    private final Rows rows = new Rows();
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
    Batch(Store store, BatchLog log, Queues queues, MessageCounts counts,
            long newestEvent) {
        this.store = store;
        this.queues = queues;
        this.counts = counts;
        contents = new BatchContents(store, log.log(), log.used(), rows);
        sequence = newestEvent;
        firstSequence = newestEvent;
    }

    void add(Operation operation) {
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
            case Operation.SavePosition save -> rows.put(Store.Family.STATE,
                    Keys.reader(save.reader()), QueueCodec.number(save.sequence()));
            case Operation.TrimEvents trim -> trim(trim);
            case Operation.Quarantine bad -> quarantine(bad);
            case Operation.DropQueue drop -> drop(drop.queue());
            case Operation.Relocate chunks -> {
                contents.relocate(chunks);
                mustSync = true;
            }
            case Operation.TakeSlot take -> {
                // Done without a batch.
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
    Rows seal(Progress progress) {
        for (Map.Entry<QueueState, Change> each : changes.entrySet()) {
            QueueState queue = each.getKey();
            Change change = each.getValue();
            long before = queue.count();
            long after = before + change.arrivals.size() - change.departures.size();
            long oldest = before == 0
                    ? change.oldestMillis
                    : Math.min(queue.oldestMillis(), change.oldestMillis);
            if (!queue.named) {
                rows.put(Store.Family.STATE,
                        Keys.state(Keys.QUEUE_NAME, queue.number()), QueueCodec.name(queue.key()));
            }
            rows.put(Store.Family.STATE,
                    Keys.state(Keys.QUEUE_COUNT, queue.number()),
                    QueueCodec.count(new QueueCodec.Count(after, oldest,
                            queue.held() + change.held,
                            queue.headAfter(change.departures, change.arrivals),
                            Math.min(queue.expiryMillis(), change.expiryMillis))));
        }
        contents.seal();
        rows.put(Store.Family.STATE, Keys.PROGRESS, progress.encode());
        return rows;
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

    private void memo(Operation.Memo memo) {
        for (Memos.Change change : memo.changes()) {
            byte[] key = Keys.memo(change.name());
            if (change.value().isPresent()) {
                rows.put(Store.Family.STATE, key,
                        QueueCodec.memo(change.value().get()));
            } else {
                rows.remove(Store.Family.STATE, key);
                sums.put(change.name(), NOTHING);
            }
        }
        for (Operation.Recorded event : memo.events()) {
            event(event);
        }
    }

    /** Reads what is stored once for each name: the sum is exact, for nobody else writes. */
    private void add(Memos.Addition addition) {
        byte[] key = Keys.memo(addition.name());
        byte[] before = sums.get(addition.name());
        if (before == null) {
            byte[] stored = store.get(Store.Family.STATE, key);
            before = stored == null ? NOTHING : QueueCodec.memoOf(stored);
        }
        byte[] after = addition.appliedTo(before);
        sums.put(addition.name(), after);
        rows.put(Store.Family.STATE, key, QueueCodec.memo(after));
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

    private void mail(Operation.NewMail mail) {
        int index = mail.firstChunk();
        for (StoredChunk chunk : mail.chunks()) {
            contents.put(mail.id(), index++, chunk);
        }
        if (mail.firstChunk() > 0) {
            rows.remove(Store.Family.STATE, Keys.marker(mail.id()));
        }
        boolean soon = false;
        for (Operation.NewEnvelope one : mail.envelopes()) {
            byte[] record = one.record();
            if (record != null) {
                rows.add(Store.Family.ENVELOPE, key(one), record);
            }
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

    private static byte[] key(Operation.NewEnvelope one) {
        Envelope envelope = one.entry().envelope();
        return Keys.envelope(envelope.id(), envelope.ordinal());
    }

    private QueueState arrive(Operation.NewEnvelope one) {
        QueueState queue = queues.queue(one.entry().envelope().queue());
        arrive(queue, one.entry(), one.schedule());
        return queue;
    }

    /** As {@link #arrive}, but perhaps its record stands there already. */
    private void arriveAgain(Operation.NewEnvelope one) {
        byte[] record = one.record();
        if (record != null) {
            rows.put(Store.Family.ENVELOPE, key(one), record);
        }
        arrive(one);
    }

    private void arrive(QueueState queue, Entry entry, byte[] schedule) {
        rows.add(Store.Family.SCHEDULE,
                Keys.schedule(queue.number(), entry.place()), schedule);
        Change change = change(queue);
        change.arrivals.add(entry);
        change.oldestMillis = Math.min(change.oldestMillis, entry.envelope().agesFrom());
        change.expiryMillis = Math.min(change.expiryMillis, entry.envelope().expiresEpochMillis());
    }

    private void depart(QueueState queue, Place place) {
        rows.remove(Store.Family.SCHEDULE,
                Keys.schedule(queue.number(), place));
        change(queue).departures.add(place);
    }

    private void chunk(Operation.Chunk chunk) {
        if (chunk.index() == 0) {
            rows.add(Store.Family.STATE, Keys.marker(chunk.id()),
                    QueueCodec.number(0));
        }
        contents.putEarly(chunk.id(), chunk.index(), chunk.value());
    }

    private void discard(Operation.Discard discard) {
        contents.remove(discard.id(), discard.chunks());
        rows.remove(Store.Family.STATE, Keys.marker(discard.id()));
    }

    private void settle(Operation.Settle settle) {
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
                rows.put(Store.Family.ENVELOPE, envelopeKey, record);
            }
            arrive(settle.queue(), rest.entry(), rest.schedule());
            if (settle.envelopesOfMessage() == 1) {
                // Its next attempt is minutes away; others need the room more.
                settled.add(id.value());
            }
        } else {
            rows.remove(Store.Family.ENVELOPE, envelopeKey);
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
    private void endContent(SpoolId id, long sizeBytes, long keepUntil) {
        liveBytes -= sizeBytes;
        settled.add(id.value());
        if (keepUntil == 0) {
            contents.remove(id, Content.chunksOf(sizeBytes));
        } else {
            keptBytes += sizeBytes;
            rows.put(Store.Family.KEPT, Keys.kept(keepUntil, id.value()),
                    QueueCodec.number(sizeBytes));
        }
    }

    private void forget(Operation.Forget forget) {
        keptBytes -= forget.contentBytes();
        contents.remove(forget.id(), Content.chunksOf(forget.contentBytes()));
        rows.remove(Store.Family.KEPT,
                Keys.kept(forget.keptUntil(), forget.id().value()));
    }

    private void hold(Operation.Hold hold) {
        depart(hold.queue(), hold.place());
        rows.put(Store.Family.HELD, Keys.held(hold.queue().number(),
                hold.place().id(), hold.place().ordinal()), hold.record());
        change(hold.queue()).held++;
        event(hold.event());
    }

    private void release(Operation.Release release) {
        unhold(release.queue(), release.envelope().entry().place());
        arriveAgain(release.envelope());
        event(release.event());
    }

    private void unhold(QueueState queue, Place place) {
        rows.remove(Store.Family.HELD,
                Keys.held(queue.number(), place.id(), place.ordinal()));
        change(queue).held--;
    }

    private void move(Operation.Move move) {
        depart(move.queue(), move.place());
        for (Operation.NewEnvelope one : move.to()) {
            arriveAgain(one);
        }
        if (move.to().size() > 1) {
            counts.split(move.place().id(), move.to().size() - 1);
        }
        event(move.event());
    }

    private void quarantine(Operation.Quarantine bad) {
        byte[] key = Keys.schedule(bad.queue().number(), bad.place());
        rows.put(Store.Family.STATE, Keys.quarantine(key),
                QueueCodec.quarantine(bad.schedule(), bad.why()));
        depart(bad.queue(), bad.place());
    }

    private void event(Operation.Recorded event) {
        sequence++;
        rows.add(Store.Family.EVENT, Keys.event(sequence), event.record());
        SpoolId id = event.id();
        if (id != null) {
            rows.add(Store.Family.EVENT_OF, Keys.eventOf(id.value(), sequence),
                    NOTHING);
        }
    }

    private void trim(Operation.TrimEvents trim) {
        rows.removeRange(Store.Family.EVENT, Keys.event(0),
                Keys.event(trim.beforeSequence()));
        rows.removeRange(Store.Family.EVENT_OF, Keys.eventBucket(0),
                Keys.eventBucket(Keys.bucketOf(trim.beforeSequence())));
    }

    private void drop(QueueState queue) {
        if (queue.idleFor(0) && !changes.containsKey(queue)) {
            // whatever comes of this batch, mail that arrives later writes the name again
            queue.named = false;
            rows.remove(Store.Family.STATE,
                    Keys.state(Keys.QUEUE_NAME, queue.number()));
            rows.remove(Store.Family.STATE,
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
