// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import java.util.List;
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

/** The spool's records in bytes and back: envelope, schedule, events. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class SpoolRecordBenchmark {
    private static final long NOW = 1_700_000_000_000L;

    private final QueueKey key = new QueueKey(Lane.DEFAULT, "shop", "example.com", "default");
    private final MailAddress sender = address("app@shop.test");
    private final MailAddress recipient = address("someone.with.a.name@example.com");
    private final SpoolId id = SpoolId.firstOf(NOW);
    private final Envelope envelope = new Envelope(id, 0, key, sender,
            List.of(new Recipient(recipient)), MailOptions.NONE,
            new ContentFacts(10_240, false, false, true, false, "shop.test", "<1@shop.test>"), 1,
            true, NOW, NOW + 1000, NOW + 86_400_000);
    private final Entry entry = new Entry(envelope, 1, false);
    private final byte[] entryBytes = EnvelopeCodec.encode(entry);
    private final Schedule schedule = Schedule.fresh(NOW, NOW + 86_400_000);
    private final byte[] scheduleBytes = schedule.encode();
    private final Place place = Place.of(envelope);
    private final Event received = new Event.Received(NOW, id,
            new Event.Intake("submission", "192.0.2.7", "app", "host.shop.test", "TLSv1.3"),
            "shop", Lane.DEFAULT, sender, List.of(recipient), 10_240, "<1@shop.test>");
    private final Event attempted = new Event.Attempted(NOW, id, 0, "shop", "example.com",
            new Event.Route("example.com", "a", "mx.example.com", "192.0.2.9:25", "TLSv1.3",
                    "s1@shop.test"),
            1, 42, List.of(new RecipientOutcome(recipient,
                    new Disposition.Delivered(SmtpReply.of(250, "2.0.0", "queued as 4711")))));
    private final byte[] attemptedBytes = EventCodec.encode(attempted);

    private static MailAddress address(String text) {
        return MailAddress.parse(text).orElseThrow();
    }

    @Benchmark
    public Object envelopeEncode() {
        return EnvelopeCodec.encode(entry);
    }

    @Benchmark
    public Object envelopeDecode() {
        return EnvelopeCodec.decode(entryBytes, key, place, schedule);
    }

    @Benchmark
    public Object scheduleEncode() {
        return schedule.encode();
    }

    @Benchmark
    public Object scheduleDecode() {
        return Schedule.decode(scheduleBytes);
    }

    @Benchmark
    public Object eventReceivedEncode() {
        return EventCodec.encode(received);
    }

    @Benchmark
    public Object eventAttemptedEncode() {
        return EventCodec.encode(attempted);
    }

    @Benchmark
    public Object eventAttemptedDecode() {
        return EventCodec.decode(attemptedBytes);
    }
}
