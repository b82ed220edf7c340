// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Lane;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.QueueKey;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What is decided for each message: whose queue is next, whether the rate allows it, what a reply
 * means.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class PolicyBenchmark {
    private static final int TENANTS = 20;
    private static final int QUEUES = 50;
    private static final byte[] TAKEN = "250 2.0.0 OK  1700000000 a1-20020a4 - gsmtp\r\n"
            .getBytes(StandardCharsets.US_ASCII);
    private static final byte[] REFUSED = ("550-5.7.26 This message does not pass authentication"
            + " checks, so it was blocked.\r\n550 5.7.26  https://support.example/answer\r\n")
            .getBytes(StandardCharsets.US_ASCII);

    private final FairQueues queues = new FairQueues();
    private final EvenRate rate = new EvenRate("rate", 1, TimeSource.system());
    private final AdaptivePace pace = new AdaptivePace("pace", 20, Duration.ofSeconds(30),
            TimeSource.system());
    private final SmtpReplyParser parser = new SmtpReplyParser();
    private final List<SmtpReply> replies = new ArrayList<>();
    private @Nullable Providers providers;
    private @Nullable Provider gmail;

    @Setup
    public void setUp() throws IOException {
        for (int i = 0; i < TENANTS * QUEUES; i++) {
            queues.add(new QueueVisit(new StillQueue(new QueueKey(Lane.DEFAULT, "t" + i % TENANTS,
                    "d" + i, "default"))));
        }
        try (InputStream shipped = PolicyBenchmark.class.getResourceAsStream(
                "/io/mailrace/daemon/providers.conf")) {
            if (shipped == null) {
                throw new IllegalStateException("providers.conf is not on the class path");
            }
            var source = ConfigSource.ofText(new String(shipped.readAllBytes(),
                    StandardCharsets.UTF_8));
            Providers read = Providers.from(source.root());
            providers = read;
            gmail = read.named("gmail").orElseThrow();
        }
    }

    /** Whose turn it is among 20 tenants with 50 queues each, and the payment for it. */
    @Benchmark
    public Object pickQueue() {
        QueueVisit next = queues.next(Lane.DEFAULT);
        queues.pay(10_240);
        return next;
    }

    /** A permit of an even rate that is never short. */
    @Benchmark
    public long rateTake() {
        return rate.take();
    }

    /** A permit of an adaptive rate, and the news that it went well. */
    @Benchmark
    public long paceTake() {
        long wait = pace.take();
        pace.accepted();
        return wait;
    }

    /** A receiver's 250, parsed. */
    @Benchmark
    public Object replyTaken() {
        return parse(TAKEN);
    }

    /** A refusal, parsed and held against Gmail's and the common rules. */
    @Benchmark
    public Object replyRefused() {
        Providers rules = providers;
        Provider receiver = gmail;
        if (rules == null || receiver == null) {
            throw new IllegalStateException("not set up");
        }
        SmtpReply reply = parse(REFUSED);
        var failure = ReplyClassifier.failureOf(Stage.END_OF_DATA, reply);
        var verdict = ReplyClassifier.verdict(Stage.END_OF_DATA, failure);
        return ReplyClassifier.disposition(verdict.fate(), reply,
                rules.judge(receiver, Stage.END_OF_DATA, reply));
    }

    private SmtpReply parse(byte[] line) {
        replies.clear();
        parser.feed(line, 0, line.length, replies);
        return replies.getFirst();
    }
}
