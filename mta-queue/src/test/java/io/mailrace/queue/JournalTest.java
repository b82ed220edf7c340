// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalTest {
    @TempDir
    Path directory;

    private static Event parked(int number) {
        return new Event.QueueParked(1_700_000_000_000L + number, "queue", number, "why");
    }

    @Test
    void events_areReadInOrderAndByMessage() {
        SpoolId second;
        long newest;
        SpoolFixture before = new SpoolFixture(directory);
        AtomicInteger grown = new AtomicInteger();
        EventJournal journal = before.spool.journal();
        journal.onGrowth(grown::incrementAndGet);
        assertThat(journal.newest()).isZero();
        before.accept(message("one"), "a@one.test");
        second = before.accept(message("two"), "a@one.test");
        journal.append(parked(3));
        await(() -> journal.newest() == 3);
        before.take("one.test");
        before.settle(before.take("one.test"), delivered());
        newest = journal.newest();
        assertThat(newest).isEqualTo(4);
        await(() -> grown.get() >= 4);
        assertThat(journal.after(0, 2)).extracting(EventJournal.Recorded::sequence)
                .containsExactly(1L, 2L);
        assertThat(journal.after(2, 10)).extracting(EventJournal.Recorded::event)
                .first().isEqualTo(parked(3));
        assertThat(journal.after(newest, 10)).isEmpty();
        assertThat(journal.ofMessage(second, 10).events())
                .extracting(EventJournal.Recorded::sequence)
                .containsExactly(2L, 4L);
        journal.savePosition("log", 2);
        assertThat(journal.position("log")).isEqualTo(2);
        before.close();
        try (SpoolFixture after = new SpoolFixture(directory)) {
            EventJournal again = after.spool.journal();
            assertThat(again.newest()).isEqualTo(newest);
            assertThat(again.position("log")).isEqualTo(2);
            assertThat(again.position("other")).isZero();
            assertThat(again.ofMessage(second, 10).events()).hasSize(2);
            after.accept(message("three"), "a@one.test");
            assertThat(again.newest()).isEqualTo(newest + 1);
        }
    }

    /** An attempt for so many recipients, each with the longest reply that is kept. */
    private static Event attempted(SpoolId id, int number, int recipients) {
        Disposition bounced = new Disposition.Bounced(
                SmtpReply.of(550, "5.7.1", "x".repeat(SmtpReply.MAX_TEXT)));
        List<RecipientOutcome> outcomes = new ArrayList<>();
        for (int i = 0; i < recipients; i++) {
            outcomes.add(new RecipientOutcome(SpoolFixture.address("u" + i + "@one.test"),
                    bounced));
        }
        return new Event.Attempted(1_700_000_000_000L, id, 0, "default", "one.test",
                Event.Route.NONE, number, 1, outcomes);
    }

    private static long bytes(EventJournal.Recorded recorded) {
        return EventCodec.encode(recorded.event()).length;
    }

    /** Otherwise one reader could fill the memory of the whole process. */
    @Test
    void largeEvents_areReadInPagesOfBoundedBytes() {
        SpoolId id = new SpoolId(7);
        int count = 60;
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            EventJournal journal = fixture.spool.journal();
            for (int i = 1; i <= count; i++) {
                journal.append(attempted(id, i, i % 10 == 0 ? 1000 : 100));
            }
            await(() -> journal.newest() == count);
            List<Long> read = new ArrayList<>();
            while (read.size() < count) {
                List<EventJournal.Recorded> page = journal.after(read.size(), 500);
                assertThat(page).isNotEmpty();
                assertThat(allButTheLast(page)).isLessThan(Journal.PAGE_BYTES);
                page.forEach(recorded -> read.add(recorded.sequence()));
            }
            assertThat(read).isEqualTo(LongStream.rangeClosed(1, count).boxed().toList());
            EventJournal.History history = journal.ofMessage(id, 500);
            assertThat(history.events()).hasSizeBetween(2, count - 1);
            assertThat(history.events().getFirst().sequence()).isEqualTo(1);
            assertThat(history.events().getLast().sequence()).isEqualTo(count);
            assertThat(history.bytes()).isEqualTo(
                    history.events().stream().mapToLong(JournalTest::bytes).sum());
            assertThat(history.more()).isTrue();
        }
    }

    private static long allButTheLast(List<EventJournal.Recorded> page) {
        return page.subList(0, page.size() - 1).stream().mapToLong(JournalTest::bytes).sum();
    }

    @Test
    void ofMessage_askedForFewer_tellsOfMore() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(message("x"), "a@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
            EventJournal journal = fixture.spool.journal();
            assertThat(journal.ofMessage(id, 2).more()).isFalse();
            assertThat(journal.ofMessage(id, 1).events()).hasSize(1);
            assertThat(journal.ofMessage(id, 1).more()).isTrue();
            assertThat(journal.ofMessage(id, 1).events().getFirst().event())
                    .isInstanceOf(Event.Received.class);
        }
    }

    /** As many events, in a file of many blocks. */
    private void fillFile(int count) {
        Random random = new Random(1);
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            EventJournal journal = fixture.spool.journal();
            SpoolId id = new SpoolId(7);
            for (int i = 1; i <= count; i++) {
                byte[] noise = new byte[500];
                random.nextBytes(noise);
                journal.append(new Event.DsnOmitted(fixture.time.epochMillis(), id,
                        new String(noise, StandardCharsets.ISO_8859_1)));
            }
            await(() -> journal.newest() == count);
        }
        try (Store store = Store.open(directory.resolve("db"),
                SpoolFixture.config(directory).spool())) {
            store.compact(Store.Family.EVENT);
        }
    }

    private void damage(int percent) throws IOException {
        Path largest;
        try (Stream<Path> files = Files.list(directory.resolve("db"))) {
            largest = files.filter(file -> file.toString().endsWith(".sst"))
                    .max(Comparator.comparingLong(file -> file.toFile().length())).orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(largest);
        bytes[bytes.length * percent / 100] ^= 0x55;
        Files.write(largest, bytes);
    }

    private static List<Long> readBy(EventJournal journal, int max) {
        List<Long> read = new ArrayList<>();
        long last = 0;
        while (last < journal.newest()) {
            List<EventJournal.Recorded> page = journal.after(last, max);
            assertThat(page).isNotEmpty();
            page.forEach(recorded -> read.add(recorded.sequence()));
            last = page.getLast().sequence();
        }
        return read;
    }

    /** One bad block must not stop the event log for as long as events are kept. */
    @Test
    void damagedBlock_isSteppedOver() throws Exception {
        fillFile(400);
        damage(50);
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            EventJournal journal = fixture.spool.journal();
            List<Long> read = readBy(journal, 1000);
            assertThat(read).startsWith(1L).endsWith(400L).isSorted().doesNotHaveDuplicates()
                    .hasSizeBetween(300, 399);
            assertThat(readBy(journal, 1)).isEqualTo(read);
            assertThat(journal.ofMessage(new SpoolId(7), 1000).events())
                    .extracting(EventJournal.Recorded::sequence).isEqualTo(read);
            assertThat(fixture.metrics.snapshot().get("spool_damaged_reads_total")).isPositive();
        }
    }

    @Test
    void damagedBlock_doesNotKeepOldEventsFromBeingDropped() throws Exception {
        fillFile(400);
        damage(50);
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.time.advance(SpoolFixture.config(directory).spool().events().maxAge()
                    .plusMinutes(1));
            await(() -> {
                fixture.time.advance(Duration.ofSeconds(10));
                return fixture.spool.journal().after(0, 10).isEmpty();
            });
        }
    }

    @Test
    void damagedFirstBlock_isSteppedOver() throws Exception {
        fillFile(400);
        damage(0);
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            long oldest = fixture.spool.care().statistics().oldestEvent();
            assertThat(oldest).isBetween(2L, 100L);
            assertThat(fixture.spool.journal().after(0, 1)).extracting(
                    EventJournal.Recorded::sequence).containsExactly(oldest);
        }
    }

    @Test
    void retention_dropsByCountAndNeverReusesSequences() {
        SpoolFixture fixture = new SpoolFixture(directory, "spool.events.max-count = 1000");
        EventJournal journal = fixture.spool.journal();
        for (int i = 1; i <= 3000; i++) {
            journal.append(parked(i));
        }
        await(() -> journal.newest() == 3000);
        fixture.time.advance(Duration.ofMinutes(1));
        await(() -> journal.after(0, 1).getFirst().sequence() == 2001);
        assertThat(journal.after(0, 5000)).hasSize(1000);
        fixture.close();
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.spool.journal().newest()).isEqualTo(3000);
        }
    }

    @Test
    void retention_dropsByAgeWithTheIndex() {
        try (SpoolFixture fixture = new SpoolFixture(directory, "spool.events.max-age = 1d",
                "retry { default.max-age = 1h, transactional.max-age = 1h }")) {
            EventJournal journal = fixture.spool.journal();
            SpoolId id = fixture.accept(message("x"), "a@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
            fixture.time.advance(Duration.ofHours(25));
            SpoolId young = fixture.accept(message("y"), "a@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
            await(() -> {
                fixture.time.advance(Duration.ofSeconds(1));
                return journal.after(0, 1).getFirst().sequence() == 3;
            });
            assertThat(journal.ofMessage(id, 10).events()).isEmpty();
            assertThat(journal.ofMessage(young, 10).events()).hasSize(2);
            fixture.time.advance(Duration.ofDays(2));
            await(() -> {
                fixture.time.advance(Duration.ofSeconds(1));
                return journal.after(0, 10).isEmpty();
            });
            fixture.accept(message("z"), "a@one.test");
            assertThat(journal.after(0, 10)).extracting(EventJournal.Recorded::sequence)
                    .isEqualTo(List.of(5L));
        }
    }
}
