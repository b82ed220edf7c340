// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.util.ArrayDeque;
import java.util.Iterator;
import org.jspecify.annotations.Nullable;

/** What one dispatcher holds for one pool. Confined to its event loop. */
final class PoolShare {
    private final String name;
    private final SourceWheel wheel;
    private final FairQueues queues = new FairQueues();
    private final ArrayDeque<Attempt> ready = new ArrayDeque<>();
    private final ArrayDeque<Connection> idle = new ArrayDeque<>();
    private int signing;
    private int opening;
    private int connections;

    PoolShare(String name, SourceWheel wheel) {
        this.name = name;
        this.wheel = wheel;
    }

    String name() {
        return name;
    }

    SourceWheel wheel() {
        return wheel;
    }

    /** Queues with due mail. */
    FairQueues queues() {
        return queues;
    }

    /** Taken, signed, waiting for a connection. Bounded by what the dispatcher takes. */
    ArrayDeque<Attempt> ready() {
        return ready;
    }

    /** Connections with nothing to do, the latest used last. */
    ArrayDeque<Connection> idle() {
        return idle;
    }

    /** Taken envelopes that are being signed. */
    int signing() {
        return signing;
    }

    void signing(int change) {
        signing += change;
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

    boolean hasIdle(EgressSource source) {
        for (Connection one : idle) {
            if (one.source() == source) {
                return true;
            }
        }
        return false;
    }

    boolean quiet() {
        return queues.isEmpty() && ready.isEmpty() && signing == 0;
    }
}
