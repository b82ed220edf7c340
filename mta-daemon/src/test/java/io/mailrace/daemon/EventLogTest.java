// SPDX-License-Identifier: Apache-2.0
package io.mailrace.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Metrics;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import io.mailrace.core.TimeSource;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class EventLogTest {
    private final StandInSpool spool = new StandInSpool();
    private final Metrics metrics = new Metrics();
    private final Collector collector = new Collector();

    /** Keeps the lines; fails as often as told. */
    private static final class Collector implements EventTarget {
        final List<String> lines = new CopyOnWriteArrayList<>();
        final AtomicInteger failures = new AtomicInteger();

        @Override
        public void write(byte[] bytes, int length) throws IOException {
            if (failures.getAndDecrement() > 0) {
                throw new IOException("disk full");
            }
            lines.addAll(new String(bytes, 0, length, StandardCharsets.UTF_8).lines().toList());
        }

        @Override
        public void sync() {}

        @Override
        public void close() {}
    }

    private EventLog start() {
        return EventLog.start(spool, collector, TimeSource.system(), metrics,
                Duration.ofSeconds(10));
    }

    private List<Object> sequences() {
        return collector.lines.stream().map(line -> JsonTree.object(line).get("sequence")).toList();
    }

    @Test
    void events_beforeAndWhileRunning_areWrittenInOrder() {
        spool.happen(Events.received());
        EventLog log = start();
        await().until(() -> collector.lines.size() == 1);
        spool.happen(Events.attempted());
        await().until(() -> collector.lines.size() == 2);
        log.close();
        assertThat(sequences()).containsExactly(1L, 2L);
        assertThat(metrics.snapshot()).containsEntry("eventlog_lines_total", 2L);
    }

    @Test
    void close_withUnwrittenEvents_writesThemAndSavesThePosition() {
        for (int i = 0; i < 1200; i++) {
            spool.happen(Events.received(new SpoolId(i), "<" + i + ">"));
        }
        start().close();
        assertThat(collector.lines).hasSize(1200);
        assertThat(spool.position("event-log")).isEqualTo(1200);
    }

    /** One event may take megabytes: each is written by itself then, and none is lost. */
    @Test
    void close_withLargeEvents_writesThemAllInOrder() {
        String reply = "why not ".repeat(250);
        List<RecipientOutcome> outcomes = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            outcomes.add(new RecipientOutcome(Events.address("u" + i + "@one.test"),
                    new Disposition.Bounced(SmtpReply.of(550, "5.7.1", reply))));
        }
        spool.page = 1;
        for (int i = 0; i < 5; i++) {
            spool.happen(Events.received());
            spool.happen(new Event.Attempted(Events.TIME, Events.ID, 0, "app", "one.test",
                    Events.ROUTE, 1, 42, outcomes));
        }
        start().close();
        assertThat(sequences()).isEqualTo(LongStream.rangeClosed(1, 10).boxed().toList());
        assertThat(collector.lines.getLast()).contains("u999@one.test")
                .hasSizeGreaterThan(1 << 20);
        assertThat(spool.position("event-log")).isEqualTo(10);
    }

    @Test
    void start_withSavedPosition_goesOnAfterIt() {
        spool.happen(Events.received());
        start().close();
        spool.happen(Events.attempted());
        start().close();
        assertThat(sequences()).containsExactly(1L, 2L);
    }

    @Test
    void write_failing_isTriedAgainAndLosesNothing() {
        collector.failures.set(1);
        spool.happen(Events.received());
        EventLog log = start();
        await().until(() -> collector.lines.size() == 1);
        log.close();
        assertThat(sequences()).containsExactly(1L);
        assertThat(metrics.snapshot()).containsEntry("eventlog_failures_total", 1L);
        assertThat(spool.position("event-log")).isEqualTo(1);
    }

    @Test
    void close_targetStillFailing_doesNotMoveThePosition() {
        collector.failures.set(Integer.MAX_VALUE);
        spool.happen(Events.received());
        start().close();
        assertThat(spool.position("event-log")).isZero();
    }

    @Test
    void journal_droppedEvents_goesOnWithTheRest() {
        spool.happen(Events.received());
        start().close();
        for (int i = 0; i < 3; i++) {
            spool.happen(Events.attempted());
        }
        spool.dropOldest(3);
        start().close();
        assertThat(sequences()).containsExactly(1L, 4L);
    }
}
