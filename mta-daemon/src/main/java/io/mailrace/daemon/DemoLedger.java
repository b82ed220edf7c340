// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The demo's account of every message, kept outside the MTA: what was handed over, what arrived
 * where, and how. Any thread. Arrivals are compared and verified by one thread
 * ({@code demo-verifier}); when more than a bounded number wait for it, the providers wait too.
 */
final class DemoLedger implements SimulatedInbox, AutoCloseable {
    private static final int MAX_WAITING = 500;
    private static final int MAX_PROBLEMS = 20;

    /** What is known of one recipient of one message. Guarded by itself. */
    static final class Line {
        private final int number;
        private final String recipient;
        private final DemoPlace place;
        private int copies;
        private int unanswered;
        private int reports;
        private long arrivedNanos;

        Line(int number, String recipient, DemoPlace place) {
            this.number = number;
            this.recipient = recipient;
            this.place = place;
        }

        int number() {
            return number;
        }

        String recipient() {
            return recipient;
        }

        DemoPlace place() {
            return place;
        }

        synchronized boolean delivered() {
            return copies > 0;
        }

        synchronized boolean bounced() {
            return reports > 0;
        }

        /** Whether exactly what should have become of it did. */
        synchronized boolean settledAsExpected() {
            return switch (place.fate()) {
                case DELIVERED -> copies > 0 && reports == 0;
                case BOUNCED -> copies == 0 && reports == 1;
            };
        }

        synchronized int copiesTooMany() {
            return Math.max(0, copies - 1);
        }

        /** Copies that the provider asked for by cutting the line instead of answering. */
        synchronized int copiesExplained() {
            return Math.min(copiesTooMany(), unanswered);
        }

        synchronized boolean wasCutAfterEnd() {
            return unanswered > 0;
        }

        synchronized long arrivedNanos() {
            return arrivedNanos;
        }

        private synchronized void arrived(boolean answered, long nanos) {
            if (copies++ == 0) {
                arrivedNanos = nanos;
            }
            if (!answered) {
                unanswered++;
            }
        }

        private synchronized void reported() {
            reports++;
        }
    }

