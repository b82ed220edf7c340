// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.SimulatedBehaviour;
import io.mailrace.daemon.SimulatedInbox;
import io.mailrace.daemon.SimulatedProvider;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.handler.ssl.SslContext;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;

/**
 * Receives {@link LoadMessage}s, checks each by its length and checksum while it streams by, and
 * counts how often each number came. Memory grows with the highest number, not with sizes. Numbers
 * are 0 to {@value #MAX_NUMBER}. Any thread.
 */
public final class LoadSink implements SimulatedInbox, AutoCloseable {
    static final int MAX_NUMBER = 50_000_000;
    private static final int MAX_TRIES = 20;
    private static final int HEADER_SCAN = 64 * 1024;
    private static final byte[] FIELD = ("\n" + LoadMessage.FIELD)
            .getBytes(StandardCharsets.US_ASCII);

    /**
     * A number that arrived again.
     *
     * @param firstLife the sink's life count when it came first
     * @param life the same when it came again
     * @param firstNanos when it came first
     */
    public record Copy(int number, int firstLife, int life, long firstNanos) {}

    private final EventLoopGroup loops = new MultiThreadIoEventLoopGroup(1,
            NioIoHandler.newFactory());
    private final SimulatedProvider provider;
    private int[] times = new int[1024];
    private int[] firstLives = new int[1024];
    private long[] firstNanos = new long[1024];
    private final List<Copy> copies = new ArrayList<>();
    private int distinct;
    private int arrivals;
    private int corrupt;
    private int reports;
    private int life;

    /** Offers STARTTLS when a certificate is given. */
    public LoadSink(SimulatedBehaviour behaviour, Optional<SslContext> tls) {
        provider = new SimulatedProvider(loops, "sink.test", behaviour, tls, this);
    }

    public InetSocketAddress listen(InetSocketAddress address)
            throws IOException, InterruptedException {
        return provider.listen(address);
    }

    /** Listens on {@code net + 1} to {@code net + count} with one port; returns it. */
    int listen(String net, int count) throws IOException, InterruptedException {
        return provider.listenOnCommonPort(net, count, MAX_TRIES);
    }

    /** Connections open now. */
    public int openConnections() {
        return provider.openConnections();
    }

    /** From now on arrivals belong to the next life of the sender. */
    public synchronized void nextLife() {
        life++;
    }

    public synchronized int distinct() {
        return distinct;
    }

    /** Messages that came, copies included. */
    public synchronized int arrivals() {
        return arrivals;
    }

    /** Messages whose bytes are not what was submitted, or that carry no number. */
    public synchronized int corrupt() {
        return corrupt;
    }

    /** Messages with the null sender: reports of failure. */
    public synchronized int reports() {
        return reports;
    }

    public synchronized List<Copy> copies() {
        return List.copyOf(copies);
    }

    /** Those of the numbers that never came. */
    public synchronized BitSet missing(BitSet numbers) {
        BitSet missing = new BitSet();
        numbers.stream().filter(n -> n >= times.length || times[n] == 0).forEach(missing::set);
        return missing;
    }

    /** When the number came first, by {@link System#nanoTime}; empty when it did not come yet. */
    public synchronized OptionalLong firstArrivalNanos(int number) {
        return number < times.length && times[number] > 0
                ? OptionalLong.of(firstNanos[number])
                : OptionalLong.empty();
    }

    /** How many numbers came first after the one moment and before the other. */
    public synchronized int arrivedBetween(long fromNanos, long untilNanos) {
        int between = 0;
        for (int i = 0; i < times.length; i++) {
            if (times[i] > 0 && firstNanos[i] - fromNanos > 0 && untilNanos - firstNanos[i] > 0) {
                between++;
            }
        }
        return between;
    }

    private synchronized void arrived(int number) {
        arrivals++;
        if (number >= times.length) {
            int length = Math.max(number + 1, times.length * 2);
            times = Arrays.copyOf(times, length);
            firstLives = Arrays.copyOf(firstLives, length);
            firstNanos = Arrays.copyOf(firstNanos, length);
        }
        if (times[number]++ == 0) {
            distinct++;
            firstLives[number] = life;
            firstNanos[number] = System.nanoTime();
        } else {
            copies.add(new Copy(number, firstLives[number], life, firstNanos[number]));
        }
    }

    private synchronized void arrivedCorrupt() {
        arrivals++;
        corrupt++;
    }

    private synchronized void arrivedReport() {
        reports++;
    }

    @Override
    public Incoming begin(String sender, List<String> recipients) {
        return new Checked(sender.isEmpty());
    }

    /** One message on its way in. */
    private final class Checked implements Incoming {
        private final boolean report;
        private final CRC32C crc = new CRC32C();
        /** What came so far until the field is found, with a line feed before it. */
        private byte[] header = new byte[]{'\n'};
        private boolean found;
        private long number = -1;
        private long lengthSaid;
        private long crcSaid;
        private long length;

        Checked(boolean report) {
            this.report = report;
        }

        @Override
        public void write(ByteBuf bytes) {
            if (!found && header.length < HEADER_SCAN) {
                scan(bytes);
            }
            if (found && bytes.isReadable()) {
                length += bytes.readableBytes();
                crc.update(bytes.nioBuffer());
            }
        }

        /** Looks for the field; when its line is complete, what follows it is left in bytes. */
        private void scan(ByteBuf bytes) {
            int had = header.length;
            header = Arrays.copyOf(header, had + bytes.readableBytes());
            bytes.getBytes(bytes.readerIndex(), header, had, bytes.readableBytes());
            int at = indexOf(header, FIELD);
            int end = at < 0 ? -1 : indexOf(header, at + 1, (byte) '\n');
            if (end < 0) {
                bytes.skipBytes(bytes.readableBytes());
                return;
            }
            found = true;
            String[] words = new String(header, at + FIELD.length, end - at - FIELD.length,
                    StandardCharsets.US_ASCII).strip().split(" ");
            try {
                number = Long.parseLong(words[0]);
                lengthSaid = Long.parseLong(words[1]);
                crcSaid = Long.parseLong(words[2], 16);
            } catch (NumberFormatException | ArrayIndexOutOfBoundsException altered) {
                number = -1;
            }
            header = Arrays.copyOf(header, 0);
            bytes.skipBytes(end + 1 - had);
        }

        @Override
        public void end(boolean answered) {
            if (report) {
                arrivedReport();
            } else if (number >= 0 && number <= MAX_NUMBER && length == lengthSaid
                    && crc.getValue() == crcSaid) {
                arrived((int) number);
            } else {
                arrivedCorrupt();
            }
        }
    }

    private static int indexOf(byte[] in, byte[] what) {
        for (int i = 0; i + what.length <= in.length; i++) {
            if (Arrays.equals(in, i, i + what.length, what, 0, what.length)) {
                return i;
            }
        }
        return -1;
    }

    private static int indexOf(byte[] in, int from, byte what) {
        for (int i = from; i < in.length; i++) {
            if (in[i] == what) {
                return i;
            }
        }
        return -1;
    }

    @Override
    public void close() {
        provider.close();
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }
}
