// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ReplyClass;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What one source may do at one receiver: connections, messages, both shared by all sites of the
 * receiver and so by event loops. Never blocks.
 */
final class SourceGate {

    /**
     * Something that must wait.
     *
     * @param nanos for how long, at least 1
     */
    record Wait(long nanos, String why) {}

    private static final long SOURCE_LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final EgressSource source;
    private final String receiver;
    private final Provider.Limits limits;
    private final List<Limit> messages;
    private final List<Limit> openings;
    private final @Nullable AdaptivePace adaptive;
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicLong used = new AtomicLong();
    private final ConcurrentLinkedQueue<Runnable> wishes = new ConcurrentLinkedQueue<>();
    private final IdleOffers idle = new IdleOffers();

    /**
     * @param messages limits each message must pass, those of the source itself among them
     * @param openings limits each new connection must pass
     */
    SourceGate(EgressSource source, String receiver, Provider.Limits limits, List<Limit> messages,
            List<Limit> openings, @Nullable AdaptivePace adaptive) {
        this.source = source;
        this.receiver = receiver;
        this.limits = limits;
        this.messages = List.copyOf(messages);
        this.openings = List.copyOf(openings);
        this.adaptive = adaptive;
    }

    EgressSource source() {
        return source;
    }

    String receiver() {
        return receiver;
    }

    /** Connections it has. */
    int connections() {
        return connections.get();
    }

    /** Connections it may have at most, whatever measures are in force. */
    int most() {
        int configured = Math.min(limits.connections(), source.mostConnections());
        return adaptive == null ? configured : Math.min(configured, adaptive.connections());
    }

    @Nullable
    AdaptivePace adaptive() {
        return adaptive;
    }

    /** Messages begun over it since the start. */
    long used() {
        return used.get();
    }

    /** Takes the right to open one; null when it is granted: {@link #closed} must follow. */
    @Nullable
    Wait open(int narrowed, long nowNanos) {
        int bound = Math.min(most(), narrowed);
        for (int now = connections.get(); now < bound; now = connections.get()) {
            if (connections.compareAndSet(now, now + 1)) {
                Wait wait = openingWait(nowNanos);
                if (wait != null) {
                    connections.decrementAndGet();
                    lookAgain();
                }
                return wait;
            }
        }
        return new Wait(Long.MAX_VALUE, "source " + source.name() + " has its " + bound
                + " connections to " + receiver);
    }

    private @Nullable Wait openingWait(long nowNanos) {
        if (!source.openOne()) {
            // those that have them are at other receivers: they are asked, and looked at again
            source.idle().reclaim();
            return new Wait(SOURCE_LOOK_NANOS, "source " + source.name() + " has all its "
                    + source.mostConnections() + " connections");
        }
        Wait wait = takeAll(openings, nowNanos);
        if (wait != null) {
            source.closeOne();
        }
        return wait;
    }

    /**
     * A connection is gone. Who waits for one gets its place at once: nobody can come between, and
     * the place must be used by {@link #useGranted} or given back by this. But a place beyond what
     * it may have is gone.
     */
    void closed() {
        if (leaves(most())) {
            return;
        }
        Runnable next = wishes.poll();
        if (next != null) {
            next.run();
            return;
        }
        connections.decrementAndGet();
        source.closeOne();
        lookAgain();
    }

    /** Somebody may have begun to wait in the moment before a place was free. */
    private void lookAgain() {
        int now = connections.get();
        if (wishes.isEmpty() || now >= most() || !connections.compareAndSet(now, now + 1)) {
            return;
        }
        if (source.openOne()) {
            closed();
        } else {
            connections.decrementAndGet();
        }
    }

    /** None was opened after all: the rate of new ones is as before. */
    void notOpened(long takenNanos) {
        openings.forEach(limit -> limit.giveBack(takenNanos));
        closed();
    }

    /** Opens a connection on a place that was granted; null when it may, else the place is gone. */
    @Nullable
    Wait useGranted(int narrowed, long nowNanos) {
        if (leaves(narrowed)) {
            return new Wait(Long.MAX_VALUE, "source " + source.name() + " has its " + narrowed
                    + " connections to " + receiver);
        }
        Wait wait = takeAll(openings, nowNanos);
        if (wait != null) {
            closed();
        }
        return wait;
    }

    /** Gives one place up, for good, when there are more than that. */
    private boolean leaves(int bound) {
        for (int now = connections.get(); now > bound; now = connections.get()) {
            if (connections.compareAndSet(now, now - 1)) {
                source.closeOne();
                return true;
            }
        }
        return false;
    }

    /**
     * Runs {@code granted} once, on any thread, with the place of a connection that was closed;
     * {@link #open} may succeed meanwhile. Somebody's idle connection is asked to make room.
     */
    void wish(Runnable granted) {
        wishes.add(granted);
        reclaim();
    }

    /** Somebody waits for a connection. */
    boolean wanted() {
        return !wishes.isEmpty();
    }

    /** Somebody has an idle one, and closes it when {@code giveUp} is run, on any thread. */
    void offerIdle(Runnable giveUp) {
        idle.offer(giveUp);
        source.idle().offer(giveUp);
        if (wanted()) {
            reclaim();
        }
    }

    /** Asks the next who offered an idle connection to close it. */
    void reclaim() {
        idle.reclaim();
    }

    /** Why no message may go now; null when one may. Takes nothing. */
    @Nullable
    Wait peek() {
        return peekAll(messages);
    }

    /** Why the rate of new connections lets none be opened now; null when it does not. */
    @Nullable
    Wait peekOpening() {
        return peekAll(openings);
    }

    private static @Nullable Wait peekAll(List<Limit> limits) {
        for (Limit limit : limits) {
            long nanos = limit.peek();
            if (nanos > 0) {
                return new Wait(nanos, limit.name());
            }
        }
        return null;
    }

    /** Takes the right to send one message; null when it is granted. */
    @Nullable
    Wait take(long nowNanos) {
        Wait wait = takeAll(messages, nowNanos);
        if (wait == null) {
            used.incrementAndGet();
        }
        return wait;
    }

    /** The message did not begin after all. */
    void giveBack(long takenNanos) {
        messages.forEach(limit -> limit.giveBack(takenNanos));
        used.decrementAndGet();
    }

    /** Takes one of each, or none; null when it is granted. */
    static @Nullable Wait takeAll(List<Limit> limits, long nowNanos) {
        for (int i = 0; i < limits.size(); i++) {
            long nanos = limits.get(i).take();
            if (nanos > 0) {
                limits.subList(0, i).forEach(limit -> limit.giveBack(nowNanos));
                return new Wait(nanos, limits.get(i).name());
            }
        }
        return null;
    }

    /** A connection on which mail was sent broke: what it was sent to find out stays unknown. */
    void broke() {
        if (adaptive != null) {
            adaptive.probeLost();
        }
    }

    /** A message was taken by the receiver. */
    void accepted() {
        if (adaptive != null) {
            adaptive.accepted();
        }
    }

    /** A reply was of that class: some mean that it all goes too fast. */
    void refused(ReplyClass category, boolean forNow) {
        if (adaptive == null) {
            return;
        }
        switch (category) {
            case THROTTLED, CONNECTION_LIMIT, REPUTATION -> adaptive.pushedBack();
            case SYSTEM, POLICY, UNKNOWN, HOST_REFUSES, BLOCKED, LISTED -> {
                if (forNow) {
                    adaptive.putOff();
                } else {
                    // it does not say how much may come: the next message is to find out
                    adaptive.probeLost();
                }
            }
            // about this recipient or message, not about how much comes
            default -> adaptive.answered();
        }
    }
}
