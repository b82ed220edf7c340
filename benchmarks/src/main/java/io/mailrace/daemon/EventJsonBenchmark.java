// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
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

/** Events as lines of JSON, as the event log writes them. */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class EventJsonBenchmark {
    private static final long NOW = 1_700_000_000_000L;

    private final MailAddress sender = MailAddress.parse("app@shop.test").orElseThrow();
    private final MailAddress recipient = MailAddress.parse("someone@example.com").orElseThrow();
    private final Event received = new Event.Received(NOW, SpoolId.firstOf(NOW),
            new Event.Intake("submission", "192.0.2.7", "app", "host.shop.test", "TLSv1.3"),
            "shop", Lane.DEFAULT, sender, List.of(recipient), 10_240, "<1@shop.test>");
    private final Event attempted = new Event.Attempted(NOW, SpoolId.firstOf(NOW), 0, "shop",
            "example.com",
            new Event.Route("example.com", "a", "mx.example.com", "192.0.2.9:25", "TLSv1.3",
                    "s1@shop.test"),
            1, 42, List.of(new RecipientOutcome(recipient,
                    new Disposition.Delivered(SmtpReply.of(250, "2.0.0", "queued as 4711")))));

    @Benchmark
    public Object received() {
        return Json.document(json -> EventJson.write(json, 1, received));
    }

    @Benchmark
    public Object attempted() {
        return Json.document(json -> EventJson.write(json, 2, attempted));
    }
}
