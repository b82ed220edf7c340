// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Everything that is counted, at one moment of a measurement; two of them make a
 * {@link BenchPhase}. What this system does not tell is 0.
 *
 * @param relayCpuNanos of the relay's process, all its threads
 * @param ownCpuNanos of ours: clients and receivers
 * @param busyTicks of all cores, 100 in a second each
 * @param stolenTicks what the host took away
 * @param writtenBytes by the relay to disks
 */
record BenchSnapshot(long nanos, BenchLedger.Counts counts, long relayCpuNanos, long ownCpuNanos,
        long busyTicks, long stolenTicks, long totalTicks, long commits, long commitNanos,
        long writtenBytes) {

    /** Counters of a machine's cores as {@code /proc/stat} has them in its first line. */
    record Ticks(long busy, long stolen, long total) {
        private static final int IDLE = 4;
        private static final int IO_WAIT = 5;
        private static final int STEAL = 8;

        static Ticks of(String statistics) {
            String[] words = statistics.lines().findFirst().orElse("").strip().split(" +");
            long total = 0;
            long idle = 0;
            for (int i = 1; i < Math.min(words.length, STEAL + 1); i++) {
                long ticks = BenchMessage.number(words[i], 0, words[i].length(), 10);
                total += ticks;
                idle += i == IDLE || i == IO_WAIT ? ticks : 0;
            }
            long stolen = words.length > STEAL
                    ? BenchMessage.number(words[STEAL], 0, words[STEAL].length(), 10)
                    : 0;
            return new Ticks(total - idle - stolen, stolen, total);
        }
    }

    static BenchSnapshot of(long nanos, BenchLedger.Counts counts, Process relay,
            AdminClient admin) {
        Ticks ticks = Ticks.of(text(Path.of("/proc/stat")));
        String metrics = metrics(admin);
        return new BenchSnapshot(nanos, counts, cpu(relay.toHandle()),
                cpu(ProcessHandle.current()), ticks.busy(), ticks.stolen(), ticks.total(),
                metric(metrics, "spool_commits_total"),
                metric(metrics, "spool_commit_nanos_total"),
                line(text(Path.of("/proc", Long.toString(relay.pid()), "io")), "write_bytes: "));
    }

    private static long cpu(ProcessHandle process) {
        return process.info().totalCpuDuration().map(java.time.Duration::toNanos).orElse(0L);
    }

    /** The page of metrics; empty when nobody answers. */
    static String metrics(AdminClient admin) {
        try {
            return admin.get("/metrics", false).body();
        } catch (IOException gone) {
            return "";
        }
    }

    /** A counter without labels on a page of metrics; 0 when it is not there. */
    static long metric(String page, String name) {
        return page.lines().filter(l -> l.startsWith(name + " "))
                .map(l -> Math.round(Double.parseDouble(l.substring(name.length() + 1).strip())))
                .findFirst().orElse(0L);
    }

    static long line(String text, String name) {
        return text.lines().filter(l -> l.startsWith(name))
                .map(l -> l.substring(name.length()).strip())
                .mapToLong(n -> Math.max(0, BenchMessage.number(n, 0, n.length(), 10)))
                .findFirst().orElse(0);
    }

    private static String text(Path file) {
        try {
            List<String> lines = Files.readAllLines(file, StandardCharsets.US_ASCII);
            return String.join("\n", lines);
        } catch (IOException notThere) {
            return "";
        }
    }
}
