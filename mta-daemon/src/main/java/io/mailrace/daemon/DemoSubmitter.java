// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * The demo's applications: several clients at once, each over STARTTLS and AUTH with a number of
 * messages for a connection, every third with BDAT instead of DATA. One virtual thread for each.
 */
final class DemoSubmitter {
    static final String USER = "shop";
    private static final int PER_CONNECTION = 50;
    private static final int CHUNK = 20_000;
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final InetSocketAddress server;
    private final String password;
    private final DemoLedger ledger;
    private final TimeSource time;
    private final int messages;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger submitted = new AtomicInteger();
    private final AtomicLong firstNanos = new AtomicLong(Long.MAX_VALUE);
    private final AtomicLong lastNanos = new AtomicLong(Long.MIN_VALUE);
    private final CountDownLatch running;

    DemoSubmitter(InetSocketAddress server, String password, DemoLedger ledger, TimeSource time,
            DemoOptions options) {
        this.server = server;
        this.password = password;
        this.ledger = ledger;
        this.time = time;
        messages = options.messages();
        running = new CountDownLatch(options.sessions());
    }

    /** Starts the clients and returns. */
    void start() {
        for (int i = 0; i < running.getCount(); i++) {
            boolean chunks = i % 3 == 2;
            Thread.ofVirtual().name("demo-client-" + i).start(() -> run(chunks));
        }
    }

    boolean done() {
        return running.getCount() == 0;
    }

    /** Messages handed to the server so far, whatever it said. */
    int submitted() {
        return submitted.get();
    }

    /** When the first MAIL went out; meaningful once a message was submitted. */
    long firstNanos() {
        return firstNanos.get();
    }

    /** When the last 250 came. */
    long lastNanos() {
        return lastNanos.get();
    }

    private void run(boolean chunks) {
        try {
            while (next.get() < messages) {
                connection(chunks);
            }
        } catch (IOException broken) {
            ledger.problem("a client could not go on: " + broken.getMessage());
        } finally {
            running.countDown();
        }
    }

    private void connection(boolean chunks) throws IOException {
        try (SimulatedClient client = SimulatedClient.connect(server, TIMEOUT)) {
            client.startTls().login(USER, password);
            for (int i = 0; i < PER_CONNECTION; i++) {
                int number = next.getAndIncrement();
                if (number >= messages) {
                    break;
                }
                submit(client, DemoMessage.of(number), chunks && client.offers("CHUNKING"));
            }
            client.quit();
        }
    }

    private void submit(SimulatedClient client, DemoMessage message, boolean chunks)
            throws IOException {
        ledger.expect(message);
        submitted.incrementAndGet();
        firstNanos.accumulateAndGet(time.nanos(), Math::min);
        List<String> recipients = message.recipientList();
        SimulatedClient.Reply reply = chunks
                ? client.sendChunks(DemoMessage.SENDER, recipients, message.content(), CHUNK)
                : client.send(DemoMessage.SENDER, recipients, message.content());
        if (reply.code() == 250) {
            ledger.acknowledged(message, spoolId(reply.text()).map(SpoolId::toString).orElse(""));
            lastNanos.accumulateAndGet(time.nanos(), Math::max);
        } else {
            ledger.withdraw(message);
            ledger.problem("message " + message.number() + " was refused: " + reply);
        }
    }

    /** The last word of {@code queued as <SpoolId>} that is one. */
    private static Optional<SpoolId> spoolId(String reply) {
        return Stream.of(reply.split(" ")).map(SpoolId::parse).flatMap(Optional::stream)
                .reduce((first, last) -> last);
    }
}
