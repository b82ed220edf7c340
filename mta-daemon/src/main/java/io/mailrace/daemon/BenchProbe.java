// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.TimeSource;
import io.mailrace.dkim.DkimConfig;
import io.mailrace.dkim.DkimKeyGenerator;
import io.mailrace.dkim.DkimSigners;
import io.mailrace.dkim.MessageSigner;
import io.mailrace.dkim.Signature;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.DoubleAdder;
import org.HdrHistogram.Histogram;

/**
 * What the disk and one core can do by themselves, measured alone before the relay runs. Each part
 * is bounded in time and writes at most {@value #STREAM_BYTES} octets at once. Blocks.
 */
public final class BenchProbe {
    private static final int SYNC_BYTES = 16 << 10;
    private static final int MAX_SYNCS = 5000;
    private static final int RING_BYTES = 16 << 20;
    private static final int STREAM_BYTES = 128 << 20;
    private static final int PIECE = 1 << 20;
    private static final int CORES = Runtime.getRuntime().availableProcessors();

    /**
     * A disk.
     *
     * @param kind of the file system
     * @param sync what a write of 16 KB and its sync take
     * @param bytesPerSecond of one long write that is synced at its end
     */
    public record Disk(String kind, BenchTimes sync, double bytesPerSecond) {
        public double syncMillis() {
            return sync.p50() / 1e6;
        }

        boolean isMemory() {
            return kind.equals("tmpfs") || kind.equals("ramfs");
        }
    }

    private BenchProbe() {}

    /** Measures for about twice the limit; leaves nothing behind. */
    public static Disk disk(Path folder, Duration limit, TimeSource time) throws IOException {
        Path file = Files.createTempFile(folder, "bench", ".tmp");
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE,
                StandardOpenOption.DELETE_ON_CLOSE)) {
            // the spool recycles its logs: most syncs cover blocks that are there already
            fill(out, RING_BYTES, limit, time);
            BenchTimes syncs = syncs(out, limit, time);
            double stream = fill(out, STREAM_BYTES, limit, time);
            return new Disk(Files.getFileStore(folder).type(), syncs, stream);
        }
    }

    private static BenchTimes syncs(FileChannel out, Duration limit, TimeSource time)
            throws IOException {
        var histogram = new Histogram(1000, TimeUnit.MINUTES.toNanos(10), 3);
        ByteBuffer block = ByteBuffer.allocateDirect(SYNC_BYTES);
        long begin = time.nanos();
        long at = 0;
        while (histogram.getTotalCount() < MAX_SYNCS
                && time.nanos() - begin < limit.toNanos()) {
            long from = time.nanos();
            block.clear();
            at = at + SYNC_BYTES > RING_BYTES ? 0 : at;
            while (block.hasRemaining()) {
                at += out.write(block, at);
            }
            out.force(false);
            histogram.recordValue(Math.max(1, time.nanos() - from));
        }
        return BenchTimes.of(histogram);
    }

    private static double fill(FileChannel out, int bytes, Duration limit, TimeSource time)
            throws IOException {
        ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
        long begin = time.nanos();
        long at = 0;
        while (at < bytes && time.nanos() - begin < limit.toNanos()) {
            piece.clear();
            while (piece.hasRemaining()) {
                at += out.write(piece, at);
            }
        }
        out.force(false);
        return at * 1e9 / Math.max(1, time.nanos() - begin);
    }

    /**
     * RSA-2048 signatures that a core makes in a second of its time, as DKIM makes them under load,
     * several at once where that is faster, while all cores do: two that are threads of one core
     * slow each other.
     */
    public static double signaturesPerSecond(Path folder, Duration limit, TimeSource time)
            throws IOException, InterruptedException {
        // never a fixed name: who is stopped leaves it behind, and keys are never replaced
        Path own = Files.createTempDirectory(folder, "mailrace-probe-");
        Path key = own.resolve("probe.pem");
        try {
            DkimKeyGenerator.generate(DkimKeyGenerator.Kind.RSA_2048, BenchMessage.DOMAIN,
                    "probe", key);
            return signaturesOfKey(key, limit, time);
        } finally {
            Files.deleteIfExists(key);
            Files.deleteIfExists(own);
        }
    }

    private static double signaturesOfKey(Path key, Duration limit, TimeSource time)
            throws InterruptedException {
        var config = ConfigSource.ofText("dkim { \"" + BenchMessage.DOMAIN
                + "\" = [ { selector = probe, key = \"" + key + "\" } ] }");
        try (MessageSigner signer = DkimSigners.open(DkimConfig.from(config.root()), time)) {
            byte[] text = ("From: <" + BenchMessage.sender() + ">\r\n\r\nHello\r\n")
                    .getBytes(StandardCharsets.US_ASCII);
            var facts = new ContentFacts(text.length, false, false, true, false,
                    BenchMessage.DOMAIN, "");
            sign(signer, text, facts, limit.dividedBy(2), time);
            var sum = new DoubleAdder();
            var threads = new ArrayList<Thread>();
            var ended = new CountDownLatch(CORES);
            for (int i = 0; i < CORES; i++) {
                threads.add(Thread.ofPlatform().daemon(true).name("bench-sign-" + i)
                        .start(() -> {
                            sum.add(sign(signer, text, facts, limit, time));
                            ended.countDown();
                        }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            if (ended.getCount() > 0) {
                throw new IllegalStateException("a message could not be signed");
            }
            return sum.sum() / CORES;
        }
    }

    private static double sign(MessageSigner signer, byte[] text, ContentFacts facts,
            Duration limit, TimeSource time) {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long begin = time.nanos();
        long cpu = threads.getCurrentThreadCpuTime();
        long count = 0;
        var jobs = Collections.nCopies(signer.together(), new Job(text, facts));
        while (time.nanos() - begin < limit.toNanos()) {
            signer.signAll(jobs);
            count += jobs.size();
        }
        return count * 1e9 / Math.max(1, threads.getCurrentThreadCpuTime() - cpu);
    }

    /** A message to be signed. */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    private record Job(byte[] text, ContentFacts facts) implements MessageSigner.Job {
        @Override
        public Content content() {
            return new Small(text);
        }

        @Override
        public void signed(Signature signature) {
            // the time is what counts
        }

        @Override
        public void failed(RuntimeException why) {
            throw why;
        }
    }

    /** A content in one piece. */
    private static final class Small implements Content {
        private final byte[] text;

        Small(byte[] text) {
            this.text = text;
        }

        @Override
        public long sizeBytes() {
            return text.length;
        }

        @Override
        public byte[] chunk(int index) {
            return text.clone();
        }

        @Override
        public byte[] chunkIfLoaded(int index) {
            return chunk(index);
        }
    }
}
