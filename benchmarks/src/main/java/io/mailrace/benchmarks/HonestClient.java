// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.SimulatedClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * An application that hands in a message at even intervals whatever else goes on. The time of each
 * counts from when it was to be sent, so that one that had to wait for another, for a connection or
 * for a second try is as late as its user finds it. A number is submitted at most once. Threads of
 * the platform, so that attackers in the same process do not take their turn.
 */
final class HonestClient implements AutoCloseable {
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
    private static final int PER_CONNECTION = 40;
    private static final String SENDER = "load@load.test";

    /**
     * @param from its own address
     * @param perSecond messages of all sessions together
     */
    record Options(InetSocketAddress target, InetAddress from, String user, String password,
            int sessions, int perSecond, long bodyBytes) {}

    /** What it met in some time. */
    record Account(int sent, int refused, int linesLost, long p50Millis, long p99Millis,
            long worstMillis) {}

    private final Options options;
    private final long startNanos = System.nanoTime();
    private final AtomicLong turns = new AtomicLong();
    private final AtomicInteger numbers = new AtomicInteger();
    private final List<Thread> threads = new ArrayList<>();
    private final BitSet acknowledged = new BitSet();
    private List<Long> latencies = new ArrayList<>();
    private int refused;
    private int linesLost;
    private String lastTrouble = "";
    private volatile boolean stopping;

    /** Starts at once. */
    HonestClient(Options options) {
        this.options = options;
        for (int i = 0; i < options.sessions(); i++) {
            threads.add(Thread.ofPlatform().name("honest-" + i).start(this::session));
        }
    }

    private void session() {
        long due = startNanos;
        boolean inHand = false;
        while (!stopping) {
            try (var client = SimulatedClient.connect(options.target(),
                    new InetSocketAddress(options.from(), 0), TIMEOUT)) {
                client.startTls().login(options.user(), options.password());
                for (int i = 0; i < PER_CONNECTION && !stopping; i++) {
                    if (!inHand) {
                        due = startNanos + turns.getAndIncrement() * TimeUnit.SECONDS.toNanos(1)
                                / options.perSecond();
                        inHand = true;
                        awaitTurn(due);
                    }
                    if (stopping) {
                        return;
                    }
                    inHand = !send(client, due);
                }
                client.quit();
            } catch (IOException lost) {
                trouble(lost.toString(), true);
                LockSupport.parkNanos(RETRY_NANOS);
            }
        }
    }

    private void awaitTurn(long due) {
        long left = due - System.nanoTime();
        while (left > 0 && !stopping) {
            LockSupport.parkNanos(left);
            left = due - System.nanoTime();
        }
    }

    private boolean send(SimulatedClient client, long due) throws IOException {
        int number = numbers.getAndIncrement();
        var message = new LoadMessage(number, SENDER, "u" + number % 100 + "@d1.test",
                options.bodyBytes());
        var reply = client.send(SENDER, List.of(message.recipient()), message::writeTo);
        if (reply.code() != 250) {
            trouble(reply.toString(), false);
            LockSupport.parkNanos(RETRY_NANOS);
            return false;
        }
        long took = System.nanoTime() - due;
        synchronized (this) {
            acknowledged.set(number);
            latencies.add(took);
        }
        return true;
    }

    private synchronized void trouble(String what, boolean lineLost) {
        lastTrouble = what;
        if (lineLost) {
            linesLost++;
        } else {
            refused++;
        }
    }

    /** What it met since the last call. */
    synchronized Account take() {
        long[] sorted = latencies.stream().mapToLong(Long::longValue).sorted().toArray();
        var account = new Account(sorted.length, refused, linesLost, millis(sorted, 0.5),
                millis(sorted, 0.99), millis(sorted, 1));
        latencies = new ArrayList<>();
        refused = 0;
        linesLost = 0;
        return account;
    }

    private static long millis(long[] sorted, double share) {
        return sorted.length == 0
                ? Long.MAX_VALUE
                : TimeUnit.NANOSECONDS.toMillis(
                        sorted[Math.min(sorted.length - 1, (int) (share * sorted.length))]);
    }

    /** Messages that were to be sent by now and have no 250 yet. */
    synchronized int overdue() {
        long due = (System.nanoTime() - startNanos) * options.perSecond()
                / TimeUnit.SECONDS.toNanos(1);
        return (int) Math.max(0, due - acknowledged.cardinality());
    }

    synchronized BitSet acknowledged() {
        return BitSet.valueOf(acknowledged.toLongArray());
    }

    synchronized String lastTrouble() {
        return lastTrouble;
    }

    /** Ends after the messages in hand. */
    @Override
    public void close() {
        stop();
    }

    /** Sends nothing more; what is under way is over when this returns. */
    void stop() {
        stopping = true;
        for (Thread thread : threads) {
            LockSupport.unpark(thread);
        }
        for (Thread thread : threads) {
            try {
                thread.join(TIMEOUT);
            } catch (InterruptedException stop) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
