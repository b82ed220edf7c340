// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Lane;
import java.util.ArrayDeque;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What one dispatcher holds for one pool, or for a part of it. Confined to its event loop. */
final class PoolShare {
    private static final int MAY_BE_PASSED = 8;
    private final String name;
    private final SourceChoice choice;
    private final @Nullable PoolShare parent;
    private final boolean rationed;
    private final FairQueues queues = new FairQueues();
    private final LaneQueue<Attempt> ready = new LaneQueue<>();
    private final ArrayDeque<Connection> idle = new ArrayDeque<>();
    private final Map<Lane, Integer> signing = new EnumMap<>(Lane.class);
    private int opening;
    private int connections;
    private boolean stranded;
    private long turn;
    private int passed;

    /** @param parent where its mail goes when none of its sources may send; null: it is parked */
    PoolShare(String name, SourceChoice choice, @Nullable PoolShare parent) {
        this(name, choice, parent, false);
    }

    /** @param rationed each of its messages takes of what {@link Warmup} allows its source */
    PoolShare(String name, SourceChoice choice, @Nullable PoolShare parent, boolean rationed) {
        this.rationed = rationed;
        this.name = name;
        this.choice = choice;
        this.parent = parent;
    }

    String name() {
        return name;
    }

    SourceChoice choice() {
        return choice;
    }

    /** Whether each of its messages needs the leave of {@link Warmup}. */
    boolean rationed() {
        return rationed;
    }

    @Nullable
    PoolShare parent() {
        return parent;
    }

    /**
     * The source whose turn it is, charged; null when none may send now.
     *
     * @param not these are left out
     */
    SourceWheel.@Nullable Turn turn(Set<EgressSource> not) {
        return choice.next(this::hasIdle, not);
    }

    /** For how long none may send; null when no limit is in the way. */
    SourceGate.@Nullable Wait firstWait() {
        return choice.firstWait(this::hasIdle, Set.of());
    }

    /** Whether a source may send now or within a moment. */
    boolean maySend() {
        SourceGate.Wait wait = firstWait();
        return wait != null && wait.nanos() < Dispatcher.PARKING_NANOS;
    }

    /** Whether mail may come here: as above, over a connection that is or may be open. */
    boolean mayOpenAndSend() {
        return maySend() && !choice.hopeless(Dispatcher.PARKING_NANOS);
    }

    /** Queues with due mail. */
    FairQueues queues() {
        return queues;
    }

    /** Taken, signed, waiting for a connection. Bounded by what the dispatcher takes. */
    LaneQueue<Attempt> ready() {
        return ready;
    }

    /** Connections with nothing to do, the latest used last. */
    ArrayDeque<Connection> idle() {
        return idle;
    }

    void signing(Lane lane, int change) {
        signing.merge(lane, change, Integer::sum);
    }

    /** Envelopes of a lane that are being signed or wait for a connection. */
    int atHand(Lane lane) {
        return ready.size(lane) + signing.getOrDefault(lane, 0);
    }

    /** Whether mail of the highest lane waits for a connection. */
    boolean urgent() {
        return ready.size(Lane.TRANSACTIONAL) > 0;
    }

    /** Connections on their way, each of which will fetch mail. */
    int opening() {
        return opening;
    }

    void opening(int change) {
        opening += change;
    }

    /** Connections it has, opening ones included. */
    int connections() {
        return connections;
    }

    void connections(int change) {
        connections += change;
    }

    /** It has mail and no connection, and found none when it was looked for. */
    boolean stranded() {
        return stranded && connections == 0 && !ready.isEmpty();
    }

    /** A connection was looked for. */
    void sought() {
        stranded = connections == 0 && !ready.isEmpty();
    }

    /** When it got a connection last, by a count of such events: the lowest is next. */
    long turn() {
        return turn;
    }

    void turn(long now) {
        turn = now;
        passed = 0;
    }

    /** Another share got a connection while this one looked for one. */
    void passedOver() {
        passed++;
    }

    /** Whether it goes before those that are not: its mail is urgent, or others went often. */
    boolean goesFirst() {
        return urgent() || passed >= MAY_BE_PASSED;
    }

    /** The warmest idle connection from that source; null when there is none. */
    @Nullable
    Connection takeIdle(EgressSource source) {
        for (Iterator<Connection> all = idle.descendingIterator(); all.hasNext();) {
            Connection one = all.next();
            if (one.source() == source) {
                all.remove();
                return one;
            }
        }
        return null;
    }

    /** The warmest idle connection that may do what is a turn of that wheel; null: none. */
    @Nullable
    Connection takeStandIn(SourceWheel wheel) {
        for (Iterator<Connection> all = idle.descendingIterator(); all.hasNext();) {
            Connection one = all.next();
            if (choice.mayStandIn(one.source(), wheel)) {
                all.remove();
                return one;
            }
        }
        return null;
    }

    boolean hasIdle(EgressSource source) {
        for (Connection one : idle) {
            if (one.source() == source) {
                return true;
            }
        }
        return false;
    }

    boolean quiet() {
        return queues.isEmpty() && ready.isEmpty()
                && signing.values().stream().allMatch(count -> count == 0);
    }
}
