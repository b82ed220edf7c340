// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Lane;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.dkim.Signature;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Signs attempts on threads named {@code signing}, off the event loops, one batch of one dispatcher
 * and lane at a time, in the order of {@link LaneQueue}. Bounded: a dispatcher reserves room before
 * it takes envelopes, and is woken when there is room again; at most {@value #PER_THREAD} attempts
 * a thread wait in each lane, so that no lane fills the room of another. Signatures of lately
 * signed contents are kept for their further envelopes, at most {@value #KEPT}. Any thread.
 */
final class SigningPool implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SigningPool.class);
    private static final int PER_THREAD = 64;
    private static final int KEPT = 4096;

    /** What one lane has taken of its room, and who waits for more. */
    private record Room(AtomicInteger reserved, Queue<Runnable> wishes) {}

    private record Batch(Lane lane, List<Attempt> attempts, Executor loop, Runnable done) {}

    private final MessageSigner signer;
    private final TimeSource time;
    private final DeliveryMeters meters;
    private final int bound;
    private final int size;
    /** Batches that wait or are being signed. */
    private final AtomicInteger batches = new AtomicInteger();
    private final AtomicLong pauses = new AtomicLong();
    private final LongAdder passed = new LongAdder();
    private final Map<Lane, Room> rooms = new EnumMap<>(Lane.class);
    /** Guarded by itself. As many batches as tasks given to the threads. */
    private final LaneQueue<Batch> waiting = new LaneQueue<>();
    private final Cache<SpoolId, Signature> kept;
    private final ExecutorService threads;

    SigningPool(MessageSigner signer, int threads, TimeSource time, DeliveryMeters meters) {
        this.signer = signer;
        this.time = time;
        this.meters = meters;
        size = threads;
        bound = threads * PER_THREAD;
        for (Lane lane : Lane.values()) {
            rooms.put(lane, new Room(new AtomicInteger(), new ConcurrentLinkedQueue<>()));
        }
        kept = Caffeine.newBuilder().maximumSize(KEPT).executor(Runnable::run).build();
        this.threads = Executors.newFixedThreadPool(threads,
                Thread.ofPlatform().name("signing-", 0).daemon(true).factory());
    }

    /** Room for up to that many attempts of a lane; 0 when signing is behind. */
    int reserve(Lane lane, int wanted) {
        AtomicInteger reserved = room(lane).reserved();
        for (int now = reserved.get(); now < bound; now = reserved.get()) {
            int granted = Math.min(wanted, bound - now);
            if (reserved.compareAndSet(now, now + granted)) {
                return granted;
            }
        }
        return 0;
    }

    /** Gives reserved room back that is not used. */
    void release(Lane lane, int attempts) {
        Room room = room(lane);
        if (attempts > 0 && room.reserved().addAndGet(-attempts) <= bound / 2) {
            Queue<Runnable> wishes = room.wishes();
            for (Runnable wish = wishes.poll(); wish != null; wish = wishes.poll()) {
                wish.run();
            }
        }
    }

    /** Runs {@code wake}, on any thread, when there is room. Try once more after this. */
    void wish(Lane lane, Runnable wake) {
        room(lane).wishes().add(wake);
    }

    private Room room(Lane lane) {
        return Objects.requireNonNull(rooms.get(lane));
    }

    /** Whether the attempt must pass by a signing thread; else it is ready as it is. */
    boolean mustSign(Attempt attempt) {
        if (reuse(attempt)) {
            return false;
        }
        boolean signs = signer.signs(attempt.envelope().facts());
        if (!signs) {
            countFirst(attempt);
        }
        return signs;
    }

    /** Gives it the signature its message got lately; false when there is none. */
    private boolean reuse(Attempt attempt) {
        Signature known = kept.getIfPresent(attempt.envelope().id());
        if (known == null) {
            return false;
        }
        attempt.signed(known);
        countFirst(attempt);
        return true;
    }

    /** Counts a message once for all its envelopes, but again when it was put back untried. */
    private void countFirst(Attempt attempt) {
        if (attempt.envelope().ordinal() == 0 && attempt.envelope().attempts() == 0) {
            passed.increment();
        }
    }

    /** Signs a batch with room reserved for it, then runs {@code done} on {@code loop}. */
    void sign(Lane lane, List<Attempt> attempts, Executor loop, Runnable done) {
        batches.incrementAndGet();
        synchronized (waiting) {
            waiting.addLast(lane, new Batch(lane, attempts, loop, done));
        }
        try {
            threads.execute(() -> {
                Batch batch = nextBatch();
                batch.attempts().forEach(this::sign);
                end(batch);
            });
        } catch (RejectedExecutionException stopping) {
            // There is one batch more than tasks now; which of them stays unsigned does not matter.
            Batch batch = nextBatch();
            batch.attempts().forEach(attempt -> attempt.unsigned(SmtpReply.of(451, "4.3.2",
                    "the service stops")));
            end(batch);
        }
    }

    /** See {@link io.mailrace.core.SigningLoad}, as for the next two. */
    long passed() {
        return passed.sum();
    }

    long pauses() {
        return pauses.get();
    }

    boolean busy() {
        return batches.get() >= size;
    }

    private Batch nextBatch() {
        synchronized (waiting) {
            return Objects.requireNonNull(waiting.poll(), "fewer batches than tasks");
        }
    }

    private void end(Batch batch) {
        if (batches.decrementAndGet() < size) {
            pauses.incrementAndGet();
        }
        release(batch.lane(), batch.attempts().size());
        try {
            batch.loop().execute(batch.done());
        } catch (RejectedExecutionException stopped) {
            LOG.debug("event loop stopped before a batch was signed");
        }
    }

    /** The catch-all of a signing thread: what cannot be signed waits, it never goes unsigned. */
    private void sign(Attempt attempt) {
        if (reuse(attempt)) {
            return; // while it waited
        }
        long started = time.nanos();
        try {
            Signature signature = signer.sign(attempt.content(), attempt.envelope().facts());
            attempt.signed(signature);
            kept.put(attempt.envelope().id(), signature);
            countFirst(attempt);
        } catch (RuntimeException failed) {
            LOG.error("not signed id={} domain={}", attempt.envelope().id(),
                    attempt.envelope().facts().fromDomain(), failed);
            attempt.unsigned(SmtpReply.of(451, "4.7.0", "the message could not be signed"));
        } finally {
            meters.signed(time.nanos() - started);
        }
    }

    @Override
    public void close() {
        threads.shutdown();
        try {
            if (!threads.awaitTermination(10, TimeUnit.SECONDS)) {
                LOG.warn("signing still runs");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
