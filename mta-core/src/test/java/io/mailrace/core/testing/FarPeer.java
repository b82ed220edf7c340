// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core.testing;

import io.mailrace.core.TimeSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A receiver at the end of a long line: it answers only when nothing has come for as long as a
 * round trip takes, all it has to say at once. So each answer is a round trip, and they can be
 * counted.
 */
public final class FarPeer implements AutoCloseable {
    private final AtomicInteger roundTrips = new AtomicInteger();
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicInteger taken = new AtomicInteger();
    private final ServerSocket listener;
    private final List<String> offers;
    private final int quietMillis;
    private volatile long firstNanos;
    private volatile long lastNanos;

    /** @param quietMillis the round trip */
    public FarPeer(List<String> offers, int quietMillis) throws IOException {
        this.offers = List.copyOf(offers);
        this.quietMillis = quietMillis;
        listener = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        Thread.ofPlatform().daemon(true).start(this::accept);
    }

    public int roundTrips() {
        return roundTrips.get();
    }

    public int connections() {
        return connections.get();
    }

    /** Messages. */
    public int taken() {
        return taken.get();
    }

    /** Messages a second from the first to the last. */
    public double perSecond() {
        return (taken.get() - 1) * 1e9 / Math.max(1, lastNanos - firstNanos);
    }

    public int port() {
        return listener.getLocalPort();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket socket = listener.accept();
                connections.incrementAndGet();
                Thread.ofVirtual().start(() -> serve(socket));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            socket.setTcpNoDelay(true);
            socket.setSoTimeout(quietMillis);
            StringBuilder said = new StringBuilder("220 far\r\n");
            Session session = new Session();
            while (true) {
                if (!said.isEmpty()) {
                    roundTrips.incrementAndGet();
                    socket.getOutputStream().write(said.toString()
                            .getBytes(StandardCharsets.US_ASCII));
                    socket.getOutputStream().flush();
                    said.setLength(0);
                }
                byte[] group = group(socket.getInputStream());
                if (group.length == 0) {
                    return;
                }
                for (byte b : group) {
                    session.take(b, said);
                }
            }
        } catch (IOException over) {
            // the connection ended
        }
    }

    /** Everything that comes before it is quiet; empty at the end. */
    private static byte[] group(InputStream in) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] buffer = new byte[64 * 1024];
        while (true) {
            try {
                int count = in.read(buffer);
                if (count < 0) {
                    return all.toByteArray();
                }
                all.write(buffer, 0, count);
            } catch (SocketTimeoutException quiet) {
                if (all.size() > 0) {
                    return all.toByteArray();
                }
            }
        }
    }

    @Override
    public void close() {
        try {
            listener.close();
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    /** One dialogue, byte by byte. */
    private final class Session {
        private final StringBuilder line = new StringBuilder();
        private boolean content;
        private int chunk;

        void take(byte b, StringBuilder said) {
            if (chunk > 0) {
                if (--chunk == 0) {
                    took(said);
                }
                return;
            }
            line.append((char) (b & 0xff));
            if (b != '\n') {
                return;
            }
            String text = line.toString().strip();
            line.setLength(0);
            if (content) {
                if (text.equals(".")) {
                    content = false;
                    took(said);
                }
                return;
            }
            command(text, said);
        }

        private void command(String text, StringBuilder said) {
            String verb = text.split("[ :]", 2)[0].toUpperCase(Locale.ROOT);
            switch (verb) {
                case "EHLO" -> {
                    said.append("250-far\r\n");
                    offers.forEach(one -> said.append("250-").append(one).append("\r\n"));
                    said.append("250 SIZE\r\n");
                }
                case "DATA" -> {
                    content = true;
                    said.append("354 go\r\n");
                }
                case "BDAT" -> chunk = Integer.parseInt(text.split(" ")[1]);
                default -> said.append("250 ok\r\n");
            }
        }

        private void took(StringBuilder said) {
            lastNanos = TimeSource.system().nanos();
            if (taken.incrementAndGet() == 1) {
                firstNanos = lastNanos;
            }
            said.append("250 taken\r\n");
        }
    }
}
