// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.daemon.BenchOptions;
import io.mailrace.daemon.BenchRig;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Messages per hour through the whole relay: real sockets on loopback, a real disk, the daemon as
 * it is shipped in a process of its own. Clients and receivers run in this process and share the
 * cores with it, so a relay that has them for itself does more. An invocation ends when the next
 * deliveries have arrived; at the end nothing may be lost, doubled or altered, else it fails.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.HOURS)
@Fork(value = 1, jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
public class MessagesPerHourBenchmark {
    private static final int AT_ONCE = 100;

    /** Octets of the body: 2, 10, 30, 100 KB. */
    @Param({"2048", "10240", "30720", "102400"})
    private int size;

    /** Of each message, each at another domain; deliveries are counted. */
    @Param({"1", "10"})
    private int recipients;

    /** Where TLS is used. */
    @Param({"none", "in", "out", "both"})
    private String tls = "none";

    @Param({"false", "true"})
    private boolean dkim;

    @Param({"sync", "async"})
    private String durability = "sync";

    @Param({"1", "20", "100", "500"})
    private int sessions;

    /** Whether the receivers offer CHUNKING. */
    @Param({"false", "true"})
    private boolean chunking;

    /** Whether the event log goes to standard output. */
    @Param({"off", "on"})
    private String events = "off";

    private @Nullable BenchRig rig;
    private long target;

    @Setup(Level.Trial)
    public void setUp() throws IOException, InterruptedException {
        boolean in = tls.equals("in") || tls.equals("both");
        boolean out = tls.equals("out") || tls.equals("both");
        var options = new BenchOptions(Path.of(System.getProperty("java.io.tmpdir")), sessions,
                size, recipients, dkim, in, out, durability.equals("async"), Duration.ZERO,
                Duration.ZERO, chunking, events.equals("on"), "",
                BenchOptions.Clients.KEPT);
        BenchRig started = BenchRig.start(options, LauncherOptions.relay());
        rig = started;
        started.begin();
    }

    /** From here on, whatever arrived meanwhile. */
    @Setup(Level.Iteration)
    public void startCounting() {
        target = running().delivered();
    }

    @TearDown(Level.Trial)
    public void tearDown() throws InterruptedException {
        try (BenchRig running = running()) {
            BenchRig.Account account = running.finish();
            if (!account.good()) {
                throw new IllegalStateException("not every message is accounted for: " + account);
            }
        }
    }

    private BenchRig running() {
        BenchRig running = rig;
        if (running == null) {
            throw new IllegalStateException("not set up");
        }
        return running;
    }

    @Benchmark
    @OperationsPerInvocation(AT_ONCE)
    public long messages() throws IOException, InterruptedException {
        target += AT_ONCE;
        running().awaitDelivered(target);
        return target;
    }
}
