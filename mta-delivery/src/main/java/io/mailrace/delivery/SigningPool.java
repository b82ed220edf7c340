// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Lane;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.dkim.Signature;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
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
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Signs attempts on threads named {@code signing}, off the event loops, in the order of
 * {@link LaneQueue}: one batch of one dispatcher and lane at a time, or of several, in parts, as
 * many as the signer signs together. Bounded: a dispatcher reserves room before it takes
 * envelopes, and is woken when there is room again; at most {@value #PER_THREAD} attempts a thread
 * wait in each lane, so that no lane fills the room of another. Signatures of lately signed
 * contents are kept for their further envelopes, at most {@value #KEPT}, for a quarter of an hour
 * and no longer than the keys that made them are in force. Any thread.
 */
final class SigningPool implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SigningPool.class);
    private static final int PER_THREAD = 128;
    private static final int KEPT = 4096;
    /** A signature may be good for an hour only (x=), and its mail still has a way to go. */
    private static final Duration KEPT_FOR = Duration.ofMinutes(15);
    /** For so many that leave the room somebody who waits is woken, however little there is. */
    private static final int A_TURN = 16;
    /** A group of no more than that is signed within some milliseconds. */
    private static final int QUICK_ATTEMPTS = 16;
    private static final long QUICK_BYTES = 256 * 1024;
    private static final long TELL_EVERY_NANOS = Duration.ofMinutes(1).toNanos();
    private static final SmtpReply NOT_SIGNED = SmtpReply.of(451, "4.7.0",
            "the message could not be signed");

    /**
     * What a content was signed with.
     *
     * @param generation of the signer when that began
     */
    private record Known(Signature signature, long generation) {}

    /** What one lane has taken of its room, and who waits for more. */
    private record Room(AtomicInteger reserved, AtomicLong released, Queue<Runnable> wishes) {
        Room() {
            this(new AtomicInteger(), new AtomicLong(), new ConcurrentLinkedQueue<>());
        }

        /** How many who wait have their turn though there is little room. */
        int turns(int released) {
            long after = released().addAndGet(released);
            return (int) (after / A_TURN - (after - released) / A_TURN);
        }
    }

    /** What one dispatcher wants signed, less what threads have taken of it. */
    private static final class Batch {
        private final Lane lane;
        private final Executor loop;
        private final Consumer<List<Attempt>> done;
        /** Guarded by waiting. */
        private List<Attempt> rest;

        Batch(Lane lane, List<Attempt> attempts, Executor loop, Consumer<List<Attempt>> done) {
            this.lane = lane;
            this.loop = loop;
            this.done = done;
            rest = List.copyOf(attempts);
        }

        /** Takes out the first ones, not more than there are. Holding waiting. */
        Part take(int most) {
            int taken = Math.min(most, rest.size());
            Part part = new Part(this, rest.subList(0, taken));
            rest = rest.subList(taken, rest.size());
            return part;
        }
    }

    /** Of one batch what one thread signs. Confined to that. */
    private static final class Part {
        private final Batch batch;
        private final List<Attempt> attempts;
        private int open;

        Part(Batch batch, List<Attempt> attempts) {
            this.batch = batch;
            this.attempts = attempts;
            open = attempts.size();
        }
    }

    /**
     * What one thread takes to sign next.
     *
     * @param attempts in order, with the part of each
     * @param quick whether the thread will look for more within a moment
     */
    private record Group(Map<Attempt, Part> attempts, boolean quick) {
        static final Group NONE = new Group(Map.of(), true);

        boolean isEmpty() {
            return attempts.isEmpty();
        }
    }

    private final MessageSigner signer;
    private final TimeSource time;
    private final DeliveryMeters meters;
    private final int bound;
    private final int size;
    private final LongAdder passed = new LongAdder();
    private final Map<Lane, Room> rooms = new EnumMap<>(Lane.class);
    /** Guarded by itself. For each batch there is a task to come or a thread at work. */
    private final LaneQueue<Batch> waiting = new LaneQueue<>();
    /** Guarded by waiting. */
    private int waitingAttempts;
    /** Threads that sign. Guarded by waiting. */
    private int atWork;
    /** Of these, how many with a group that is quick. Guarded by waiting. */
    private int quickAtWork;
    /** How often one stopped. Guarded by waiting. */
    private long pauses;
    private final Cache<SpoolId, Known> kept;
    private final AtomicLong unsignedToldNanos;
    private final ExecutorService threads;

    SigningPool(MessageSigner signer, int threads, TimeSource time, DeliveryMeters meters) {
        this.signer = signer;
        this.time = time;
        this.meters = meters;
        size = threads;
        bound = threads * PER_THREAD;
        for (Lane lane : Lane.values()) {
            rooms.put(lane, new Room());
        }
        kept = Caffeine.newBuilder().maximumSize(KEPT).expireAfterWrite(KEPT_FOR)
                .ticker(time::nanos).executor(Runnable::run).build();
        unsignedToldNanos = new AtomicLong(time.nanos() - TELL_EVERY_NANOS);
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
        if (attempts > 0) {
            Room room = room(lane);
            boolean ample = room.reserved().addAndGet(-attempts) <= bound / 2;
            int turns = room.turns(attempts);
            wake(room.wishes(), ample ? Integer.MAX_VALUE : turns);
        }
    }

    private static void wake(Queue<Runnable> wishes, int most) {
        for (int woken = 0; woken < most; woken++) {
            Runnable wish = wishes.poll();
            if (wish == null) {
                return;
            }
            try {
                wish.run();
            } catch (RuntimeException | Error stopped) {
                LOG.debug("somebody who waited for room cannot be woken", stopped);
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
        Known known = kept.getIfPresent(attempt.envelope().id());
        if (known == null || known.generation() != signer.generation()) {
            return false;
        }
        attempt.signed(known.signature());
        countFirst(attempt);
        return true;
    }

    /** Counts a message once for all its envelopes, but again when it was put back untried. */
    private void countFirst(Attempt attempt) {
        if (attempt.envelope().ordinal() == 0 && attempt.envelope().attempts() == 0) {
            passed.increment();
        }
    }

    /**
     * Signs a batch with room reserved for it, and runs {@code done} on {@code loop} for each part
     * of it that is signed.
     */
    void sign(Lane lane, List<Attempt> attempts, Executor loop, Consumer<List<Attempt>> done) {
        synchronized (waiting) {
            waiting.addLast(lane, new Batch(lane, attempts, loop, done));
            waitingAttempts += attempts.size();
        }
        int most = signer.together();
        int groups = most == 1 ? 1 : Math.ceilDiv(attempts.size(), most);
        try {
            for (int i = 0; i < Math.min(groups, size); i++) {
                threads.execute(this::work);
            }
        } catch (RejectedExecutionException stopping) {
            // Nobody may come any more; which of all that wait stay unsigned does not matter.
            for (Group left = take(); !left.isEmpty(); left = take()) {
                left.attempts().forEach((attempt, part) -> {
                    attempt.unsigned(SmtpReply.of(451, "4.3.2", "the service stops"));
                    told(part);
                });
            }
        }
    }

    /** See {@link io.mailrace.core.SigningLoad}, as for the next two. */
    long passed() {
        return passed.sum();
    }

    long pauses() {
        synchronized (waiting) {
            return pauses;
        }
    }

    boolean busy() {
        synchronized (waiting) {
            return atWork == size;
        }
    }

    private void work() {
        Group next = begin();
        while (!next.isEmpty()) {
            try {
                new Signing(next).run();
            } catch (RuntimeException | Error bug) {
                LOG.error("a signing thread stumbled", bug); // and goes on: others count on it
            }
            next = goOn(next);
        }
    }

    private Group begin() {
        synchronized (waiting) {
            return leftToOthers() ? Group.NONE : start();
        }
    }

    private Group goOn(Group after) {
        synchronized (waiting) {
            atWork--;
            quickAtWork -= after.quick() ? 1 : 0;
            Group next = leftToOthers() ? Group.NONE : start();
            if (next.isEmpty()) {
                pauses++;
            }
            return next;
        }
    }

    /**
     * Whether what waits is less than is best signed together, in no hurry, and will be come to by
     * a thread at work within a moment: signed by it, it costs less. Holding waiting.
     */
    private boolean leftToOthers() {
        return quickAtWork > 0 && waitingAttempts < signer.together()
                && waiting.size(Lane.TRANSACTIONAL) == 0;
    }

    /** Holding waiting. */
    private Group start() {
        Group next = take();
        if (!next.isEmpty()) {
            atWork++;
            quickAtWork += next.quick() ? 1 : 0;
        }
        return next;
    }

    /** As many as are signed together, or all that wait; a whole batch where each is alone. */
    private Group take() {
        int most = signer.together();
        Map<Attempt, Part> next = new LinkedHashMap<>();
        synchronized (waiting) {
            for (Batch batch = waiting.poll(); batch != null; batch = waiting.poll()) {
                Part part = batch.take(most == 1 ? batch.rest.size() : most - next.size());
                part.attempts.forEach(attempt -> next.put(attempt, part));
                if (!batch.rest.isEmpty()) {
                    waiting.addFirst(batch.lane, batch);
                }
                if (next.size() >= most) {
                    break;
                }
            }
            waitingAttempts -= next.size();
        }
        long bytes = next.keySet().stream()
                .mapToLong(one -> one.envelope().facts().sizeBytes()).sum();
        return new Group(next, next.size() <= QUICK_ATTEMPTS && bytes <= QUICK_BYTES);
    }

    /** One more of a part is known of; with the last one the part is done. */
    private void told(Part part) {
        if (--part.open > 0) {
            return;
        }
        Batch batch = part.batch;
        release(batch.lane, part.attempts.size());
        try {
            batch.loop.execute(() -> batch.done.accept(part.attempts));
        } catch (RuntimeException | Error stopped) {
            LOG.debug("event loop stopped before its mail was signed", stopped);
        }
    }

    /** No key can sign it, now or later: counted, and told once a minute, for it may be many. */
    private void leavesUnsigned(SpoolId id, ContentFacts facts) {
        meters.unsigned();
        long now = time.nanos();
        long last = unsignedToldNanos.get();
        if (now - last >= TELL_EVERY_NANOS && unsignedToldNanos.compareAndSet(last, now)) {
            LOG.warn("leaves unsigned though there is a key id={} domain={} why=\"{}\"", id,
                    facts.fromDomain(), "header over 1 MB, without From or malformed at its start");
        }
    }

    /** The signing of one group by one thread. */
    private final class Signing {
        /** Attempts that nothing is known of yet. */
        private final Map<Attempt, Part> open;
        private final Map<SpoolId, Message> messages = new LinkedHashMap<>();
        /** Before the first is signed: keys replaced since then cost one signature more. */
        private final long generation = signer.generation();

        Signing(Group group) {
            open = group.attempts();
            for (Attempt attempt : open.keySet()) {
                messages.computeIfAbsent(attempt.envelope().id(), id -> new Message()).attempts
                        .add(attempt);
            }
        }

        /** The catch-all of a signing thread: what is not signed waits, it never goes unsigned. */
        void run() {
            try {
                messages.values().removeIf(Message::signedMeanwhile);
                long started = time.nanos();
                signer.signAll(List.copyOf(messages.values()));
                meters.signed(messages.size(), time.nanos() - started);
            } catch (RuntimeException | Error bug) {
                LOG.error("signing failed", bug);
            }
            for (Attempt attempt : List.copyOf(open.keySet())) {
                attempt.unsigned(NOT_SIGNED);
                told(attempt);
            }
        }

        /** A part is done with its last attempt, whatever else is signed with it. */
        private void told(Attempt attempt) {
            Part part = open.remove(attempt);
            if (part != null) {
                SigningPool.this.told(part);
            }
        }

        /** One content to be signed, with its envelopes that are here. */
        private final class Message implements MessageSigner.Job {
            private final List<Attempt> attempts = new ArrayList<>(1);

            boolean signedMeanwhile() {
                attempts.removeIf(attempt -> {
                    boolean known = reuse(attempt);
                    if (known) {
                        told(attempt);
                    }
                    return known;
                });
                return attempts.isEmpty();
            }

            @Override
            public Content content() {
                return attempts.getFirst().content();
            }

            @Override
            public ContentFacts facts() {
                return attempts.getFirst().envelope().facts();
            }

            @Override
            public void signed(Signature signature) {
                if (!signature.signedBy().isEmpty()) {
                    // none is not for ever: keys come with a reload
                    kept.put(attempts.getFirst().envelope().id(),
                            new Known(signature, generation));
                } else if (signer.signs(facts())) {
                    leavesUnsigned(attempts.getFirst().envelope().id(), facts());
                }
                for (Attempt attempt : attempts) {
                    attempt.signed(signature);
                    countFirst(attempt);
                    told(attempt);
                }
            }

            @Override
            public void failed(RuntimeException why) {
                LOG.error("not signed id={} domain={}", attempts.getFirst().envelope().id(),
                        facts().fromDomain(), why);
                for (Attempt attempt : attempts) {
                    attempt.unsigned(NOT_SIGNED);
                    told(attempt);
                }
            }
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
