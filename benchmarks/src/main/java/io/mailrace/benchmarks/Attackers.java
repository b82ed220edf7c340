// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.SimulatedClient;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

/**
 * Clients that mean harm, one virtual thread each, from 127.0.66.0/24 with at most {@value
 * #PER_ADDRESS} lines for each address. Each does the same again until closed; whatever the server
 * does to it is counted and no failure.
 */
final class Attackers implements AutoCloseable {
    static final String USER = "mallory";
    static final String PASSWORD = "stolen";
    private static final int PER_ADDRESS = 250;
    private static final Duration TIMEOUT = Duration.ofSeconds(20);
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    /** What they do. */
    enum Kind {
        IDLE(2000), SLOW_DATA(500), ENDLESS_LINES(50), MANY_RECIPIENTS(20), GUESSING(50),
        STARTTLS_FLOOD(100);

        private final int lines;

        Kind(int lines) {
            this.lines = lines;
        }

        /** How many at once in the full version. */
        int lines() {
            return lines;
        }

        String word() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    private final InetSocketAddress target;
    private final Map<String, LongAdder> counted = new ConcurrentHashMap<>();
    private final AtomicInteger begun = new AtomicInteger();
    private final CountDownLatch running;
    private final Map<Thread, Boolean> threads = new ConcurrentHashMap<>();
    private volatile boolean closed;

    private Attackers(InetSocketAddress target, int lines) {
        this.target = target;
        running = new CountDownLatch(lines);
    }

    /** Starts at once. */
    static Attackers start(Kind kind, int lines, InetSocketAddress target) {
        var attackers = new Attackers(target, lines);
        for (int i = 0; i < lines; i++) {
            int number = i;
            Thread thread = Thread.ofVirtual().name("attacker-" + i)
                    .unstarted(() -> attackers.again(kind, number));
            attackers.threads.put(thread, true);
            thread.start();
        }
        return attackers;
    }

    private void again(Kind kind, int number) {
        var from = new InetSocketAddress("127.0.66." + (1 + number / PER_ADDRESS % 250), 0);
        try {
            while (!closed) {
                try {
                    switch (kind) {
                        case IDLE -> idle(from);
                        case SLOW_DATA -> slowData(from);
                        case ENDLESS_LINES -> endlessLine(from);
                        case MANY_RECIPIENTS -> manyRecipients(from);
                        case GUESSING -> guess(number);
                        case STARTTLS_FLOOD -> startTls(from, number % 4 == 0);
                    }
                } catch (IOException thrownOut) {
                    count("thrown out");
                    LockSupport.parkNanos(SECOND / 20);
                }
            }
        } finally {
            running.countDown();
        }
    }

    private void count(String what) {
        counted.computeIfAbsent(what, w -> new LongAdder()).increment();
    }

    private void idle(InetSocketAddress from) throws IOException {
        try (Socket socket = open(from)) {
            InputStream in = socket.getInputStream();
            int first = in.read();
            count(first == '2' ? "lines" : "refused");
            while (!closed && in.read() >= 0) {
                // the greeting; nothing follows until the server has had enough
            }
        }
    }

    private Socket open(InetSocketAddress from) throws IOException {
        var socket = new Socket();
        try {
            socket.bind(from);
            socket.connect(target, (int) TIMEOUT.toMillis());
            socket.setSoTimeout((int) Duration.ofMinutes(10).toMillis());
            return socket;
        } catch (IOException failed) {
            socket.close();
            throw failed;
        }
    }

    private SimulatedClient loggedIn(InetSocketAddress from) throws IOException {
        SimulatedClient client = SimulatedClient.connect(target, from, TIMEOUT);
        try {
            return client.startTls().login(USER, PASSWORD);
        } catch (IOException refused) {
            client.close();
            throw refused;
        }
    }

    private void slowData(InetSocketAddress from) throws IOException {
        try (var client = loggedIn(from)) {
            client.command("MAIL FROM:<m@mallory.test>");
            client.command("RCPT TO:<u@d1.test>");
            if (client.command("DATA").code() != 354) {
                count("refused");
                return;
            }
            count("messages begun");
            client.octets("Subject: slow\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            while (!closed) {
                client.octets(new byte[]{'x'});
                count("octets");
                LockSupport.parkNanos(SECOND);
            }
        }
    }

    private void endlessLine(InetSocketAddress from) throws IOException {
        byte[] xs = "x".repeat(64 << 10).getBytes(StandardCharsets.US_ASCII);
        try (Socket socket = open(from)) {
            count("lines begun");
            while (!closed) {
                socket.getOutputStream().write(xs);
                count("blocks of 64 KB");
            }
        }
    }

    private void manyRecipients(InetSocketAddress from) throws IOException {
        byte[] hundred = "RCPT TO:<someone.with.a.long.name@d1.test>\r\n".repeat(100)
                .getBytes(StandardCharsets.US_ASCII);
        try (var client = loggedIn(from)) {
            if (!client.command("MAIL FROM:<m@mallory.test>").positive()) {
                count("refused");
                LockSupport.parkNanos(SECOND / 10);
                return;
            }
            while (!closed) {
                client.octets(hundred);
                for (int i = 0; i < 100; i++) {
                    count(client.reply().positive() ? "RCPT" : "RCPT refused");
                }
            }
        }
    }

    private void guess(int number) throws IOException {
        // a new address each time: the brake works by address
        var from = new InetSocketAddress("127.0.66." + (1 + begun.getAndIncrement() % 250), 0);
        try (var client = SimulatedClient.connect(target, from, TIMEOUT)) {
            client.startTls();
            for (int i = 0; i < 5 && !closed; i++) {
                String wrong = Base64.getEncoder().encodeToString(
                        ("\0victim" + number + "\0guess" + i).getBytes(StandardCharsets.UTF_8));
                count(client.command("AUTH PLAIN " + wrong).code() + " for AUTH");
            }
        }
    }

    private void startTls(InetSocketAddress from, boolean breaksOff) throws IOException {
        try (var client = SimulatedClient.connect(target, from, TIMEOUT)) {
            if (breaksOff) {
                int code = client.command("STARTTLS").code();
                count(code == 220 ? "handshakes broken off" : "refused");
                LockSupport.parkNanos(SECOND);
            } else {
                client.startTls();
                count("handshakes");
            }
        }
    }

    /** What they did and met, by its name. */
    String account() {
        return String.join(", ", counted.entrySet().stream()
                .map(e -> String.format(Locale.ROOT, "%,d %s", e.getValue().sum(), e.getKey()))
                .sorted().toList());
    }

    @Override
    public void close() {
        closed = true;
        threads.keySet().forEach(Thread::interrupt);
        try {
            if (!running.await(30, TimeUnit.SECONDS)) {
                throw new IllegalStateException("attackers do not end");
            }
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }
}
