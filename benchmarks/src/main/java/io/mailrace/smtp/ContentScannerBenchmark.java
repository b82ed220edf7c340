// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The automaton over every byte of a content, to its final dot; per message. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class ContentScannerBenchmark {
    /** Octets of the content. */
    @Param({"2048", "10240", "102400"})
    private int bytes;

    private byte[] content = new byte[0];
    private long taken;

    @Setup
    public void setUp() {
        String line = "a".repeat(70) + "\r\n";
        content = (line.repeat(Math.max(1, bytes / line.length())) + ".\r\n")
                .getBytes(StandardCharsets.US_ASCII);
    }

    @Benchmark
    public long scan() {
        ContentScanner scanner = ContentScanner.ofData(
                (all, offset, length) -> taken += length);
        scanner.scan(content, 0, content.length);
        return taken;
    }
}