    private final TimeSource time;
    private final Map<String, Line> lines = new ConcurrentHashMap<>();
    private final Map<Integer, String> spoolIds = new ConcurrentHashMap<>();
    private final Collection<String> problems = new ArrayBlockingQueue<>(MAX_PROBLEMS);
    private final AtomicInteger problemCount = new AtomicInteger();
    private final AtomicInteger settled = new AtomicInteger();
    private final AtomicInteger contents = new AtomicInteger();
    private final AtomicInteger exact = new AtomicInteger();
    private final AtomicInteger signed = new AtomicInteger();
    private final AtomicInteger reports = new AtomicInteger();
    private final ThreadPoolExecutor verifying = new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(MAX_WAITING),
            Thread.ofPlatform().daemon().name("demo-verifier").factory(),
            new ThreadPoolExecutor.CallerRunsPolicy());
    private volatile Optional<DemoVerifier> verifier = Optional.empty();
    private volatile Optional<DemoDsn> sampleDsn = Optional.empty();

    DemoLedger(TimeSource time) {
        this.time = time;
    }

    /** Call before mail arrives. */
    void verifyWith(DemoVerifier dkim) {
        verifier = Optional.of(dkim);
    }

    /** The message is about to be submitted. */
    void expect(DemoMessage message) {
        message.recipients().forEach((recipient, place) -> lines.put(recipient,
                new Line(message.number(), recipient, place)));
    }

    /** The message was refused, or its fate is unknown: nothing is owed. */
    void withdraw(DemoMessage message) {
        message.recipients().keySet().forEach(lines::remove);
    }

    /** The message was answered with 250. */
    void acknowledged(DemoMessage message, String spoolId) {
        spoolIds.put(message.number(), spoolId);
    }

    Collection<Line> lines() {
        return lines.values();
    }

    int acknowledged() {
        return spoolIds.size();
    }

    Optional<String> spoolId(int number) {
        return Optional.ofNullable(spoolIds.get(number));
    }

    /** Recipients whose mail arrived or came back, each counted once. */
    int settled() {
        return settled.get();
    }

    /** Contents received from simulated providers, copies included, reports not. */
    int contents() {
        return contents.get();
    }

    int exact() {
        return exact.get();
    }

    int signed() {
        return signed.get();
    }

    int reports() {
        return reports.get();
    }

    Optional<DemoDsn> sampleDsn() {
        return sampleDsn;
    }

    /** The first things that were wrong, in words. */
    List<String> problems() {
        return List.copyOf(problems);
    }

    int problemCount() {
        return problemCount.get();
    }

    void problem(String text) {
        problemCount.incrementAndGet();
        synchronized (problems) {
            if (problems.size() < MAX_PROBLEMS) {
                problems.add(text);
            }
        }
    }

    /** Whether nothing that arrived still waits to be verified. */
    boolean idle() {
        return verifying.getQueue().isEmpty() && verifying.getActiveCount() == 0;
    }

    @Override
    public Incoming begin(String sender, List<String> recipients) {
        return new Incoming() {
            private final ByteArrayOutputStream content = new ByteArrayOutputStream(16 * 1024);

            @Override
            public void write(ByteBuf bytes) {
                try {
                    bytes.readBytes(content, bytes.readableBytes());
                } catch (IOException impossible) {
                    throw new IllegalStateException("memory does not fail so", impossible);
                }
            }

            @Override
            public void end(boolean answered) {
                long now = time.nanos();
                byte[] received = content.toByteArray();
                verifying.execute(() -> take(sender, recipients, received, answered, now));
            }
        };
    }

    private void take(String sender, List<String> recipients, byte[] received, boolean answered,
            long nanos) {
        try {
            if (sender.isEmpty()) {
                takeReport(recipients, received);
            } else {
                takeMessage(recipients, received, answered, nanos);
            }
        } catch (RuntimeException bug) {
            problem("the demo failed on a message: " + bug);
        }
    }

    private void takeMessage(List<String> recipients, byte[] received, boolean answered,
            long nanos) {
        contents.incrementAndGet();
        Optional<Integer> number = DemoMessage.numberIn(received);
        if (number.isEmpty()) {
            problem("a message without number arrived for " + recipients);
            return;
        }
        if (endsWith(received, DemoMessage.of(number.get()).content())) {
            exact.incrementAndGet();
        } else {
            problem("message " + number.get() + " was altered on its way to " + recipients);
        }
        String unsigned = verifier.map(v -> v.problem(received, "shop.test")).orElse("");
        if (unsigned.isEmpty()) {
            signed.incrementAndGet();
        } else {
            problem("message " + number.get() + " to " + recipients + ": " + unsigned);
        }
        for (String recipient : recipients) {
            Line line = lines.get(recipient);
            if (line == null || line.number() != number.get()) {
                problem("message " + number.get() + " arrived for " + recipient
                        + ", to whom it was not sent");
                continue;
            }
            if (!line.delivered()) {
                settled.incrementAndGet();
            }
            line.arrived(answered, nanos);
        }
    }

    /** The MTA adds fields on top; everything that was submitted must follow unchanged. */
    private static boolean endsWith(byte[] received, byte[] submitted) {
        int from = received.length - submitted.length;
        return from >= 0 && Arrays.equals(received, from, received.length, submitted, 0,
                submitted.length);
    }

    private void takeReport(List<String> recipients, byte[] received) {
        reports.incrementAndGet();
        if (!recipients.equals(List.of(DemoMessage.SENDER))) {
            problem("a report went to " + recipients);
        }
        List<DemoDsn> read = DemoDsn.read(received);
        if (read.isEmpty()) {
            problem("a message with null sender is not a readable DSN");
        }
        for (DemoDsn dsn : read) {
            Line line = lines.get(dsn.recipient());
            if (line == null || line.number() != dsn.number()
                    || !dsn.action().equals("failed")) {
                problem("a DSN about " + dsn.recipient() + " (" + dsn.action()
                        + ") fits no message");
                continue;
            }
            if (!line.bounced()) {
                settled.incrementAndGet();
            }
            line.reported();
            if (sampleDsn.isEmpty() || line.place() == DemoPlace.NOBODY) {
                sampleDsn = Optional.of(dsn);
            }
        }
    }

    @Override
    public void close() {
        verifying.shutdownNow();
    }
}
