// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.TimeSource;
import io.mailrace.delivery.Finding;
import io.mailrace.queue.SpoolConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Clock and disk of this machine. Any thread; blocks on the disk, {@value #MAX_SECONDS} s at most
 *  but for the one sync it waits for. */
final class MachineCheck {
    private static final int MAX_SECONDS = 10;
    private static final int SYNCS = 50;
    private static final int BLOCK = 4096;
    private static final int MAX_FILES = 10_000;
    /** Before any version of this program. */
    private static final Instant EARLIEST = Instant.parse("2026-01-01T00:00:00Z");
    private static final Instant LATEST = Instant.parse("2100-01-01T00:00:00Z");
    private static final Duration SLACK = Duration.ofMinutes(5);
    /** No disk is that fast; a cache that forgets is. */
    private static final long LIE_NANOS = TimeUnit.MICROSECONDS.toNanos(15);
    private static final long SLOW_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private MachineCheck() {}

    /** A clock that is wrong makes TLS, DKIM times and DNSSEC fail. */
    static List<Finding> clock(TimeSource time, Path spool) {
        Instant now = Instant.ofEpochMilli(time.epochMillis()).truncatedTo(ChronoUnit.SECONDS);
        String keep = "Set the clock, and keep it right with chrony or systemd-timesyncd.";
        if (now.isBefore(EARLIEST) || now.isAfter(LATEST)) {
            return List.of(Finding.fail("clock", "The clock says " + now + ", which cannot be.",
                    keep));
        }
        try (Stream<Path> files = Files.isDirectory(spool) ? Files.list(spool) : Stream.of()) {
            boolean ahead = files.limit(MAX_FILES)
                    .anyMatch(one -> one.toFile().lastModified() > now.plus(SLACK).toEpochMilli());
            return List.of(ahead
                    ? Finding.warn("clock", "The clock says " + now + ", but the spool has files"
                            + " from later: it was set back.", keep)
                    : Finding.ok("clock", "The clock says " + now + "; the spool agrees."));
        } catch (IOException unreadable) {
            return List.of(Finding.ok("clock", "The clock says " + now + "."));
        }
    }

    /** How long a sync takes on the spool's disk, and what is free there. */
    static List<Finding> disk(SpoolConfig spool, TimeSource time) {
        Path folder = spool.path().toAbsolutePath();
        while (!Files.isDirectory(folder) && folder.getParent() != null) {
            folder = folder.getParent();
        }
        List<Finding> findings = new ArrayList<>();
        try {
            FileStore store = Files.getFileStore(folder);
            long free = store.getUsableSpace();
            String left = String.format(Locale.ROOT, "%.1f GB are free for the spool", free / 1e9);
            findings.add(free < spool.minFree()
                    ? Finding.fail("free", left + ", less than spool.min-free: new mail is"
                            + " refused.", "Free space, or move the spool to a larger disk.")
                    : Finding.ok("free", left + "."));
            if (store.type().equals("tmpfs") || store.type().equals("ramfs")) {
                findings.add(Finding.fail("sync", "The spool is in memory (" + store.type()
                        + "): a restart of the machine loses accepted mail.",
                        "Set spool.path to a folder on a disk."));
            } else {
                findings.add(judge(medianSync(folder, time)));
            }
        } catch (IOException refused) {
            findings.add(Finding.unknown("sync", "Nothing could be written to " + folder + ": "
                    + refused.getClass().getSimpleName() + ".",
                    "Run this as the user the daemon"
                            + " runs as, or correct spool.path."));
        }
        return findings;
    }

    private static long medianSync(Path folder, TimeSource time) throws IOException {
        Path file = Files.createTempFile(folder, "doctor", ".tmp");
        List<Long> nanos = new ArrayList<>();
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE,
                StandardOpenOption.DELETE_ON_CLOSE)) {
            ByteBuffer block = ByteBuffer.allocate(BLOCK);
            long begin = time.nanos();
            while (nanos.size() < SYNCS && time.nanos() - begin < TimeUnit.SECONDS.toNanos(
                    MAX_SECONDS)) {
                long from = time.nanos();
                while (block.hasRemaining()) {
                    out.write(block);
                }
                out.force(true);
                nanos.add(time.nanos() - from);
                block.clear();
            }
        }
        Collections.sort(nanos);
        return nanos.get(nanos.size() / 2);
    }

    static Finding judge(long medianNanos) {
        String took = String.format(Locale.ROOT, "A sync of the spool's disk takes %.2f ms",
                medianNanos / 1e6) + " (median of " + SYNCS + ")";
        if (medianNanos < LIE_NANOS) {
            return Finding.warn("sync", took + ", too fast for a disk: it may lose accepted mail"
                    + " with the power.",
                    "Switch the cache of disk or virtual machine to write"
                            + " through, or set spool.path to another disk.");
        }
        return medianNanos > SLOW_NANOS
                ? Finding.warn("sync", took + ": each group of messages waits that long.",
                        "Set spool.path to a faster disk.")
                : Finding.ok("sync", took + ".");
    }
}
