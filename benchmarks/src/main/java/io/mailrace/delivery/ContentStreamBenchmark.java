// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.benchmarks.BytesContent;
import io.mailrace.benchmarks.LoadMessage;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SpoolId;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.QueueKey;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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

/** A content written to a connection's buffer: as it is (BDAT, or no line begins with a dot) and
 *  with dots to stuff. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class ContentStreamBenchmark {
    /** As a connection makes it; it grows with what is written. */
    private static final int START_BYTES = 1024;

    /** Octets of the body. */
    @Param({"2048", "10240", "102400"})
    private int bytes;

    /** Whether some lines begin with a dot. */
    @Param({"false", "true"})
    private boolean dots;

    private @Nullable Attempt attempt;

    @Setup
    public void setUp() throws IOException {
        var out = new ByteArrayOutputStream();
        new LoadMessage(1, "a@load.test", "b@d1.test", bytes).writeTo(out);
        var key = new QueueKey(Lane.DEFAULT, "t", "d1.test", "default");
        MailAddress address = MailAddress.parse("b@d1.test").orElseThrow();
        var envelope = new Envelope(new SpoolId(1), 0, key, address,
                List.of(new Recipient(address)), MailOptions.NONE,
                new ContentFacts(out.size(), false, false, dots, false, "load.test", ""), 0, false,
                0, 0, 1);
        attempt = new Attempt(envelope, new StillQueue(key), new BytesContent(out.toByteArray()));
    }

    @Benchmark
    public int write() {
        Attempt at = attempt;
        if (at == null) {
            throw new IllegalStateException("not set up");
        }
        var stream = new ContentStream(at, true);
        ByteBuf out = PooledByteBufAllocator.DEFAULT.directBuffer(START_BYTES);
        stream.writeStart(out);
        while (stream.hasNext()) {
            byte[] chunk = stream.nextIfLoaded();
            stream.write(chunk == null ? new byte[0] : chunk, out);
        }
        stream.writeEnd(out);
        int written = out.readableBytes();
        out.release();
        return written;
    }
}
