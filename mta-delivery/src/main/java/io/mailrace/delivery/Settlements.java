// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Event;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.Settlement;
import io.mailrace.queue.Spool;
import io.mailrace.queue.SpoolException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands outcomes to the spool. An outcome the spool cannot write is remembered (at most
 * {@value #REMEMBERED}): the spool makes the envelope due again, and when it is taken again the
 * outcome is settled instead of the mail being sent a second time. Any thread.
 */
final class Settlements {
    private static final Logger LOG = LoggerFactory.getLogger(Settlements.class);
    static final int REMEMBERED = 10_000;
    /** More outcomes than this on their way to the disk: no further mail is taken. */
    private static final int MAX_UNSETTLED = 20_000;
    private static final long PAUSE_MILLIS = TimeUnit.SECONDS.toMillis(10);

    private record Key(SpoolId id, int ordinal) {}

    private final Spool spool;
    private final TimeSource time;
    private final DeliveryMeters meters;
    private final AtomicInteger underWay = new AtomicInteger();
    private volatile boolean stopping;
    private volatile Runnable whenDone = () -> {};
    private final Map<Key, Settlement> unwritten = new ConcurrentHashMap<>();

    Settlements(Spool spool, TimeSource time, DeliveryMeters meters) {
        this.spool = spool;
        this.time = time;
        this.meters = meters;
    }

    /** Settles a decided attempt; {@code then} runs on {@code loop} when it is written or not. */
    void settle(Attempt attempt, Event.Route route, boolean peerTakesDsn, Executor loop,
            Runnable then) {
        List<RecipientOutcome> outcomes = attempt.outcomes();
        outcomes.forEach(outcome -> meters.outcome(outcome.disposition()));
        long millis = attempt.started()
                ? TimeUnit.NANOSECONDS.toMillis(time.nanos() - attempt.startedNanos())
                : 0;
        settle(attempt.queue(), new Settlement(attempt.envelope(), route, millis, outcomes,
                peerTakesDsn, attempt.additions()), loop, then);
    }

    /** Settles what an earlier attempt already did; false when nothing is remembered. */
    boolean settleRemembered(MailQueue queue, Envelope envelope, Executor loop, Runnable then) {
        if (unwritten.isEmpty()) {
            return false;
        }
        Settlement old = unwritten.get(new Key(envelope.id(), envelope.ordinal()));
        if (old == null || old.envelope().attempts() != envelope.attempts()
                || old.outcomes().size() != envelope.recipients().size()) {
            return false;
        }
        settle(queue, new Settlement(envelope, old.route(), old.durationMillis(),
                old.outcomes(), old.peerTakesDsn(), old.additions()), loop, then);
        return true;
    }

    private void settle(MailQueue queue, Settlement settlement, Executor loop, Runnable then) {
        underWay.incrementAndGet();
        Key key = new Key(settlement.envelope().id(), settlement.envelope().ordinal());
        // Before it is handed over: the spool makes the envelope due before it tells of a failure.
        unwritten.put(key, settlement);
        try {
            spool.settle(settlement, loop, new CommitListener() {
                @Override
                public void committed() {
                    unwritten.remove(key, settlement);
                    done(then);
                }

                @Override
                public void failed(SpoolException why) {
                    unsettled(queue, key, settlement, why);
                    done(then);
                }
            });
        } catch (RuntimeException refused) {
            unwritten.remove(key, settlement);
            meters.error();
            LOG.error("not settled id={} queue={}", settlement.envelope().id(), queue.key(),
                    refused);
            done(then);
        }
    }

    private void unsettled(MailQueue queue, Key key, Settlement settlement,
            SpoolException why) {
        meters.settlementFailed();
        LOG.error("outcome not written id={} queue={} reason=\"{}\"", settlement.envelope().id(),
                queue.key(), why.getMessage());
        if (unwritten.size() > REMEMBERED + MAX_UNSETTLED) {
            unwritten.remove(key, settlement);
        }
        queue.park(time.epochMillis() + PAUSE_MILLIS, "the spool cannot write outcomes: "
                + why.getMessage());
    }

    private void done(Runnable then) {
        if (underWay.decrementAndGet() == 0) {
            whenDone.run();
        }
        then.run();
    }

    /** Whether the spool keeps up. */
    boolean room() {
        return underWay.get() < MAX_UNSETTLED;
    }

    /** No further mail is settled without a connection. */
    void stop() {
        stopping = true;
    }

    boolean stopping() {
        return stopping;
    }

    int underWay() {
        return underWay.get();
    }

    /** Runs {@code listener}, on any thread, each time nothing is under way any more. */
    void onDone(Runnable listener) {
        whenDone = listener;
    }
}
