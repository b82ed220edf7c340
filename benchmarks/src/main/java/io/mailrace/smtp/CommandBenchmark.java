// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/** Frame decoder and command parser: what a client's command lines cost. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class CommandBenchmark {
    private static final int LINES = 3;
    private final byte[] group = String.join("\r\n",
            "MAIL FROM:<app@shop.test> SIZE=10240 BODY=8BITMIME",
            "RCPT TO:<someone.with.a.name@example.com>", "DATA", "")
            .getBytes(StandardCharsets.US_ASCII);
    private final LineBuffer lines = new LineBuffer();
    private final MailCommand.Offer offer = new MailCommand.Offer(true, false, Duration.ZERO,
            0);

    /** The three lines of a pipelined group, as one buffer. */
    @Benchmark
    public int frames() {
        int at = 0;
        int sum = 0;
        while (at < group.length) {
            at = lines.take(group, at, group.length, false);
            sum += lines.to() - lines.from();
        }
        return sum;
    }

    /** The same lines cut and parsed: verb, addresses, parameters. */
    @Benchmark
    public void commands(Blackhole hole) {
        int at = 0;
        for (int i = 0; i < LINES; i++) {
            at = lines.take(group, at, group.length, false);
            CommandLine line = CommandLine.parse(lines.bytes(), lines.from(), lines.to() - 1);
            switch (line.verb()) {
                case MAIL -> hole.consume(MailCommand.parse(line.argument(), offer));
                case RCPT -> hole.consume(RcptCommand.parse(line.argument(), true, false,
                        "mta.test"));
                default -> hole.consume(line.verb());
            }
        }
    }
}
