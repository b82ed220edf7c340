// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Metrics;
import io.mailrace.core.Recipient;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.TimeSource;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.Envelope;
import io.mailrace.queue.IncomingContent;
import io.mailrace.queue.MailQueue;
import io.mailrace.queue.QueueConfig;
import io.mailrace.queue.RocksSpool;
import io.mailrace.queue.Settlement;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.Submission;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The spool on a real disk with real syncs: group commit (messages accepted, so many at once) and
 * the whole life of a message (accepted, taken, settled). What is accepted alone is settled between
 * iterations, so the disk holds one iteration's mail at most.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 4, time = 2)
public class SpoolBenchmark {
    private static final int BYTES = 10_240;
    private static final int TAKEN_AT_ONCE = 64;

    /** Messages that wait for their sync at the same time. */
    @Param({"1", "16", "100"})
    private int writers;

    @Param({"sync", "async"})
    private String durability = "sync";

    private final byte[] content = new byte[BYTES];
    private final MailAddress sender = MailAddress.parse("app@shop.test").orElseThrow();
    private final Recipient recipient = new Recipient(
            MailAddress.parse("someone@example.com").orElseThrow());
    private final AtomicReference<@Nullable SpoolException> failure = new AtomicReference<>();
    private final LinkedBlockingQueue<MailQueue> due = new LinkedBlockingQueue<>();
    private Semaphore free = new Semaphore(1);
    private @Nullable TemporaryFolder folder;
    private @Nullable RocksSpool spool;
    private volatile boolean settling;
    /** The place of a message is free when it is settled, not when it is accepted. */
    private volatile boolean wholeLives;
    private volatile boolean over;

    @Setup(Level.Trial)
    public void setUp() throws IOException {
        var made = TemporaryFolder.make(false);
        folder = made;
        var source = ConfigSource.ofText("spool { path = \"" + made.path().resolve("spool")
                + "\", durability = " + durability + ", min-free = 64m }");
        RocksSpool opened = RocksSpool.open(QueueConfig.from(source.root(), "mta.test"),
                TimeSource.system(), new Metrics());
        spool = opened;
        free = new Semaphore(writers);
        opened.queues().listen(due::add);
        Thread.ofPlatform().daemon(true).name("settler").start(() -> settleAll(opened));
    }

    @TearDown(Level.Trial)
    public void tearDown() throws IOException {
        over = true;
        if (spool != null) {
            spool.close();
        }
        if (folder != null) {
            folder.close();
        }
    }

    /** What was accepted and not settled goes before the next iteration. */
    @TearDown(Level.Iteration)
    public void settleRest() throws InterruptedException {
        settling = true;
        RocksSpool open = opened();
        free.acquire(writers);
        while (open.queues().waiting() > 0) {
            TimeUnit.MILLISECONDS.sleep(1);
        }
        free.release(writers);
        settling = wholeLives;
    }

    /** One message accepted: written and synced with those that wait beside it. */
    @Benchmark
    public void accept() throws InterruptedException {
        submit();
    }

    /** One message accepted, taken from its queue and settled, so many at once. */
    @Benchmark
    public void life() throws InterruptedException {
        wholeLives = true;
        settling = true;
        submit();
    }

    private void submit() throws InterruptedException {
        SpoolException broken = failure.get();
        if (broken != null) {
            throw broken;
        }
        free.acquire();
        IncomingContent incoming = opened().newContent(Runnable::run, () -> {});
        incoming.append(content, 0, content.length);
        incoming.accept(new Submission(sender, List.of(recipient), MailOptions.NONE,
                new ContentFacts(BYTES, false, false, false, false, "shop.test", "<1@shop.test>"),
                "shop", Event.Intake.LOCAL), new CommitListener() {
                    @Override
                    public void committed() {
                        if (!wholeLives) {
                            free.release();
                        }
                    }

                    @Override
                    public void failed(SpoolException why) {
                        failure.set(why);
                        free.release();
                    }
                });
    }

    private RocksSpool opened() {
        RocksSpool open = spool;
        if (open == null) {
            throw new IllegalStateException("not set up");
        }
        return open;
    }

    private void settleAll(RocksSpool open) {
        try {
            while (!over) {
                MailQueue queue = due.poll(10, TimeUnit.MILLISECONDS);
                while (queue != null && !settling && !over) {
                    TimeUnit.MILLISECONDS.sleep(1);
                }
                if (queue != null) {
                    settle(open, queue);
                }
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private void settle(RocksSpool open, MailQueue queue) {
        List<Envelope> taken;
        do {
            taken = queue.take(TAKEN_AT_ONCE);
            for (Envelope envelope : taken) {
                var outcome = new RecipientOutcome(recipient.address(),
                        new Disposition.Delivered(SmtpReply.of(250, "2.0.0", "taken")));
                open.settle(new Settlement(envelope, Event.Route.NONE, 1, List.of(outcome), false),
                        Runnable::run, new CommitListener() {
                            @Override
                            public void committed() {
                                if (wholeLives) {
                                    free.release();
                                }
                            }

                            @Override
                            public void failed(SpoolException why) {
                                failure.set(why);
                            }
                        });
            }
        } while (taken.size() == TAKEN_AT_ONCE);
    }
}
