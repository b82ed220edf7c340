// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Asks a daemon over its admin socket, at most two seconds each time. Any thread. */
record AdminPage(Path socket) {
    private static final int TRIES = 15;
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(2);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
    private static final int MAX_BYTES = 8 << 20;

    /** The body of a page; empty when nobody answers in time. */
    Optional<String> get(String uri) {
        long deadline = System.nanoTime() + LIMIT_NANOS;
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            channel.configureBlocking(false);
            ByteBuffer out = StandardCharsets.US_ASCII.encode("GET " + uri
                    + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            while (out.hasRemaining() && System.nanoTime() < deadline) {
                channel.write(out);
            }
            var all = new ByteArrayOutputStream();
            ByteBuffer in = ByteBuffer.allocate(64 << 10);
            while (System.nanoTime() < deadline && all.size() < MAX_BYTES) {
                int read = channel.read(in.clear());
                if (read < 0) {
                    String text = all.toString(StandardCharsets.UTF_8);
                    int end = text.indexOf("\r\n\r\n");
                    return end < 0 ? Optional.empty() : Optional.of(text.substring(end + 4));
                }
                all.write(in.array(), 0, read);
                if (read == 0) {
                    LockSupport.parkNanos(POLL_NANOS);
                }
            }
            return Optional.empty();
        } catch (IOException gone) {
            return Optional.empty();
        }
    }

    /** The sum of a metric over its labels; empty when nobody answers or it is not there. */
    OptionalLong metric(String name) {
        return metricIn(get("/metrics").orElse(""), name);
    }

    /**
     * As {@link #metric}, of a daemon that runs: on a busy machine an answer may take its time.
     *
     * @throws IOException when it does not come in half a minute
     */
    long present(String name) throws IOException {
        long deadline = System.nanoTime() + TRIES * LIMIT_NANOS;
        while (System.nanoTime() < deadline) {
            OptionalLong value = metric(name);
            if (value.isPresent()) {
                return value.getAsLong();
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
        throw new IOException("no answer to a question for " + name);
    }

    static OptionalLong metricIn(String page, String name) {
        OptionalLong sum = OptionalLong.empty();
        for (String line : page.split("\n")) {
            if (line.startsWith(name) && line.length() > name.length()
                    && (line.charAt(name.length()) == ' ' || line.charAt(name.length()) == '{')) {
                double value = Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1));
                sum = OptionalLong.of(sum.orElse(0) + Math.round(value));
            }
        }
        return sum;
    }
}
