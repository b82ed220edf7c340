// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.queue.Spool;
import io.netty.channel.EventLoopGroup;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Lets queues go on that were parked to the end of the hour or day for a cap which has room again,
 * because something was not sent after all: as many as it has room for, the others would only be
 * parked again. It is looked again as long as some are left: those that went on may have had no use
 * for the room. Any thread; the queues are looked through on the spool's readers.
 */
final class FreedCaps implements AutoCloseable {
    private final Spool spool;
    private final EventLoopGroup loops;
    private final Duration first;
    private final Duration further;
    private final Map<String, CalendarCap> caps = new ConcurrentHashMap<>();
    private final AtomicBoolean soon = new AtomicBoolean();
    private final AtomicBoolean again = new AtomicBoolean();
    private volatile boolean closed;

    /**
     * @param first from then on to the first look: a queue that is being parked just now is parked
     *        by then
     * @param further from one look to the next
     */
    FreedCaps(Spool spool, EventLoopGroup loops, Duration first, Duration further) {
        this.spool = spool;
        this.loops = loops;
        this.first = first;
        this.further = further;
    }

    /** One that was used up is not any more. */
    void add(CalendarCap cap) {
        caps.put(cap.name(), cap);
        look(soon, first);
    }

    private void look(AtomicBoolean planned, Duration in) {
        if (!closed && planned.compareAndSet(false, true)) {
            loops.next().schedule(() -> {
                planned.set(false);
                try {
                    spool.readers().execute(this::look);
                } catch (RejectedExecutionException busy) {
                    look(again, further);
                }
            }, in.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void look() {
        if (closed) {
            return;
        }
        Map<String, CalendarCap> looked = new HashMap<>();
        Map<String, Long> room = new HashMap<>();
        for (String name : List.copyOf(caps.keySet())) {
            CalendarCap cap = caps.remove(name);
            if (cap != null) {
                looked.put(name, cap);
                room.put(name, cap.room());
            }
        }
        DeliveryParts.unpark(spool, why -> {
            Long left = room.computeIfPresent(why, (name, count) -> count - 1);
            return left != null && left >= 0;
        });
        room.forEach((name, left) -> {
            if (left < 0) {
                caps.putIfAbsent(name, looked.get(name));
            }
        });
        if (!caps.isEmpty()) {
            look(again, further);
        }
    }

    /** Looks no more. */
    @Override
    public void close() {
        closed = true;
    }
}
