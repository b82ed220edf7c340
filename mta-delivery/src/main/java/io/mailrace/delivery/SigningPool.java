// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.dkim.Signature;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Signs attempts on threads named {@code signing}, off the event loops, one batch of one dispatcher
 * at a time. Bounded: a dispatcher reserves room before it takes envelopes, and is woken when there
 * is room again; at most {@value #PER_THREAD} attempts a thread wait. Signatures of lately signed
 * contents are kept for their further envelopes, at most {@value #KEPT}. Any thread.
 */
final class SigningPool implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SigningPool.class);
    private static final int PER_THREAD = 64;
    private static final int KEPT = 4096;

    private final MessageSigner signer;
    private final TimeSource time;
    private final DeliveryMeters meters;
    private final int bound;
    private final AtomicInteger reserved = new AtomicInteger();
    private final Queue<Runnable> wishes = new ConcurrentLinkedQueue<>();
    private final Cache<SpoolId, Signature> kept;
    private final ExecutorService threads;

    SigningPool(MessageSigner signer, int threads, TimeSource time, DeliveryMeters meters) {
        this.signer = signer;
        this.time = time;
        this.meters = meters;
        bound = threads * PER_THREAD;
        kept = Caffeine.newBuilder().maximumSize(KEPT).executor(Runnable::run).build();
        this.threads = Executors.newFixedThreadPool(threads,
                Thread.ofPlatform().name("signing-", 0).daemon(true).factory());
    }

    /** Room for up to that many attempts; 0 when signing is behind. */
    int reserve(int wanted) {
        for (int now = reserved.get(); now < bound; now = reserved.get()) {
            int granted = Math.min(wanted, bound - now);
            if (reserved.compareAndSet(now, now + granted)) {
                return granted;
            }
        }
        return 0;
    }

    /** Gives reserved room back that is not used. */
    void release(int attempts) {
        if (attempts > 0 && reserved.addAndGet(-attempts) <= bound / 2) {
            for (Runnable wish = wishes.poll(); wish != null; wish = wishes.poll()) {
                wish.run();
            }
        }
    }

    /** Runs {@code wake}, on any thread, when there is room. Try once more after this. */
    void wish(Runnable wake) {
        wishes.add(wake);
    }

    /** Whether the attempt must pass by a signing thread; else it is ready as it is. */
    boolean mustSign(Attempt attempt) {
        Signature known = kept.getIfPresent(attempt.envelope().id());
        if (known != null) {
            attempt.signed(known);
            return false;
        }
        return signer.signs(attempt.envelope().facts());
    }

    /** Signs a batch with room reserved for it, then runs {@code done} on {@code loop}. */
    void sign(List<Attempt> batch, Executor loop, Runnable done) {
        try {
            threads.execute(() -> {
                for (Attempt attempt : batch) {
                    sign(attempt);
                }
                release(batch.size());
                try {
                    loop.execute(done);
                } catch (RejectedExecutionException stopped) {
                    LOG.debug("event loop stopped before a batch was signed");
                }
            });
        } catch (RejectedExecutionException stopping) {
            batch.forEach(attempt -> attempt.unsigned(SmtpReply.of(451, "4.3.2",
                    "the service stops")));
            release(batch.size());
            loop.execute(done);
        }
    }

    /** The catch-all of a signing thread: what cannot be signed waits, it never goes unsigned. */
    private void sign(Attempt attempt) {
        long started = time.nanos();
        try {
            Signature signature = signer.sign(attempt.content(), attempt.envelope().facts());
            attempt.signed(signature);
            kept.put(attempt.envelope().id(), signature);
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
