// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.Event;
import io.mailrace.core.Recipient;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * What a set operation does to one envelope: makes the operation for the commit thread. Confined to
 * {@code spool-operations}.
 */
final class SetChange {
    /** More than can be on their way to the disk. */
    private static final int MAX_REMEMBERED = 2000;

    private final Store store;
    private final SpoolClock clock;
    private final Settler settler;
    private final Consumer<Operation> commits;
    /** Numbers given out lately, whose envelopes may not be on disk yet. */
    private final Map<Long, Integer> highest = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, Integer> eldest) {
            return size() > MAX_REMEMBERED;
        }
    };

    SetChange(Store store, SpoolClock clock, Settler settler, Consumer<Operation> commits) {
        this.store = store;
        this.clock = clock;
        this.settler = settler;
        this.commits = commits;
    }

    /** Whether there is anything to do at that place; asked before the envelope is read. */
    boolean applies(SetAction action, QueueState queue, Place place, long now) {
        return !(action instanceof SetAction.RetryNow) || place.dueEpochMillis() > now;
    }

    /** Whether its sender wants it released later, and nobody has said that this one is meant. */
    boolean waitsForRelease(SetAction action, Selection selection, Envelope envelope, long now) {
        return action instanceof SetAction.RetryNow && selection.id().isEmpty()
                && envelope.options().releaseEpochMillis() > now;
    }

    /** Changes a claimed envelope. */
    void waiting(SetAction action, QueueState queue, Entry entry, Schedule schedule, long now,
            Operation.Told told) {
        Envelope envelope = entry.envelope();
        switch (action) {
            case SetAction.Hold hold -> commits.accept(new Operation.Hold(queue, entry.place(),
                    new Held(schedule, envelope.dueEpochMillis(), clock.now(), hold.why())
                            .encode(),
                    event(envelope, Event.Operated.Change.HELD, hold.why()), told));
            case SetAction.RetryNow retry -> commits.accept(new Operation.Move(queue,
                    entry.place(), List.of(at(entry, now, schedule)),
                    event(envelope, Event.Operated.Change.RETRIED, ""), told));
            case SetAction.Bounce bounce -> settler.bounce(queue, entry, false,
                    bounce.tellSenders(), bounce.why(), told);
            case SetAction.Discard discard ->
                settler.discard(queue, entry, false, discard.why(), told);
            case SetAction.Rebind rebind -> rebind(queue, entry, schedule, rebind, told);
            case SetAction.Release none -> throw new IllegalStateException("is not held");
        }
    }

    /** Changes a held envelope. */
    void held(SetAction action, QueueState queue, Entry entry, Held held, long now,
            Operation.Told told) {
        switch (action) {
            case SetAction.Release release -> {
                long due = Math.max(now, entry.envelope().options().releaseEpochMillis());
                commits.accept(new Operation.Release(queue,
                        at(entry, due, held.released(clock.now())),
                        event(entry.envelope(), Event.Operated.Change.RELEASED, held.why()),
                        told));
            }
            case SetAction.Bounce bounce -> settler.bounce(queue, entry, true,
                    bounce.tellSenders(), bounce.why(), told);
            case SetAction.Discard discard ->
                settler.discard(queue, entry, true, discard.why(), told);
            case SetAction.Hold none -> throw new IllegalStateException("is held");
            case SetAction.RetryNow none -> throw new IllegalStateException("is held");
            case SetAction.Rebind none -> throw new IllegalStateException("is held");
        }
    }

    /** The envelope in its queue with another due time. */
    private static Operation.NewEnvelope at(Entry entry, long due, Schedule schedule) {
        Envelope old = entry.envelope();
        Envelope next = old.at(due, schedule.expiresEpochMillis());
        return new Operation.NewEnvelope(new Entry(next, entry.envelopesOfMessage(),
                entry.delayTold()), null, schedule.encode());
    }

    /**
     * Recipients may go different ways when a smart host is left: the first way keeps the
     * envelope's number, each further one gets a number no envelope of the message has.
     */
    private void rebind(QueueState queue, Entry entry, Schedule schedule, SetAction.Rebind rebind,
            Operation.Told told) {
        Envelope old = entry.envelope();
        Map<QueueKey, List<Recipient>> ways = new LinkedHashMap<>();
        for (Recipient recipient : old.recipients()) {
            ways.computeIfAbsent(target(old.queue(), recipient, rebind), way -> new ArrayList<>())
                    .add(recipient);
        }
        if (ways.size() == 1 && ways.containsKey(old.queue())) {
            queue.unclaim(entry.place());
            told.where().execute(() -> told.listener()
                    .failed(new SpoolException("it goes that way already")));
            return;
        }
        int envelopes = entry.envelopesOfMessage() + ways.size() - 1;
        int fresh = ways.size() == 1 ? 0 : takeOrdinals(old.id().value(), ways.size() - 1);
        List<Operation.NewEnvelope> to = new ArrayList<>(ways.size());
        for (Map.Entry<QueueKey, List<Recipient>> way : ways.entrySet()) {
            int ordinal = to.isEmpty() ? old.ordinal() : fresh++;
            Envelope next = old.moved(ordinal, way.getKey(), way.getValue());
            Entry moved = new Entry(next, envelopes, entry.delayTold());
            to.add(new Operation.NewEnvelope(moved, EnvelopeCodec.encode(moved),
                    schedule.encode()));
        }
        commits.accept(new Operation.Move(queue, entry.place(), to,
                event(old, Event.Operated.Change.REBOUND, "to " + ways.keySet()), told));
    }

    private static QueueKey target(QueueKey old, Recipient recipient, SetAction.Rebind rebind) {
        String via = rebind.via().orElse("");
        String destination = via.isEmpty()
                ? old.destination()
                : via.equals(SetAction.Rebind.MX) ? recipient.address().domain() : via;
        return new QueueKey(rebind.lane().orElse(old.lane()), old.tenant(), destination,
                rebind.pool().orElse(old.pool()));
    }

    /** The first of that many numbers. Only here are any given to messages on disk. */
    private int takeOrdinals(long id, int count) {
        Integer known = highest.get(id);
        int[] last = {known == null ? 0 : known};
        store.scan(Store.Family.ENVELOPE, Keys.ofMessage(id), Keys.ofMessage(id + 1),
                (key, value) -> {
                    last[0] = Math.max(last[0], Keys.intAt(key, 8));
                    return true;
                });
        highest.put(id, last[0] + count);
        return last[0] + 1;
    }

    private Operation.Recorded event(Envelope envelope, Event.Operated.Change change,
            String detail) {
        return new Operation.Recorded(envelope.id(),
                EventCodec.encode(settler.operated(envelope, change, detail)));
    }
}
