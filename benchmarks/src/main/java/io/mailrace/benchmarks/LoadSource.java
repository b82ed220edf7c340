// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.SimulatedClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Submits numbered messages over several sessions at once and keeps, outside the MTA, which numbers
 * were answered with 250. A session whose line is lost connects again and goes on with a new
 * number: a number is submitted at most once, so whatever arrives twice was doubled by the MTA. One
 * virtual thread for each session.
 */
public final class LoadSource implements AutoCloseable {
    private static final Duration TIMEOUT = Duration.ofMinutes(5);
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final long HELD_BACK_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
    private static final int PACE_AHEAD = 8;

    /**
     * @param count messages in all; {@link Long#MAX_VALUE}: until closed
     * @param perConnection messages before a session connects anew
     * @param domains recipients are spread over d1.test to dN.test
     * @param perSecond messages of all sessions together; 0: as fast as they go
     * @param login user and password, over STARTTLS; empty: in the clear and without
     */
    public record Options(InetSocketAddress target, int sessions, long count, long bodyBytes,
            int perConnection, int domains, long perSecond, Optional<Login> login) {}

    /** Credentials. */
    public record Login(String user, String password) {}

    private final Options options;
    private final long firstNumber;
    private final AtomicLong next = new AtomicLong();
    private final BitSet acknowledged = new BitSet();
    private int acknowledgedNow;
    private final AtomicLong refused = new AtomicLong();
    private final AtomicLong lostLines = new AtomicLong();
    private final BooleanSupplier mayGoOn;
    private final CountDownLatch running;
    private final long startNanos = System.nanoTime();
    private volatile boolean stopping;
    private volatile String lastTrouble = "";
    private volatile String lastRefusal = "";

    /** Starts at once. */
    public LoadSource(Options options) {
        this(options, 0);
    }

    /** Starts at once, with numbers from {@code firstNumber} on. */
    public LoadSource(Options options, long firstNumber) {
        this(options, firstNumber, () -> true);
    }

    /** Starts at once; each message waits until {@code mayGoOn} holds. */
    public LoadSource(Options options, long firstNumber, BooleanSupplier mayGoOn) {
        this.options = options;
        this.firstNumber = firstNumber;
        this.mayGoOn = mayGoOn;
        running = new CountDownLatch(options.sessions());
        for (int i = 0; i < options.sessions(); i++) {
            Thread.ofVirtual().name("load-" + i).start(this::session);
        }
    }

    private void session() {
        try {
            while (!stopping && next.get() < options.count()) {
                try {
                    connection();
                } catch (IOException lost) {
                    lostLines.incrementAndGet();
                    lastTrouble = lost.toString();
                    LockSupport.parkNanos(RETRY_NANOS);
                }
            }
        } finally {
            running.countDown();
        }
    }

    private void connection() throws IOException {
        try (SimulatedClient client = SimulatedClient.connect(options.target(), TIMEOUT)) {
            if (options.login().isPresent()) {
                Login login = options.login().get();
                client.startTls().login(login.user(), login.password());
            }
            for (int i = 0; i < options.perConnection() && !stopping; i++) {
                long index = next.getAndIncrement();
                if (index >= options.count()) {
                    break;
                }
                pace(index);
                submit(client, firstNumber + index);
            }
            client.quit();
        }
    }

    private void submit(SimulatedClient client, long number) throws IOException {
        LoadMessage message = message(number);
        SimulatedClient.Reply reply = client.send(message.sender(), List.of(message.recipient()),
                message::writeTo);
        if (reply.code() == 250) {
            synchronized (acknowledged) {
                acknowledged.set(Math.toIntExact(number));
                acknowledgedNow++;
            }
        } else {
            lastTrouble = reply.toString();
            lastRefusal = lastTrouble;
            refused.incrementAndGet();
        }
    }

    private LoadMessage message(long number) {
        return new LoadMessage(number, "load@load.test",
                "u" + number + "@d" + (1 + number % options.domains()) + ".test",
                options.bodyBytes());
    }

    /** Holds a message back until its turn by the rate. */
    private void pace(long index) {
        while (!stopping && !mayGoOn.getAsBoolean()) {
            LockSupport.parkNanos(HELD_BACK_NANOS);
        }
        if (options.perSecond() <= 0) {
            return;
        }
        long due = startNanos + Math.max(0, index - PACE_AHEAD) * TimeUnit.SECONDS.toNanos(1)
                / options.perSecond();
        long wait = due - System.nanoTime();
        while (wait > 0 && !stopping) {
            LockSupport.parkNanos(wait);
            wait = due - System.nanoTime();
        }
    }

    /** A snapshot of the numbers answered with 250. */
    public BitSet acknowledged() {
        synchronized (acknowledged) {
            return (BitSet) acknowledged.clone();
        }
    }

    public int acknowledgedCount() {
        synchronized (acknowledged) {
            return acknowledgedNow;
        }
    }

    /** Messages answered with anything else. */
    public long refused() {
        return refused.get();
    }

    /** Connections that failed or broke. */
    public long lostLines() {
        return lostLines.get();
    }

    /** The last reply that was no 250; empty when there was none. */
    public String lastRefusal() {
        return lastRefusal;
    }

    /** The last refusal or failure, for people. */
    public String lastTrouble() {
        return lastTrouble;
    }

    /** Waits until everything was submitted. */
    public boolean await(Duration limit) throws InterruptedException {
        return running.await(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Lets each session finish its message, and waits for that. */
    public void stop() {
        stopping = true;
        try {
            await(TIMEOUT);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        stop();
    }
}
