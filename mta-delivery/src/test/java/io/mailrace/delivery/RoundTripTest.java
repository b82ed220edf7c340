// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Round trips, counted and not timed: the peer answers only when nothing more comes, all it has to
 * say at once. Each such answer is what a long line would make a round trip of.
 */
class RoundTripTest {
    private static final int QUIET_MILLIS = 25;

    @TempDir
    Path directory;

    /** A receiver at the end of a long line. */
    private static final class FarPeer implements AutoCloseable {
        final AtomicInteger roundTrips = new AtomicInteger();
        final AtomicInteger connections = new AtomicInteger();
        final AtomicInteger taken = new AtomicInteger();
        private final ServerSocket listener;
        private final List<String> offers;

        FarPeer(List<String> offers) throws IOException {
            this.offers = offers;
            listener = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
            Thread.ofPlatform().daemon(true).start(this::accept);
        }

        int port() {
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
                socket.setSoTimeout(QUIET_MILLIS);
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
                taken.incrementAndGet();
                said.append("250 taken\r\n");
            }
        }
    }

    private int roundTrips(String offers, int messages, String more) throws Exception {
        List<String> offered = offers.isEmpty() ? List.of() : List.of(offers.split(" "));
        try (TestDns dns = new TestDns(); FarPeer peer = new FarPeer(offered)) {
            dns.mx("d.test", 10, "mx.d.test").a("mx.d.test", "127.0.0.1");
            try (DeliveryFixture fixture = new DeliveryFixture(directory, dns,
                    new DeliveryFixture.NoSigner(), "delivery { port = " + peer.port()
                            + ", connections-per-site = 1, messages-per-connection = 1000\n"
                            + "timeouts { greeting = 20s, ehlo = 20s, mail = 20s, rcpt = 20s\n"
                            + "data = 20s, content = 20s, end-of-data = 20s } }\n"
                            + "provider-defaults.messages-per-connection = 1000\n" + more)) {
                for (int i = 0; i < messages; i++) {
                    fixture.submit("number " + i, "r@d.test");
                }
                fixture.awaitEmpty();
                assertThat(peer.taken.get()).isEqualTo(messages);
                assertThat(peer.connections.get()).isEqualTo(1);
                return peer.roundTrips.get();
            }
        }
    }

    /** Greeting, EHLO and the first message's group come on top, once for a connection. */
    @ParameterizedTest
    @CsvSource({"PIPELINING", "PIPELINING CHUNKING"})
    void pipelining_oneRoundTripForEachMessage(String offers) throws Exception {
        int messages = 100;
        assertThat(roundTrips(offers, messages, "")).isLessThanOrEqualTo(
                (int) (1.1 * messages) + 4);
    }

    /** So that the count above means something. */
    @Test
    void withoutPipelining_fourForEachMessage() throws Exception {
        assertThat(roundTrips("", 20, "")).isBetween(80, 90);
    }
}
