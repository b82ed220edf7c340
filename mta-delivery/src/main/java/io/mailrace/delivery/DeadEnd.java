// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.SmtpReply;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.netty.channel.EventLoop;
import java.util.List;

/**
 * Settles the mail of a queue whose destination has no next hop, without any connection: bounced
 * when there is none for good, deferred when nobody knows, thrown away when a route says so. A
 * batch of at most {@value #BATCH} is under way at a time. Confined to one event loop.
 */
final class DeadEnd {
    private static final int BATCH = 16;
    private static final long TROUBLE_MILLIS = 60_000;

    private final DeliveryParts parts;
    private final MailQueue queue;
    private final EventLoop loop;
    private int underWay;

    DeadEnd(DeliveryParts parts, MailQueue queue, EventLoop loop) {
        this.parts = parts;
        this.queue = queue;
        this.loop = loop;
    }

    EventLoop loop() {
        return loop;
    }

    /** Bounces all that is due, batch by batch. */
    void bounce(SmtpReply reply) {
        end(new Disposition.Bounced(reply));
    }

    /** Throws away all that is due, batch by batch; it counts as delivered. */
    void discard() {
        end(new Disposition.Delivered(SmtpReply.of(250, "2.0.0",
                "thrown away, as its route says")));
    }

    private void end(Disposition disposition) {
        if (parts.settlements().stopping()) {
            return;
        }
        List<Envelope> taken = queue.take(BATCH);
        boolean more = taken.size() == BATCH;
        underWay = taken.size();
        for (Envelope envelope : taken) {
            settle(envelope, disposition, () -> {
                if (--underWay == 0 && more) {
                    end(disposition);
                }
            });
        }
    }

    /** Defers what is at its head; the rest waits without an attempt being counted. */
    void defer(SmtpReply reply, long parkMillis) {
        for (Envelope envelope : queue.take(BATCH)) {
            settle(envelope, new Disposition.Deferred(reply), () -> {});
        }
        parts.park(queue, parkMillis, reply.toString());
    }

    private void settle(Envelope envelope, Disposition disposition, Runnable then) {
        if (parts.settlements().settleRemembered(queue, envelope, loop, then)) {
            return;
        }
        try {
            Attempt attempt = new Attempt(envelope, queue, parts.spool().content(envelope));
            attempt.decideRest(disposition);
            parts.settlements().settle(attempt, Event.Route.NONE, false, loop, then);
        } catch (RuntimeException bug) {
            parts.unforeseen("settling " + envelope.id(), bug);
            queue.putBack(envelope);
            parts.park(queue, TROUBLE_MILLIS, "internal error");
        }
    }
}
