// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.bounced;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mailrace.core.Content;
import io.mailrace.core.Event;
import io.mailrace.core.LintMode;
import io.mailrace.core.LintReport;
import io.mailrace.core.LintRule;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SpoolId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The promises of {@link Spool} and {@link MailQueue}, kept by the spool on RocksDB. */
class RocksSpoolTest {
    @TempDir
    Path directory;

    @Test
    void lintFindings_standInTheBatchOfTheirMessage() {
        byte[] content = message("lint");
        Submission plain = SpoolFixture.submission(content, "app@example.com",
                new Recipient(SpoolFixture.address("b@one.test")));
        LintReport lint = new LintReport(LintMode.FIX, EnumSet.of(LintRule.DATE_MISSING,
                LintRule.FROM_UNSIGNED), Set.of(LintRule.DATE_MISSING));
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(content, new Submission(plain.sender(),
                    plain.recipients(), plain.options(), plain.facts(), "t", plain.from(),
                    plain.hints(), lint));
            assertThat(fixture.events(id)).hasSize(2);
            assertThat(fixture.events(id).getFirst()).isInstanceOf(Event.Received.class);
            Event.LintFound found = (Event.LintFound) fixture.events(id).getLast();
            assertThat(found.tenant()).isEqualTo("t");
            assertThat(found.mode()).isEqualTo(LintMode.FIX);
            assertThat(found.findings()).containsExactly("date-missing", "from-unsigned");
            assertThat(found.fixed()).containsExactly("date-missing");
        }
    }

    @Test
    void accept_oneRecipient_isTakenReadAndGoneAfterDelivery() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            byte[] content = message("one");
            SpoolId id = fixture.accept(content, "bob@example.net");
            assertThat(fixture.spool.queues().waiting()).isEqualTo(1);
            Envelope envelope = fixture.take("example.net");
            assertThat(envelope.id()).isEqualTo(id);
            assertThat(envelope.attempts()).isZero();
            assertThat(fixture.spool.content(envelope).chunkIfLoaded(0)).isEqualTo(content);
            assertThat(fixture.read(envelope)).isEqualTo(content);
            QueueStatus status = fixture.queue("example.net").status();
            assertThat(status.waiting()).isEqualTo(1);
            assertThat(status.taken()).isEqualTo(1);
            assertThat(status.nextDueEpochMillis()).isZero();
            fixture.settle(envelope, delivered());
            assertThat(fixture.spool.queues().waiting()).isZero();
            assertThat(fixture.spool.queues().statuses()).isEmpty();
            assertThatThrownBy(() -> fixture.read(envelope)).isInstanceOf(SpoolException.class);
            assertThat(fixture.events(id)).hasSize(2)
                    .hasOnlyElementsOfTypes(Event.Received.class, Event.Attempted.class);
        }
    }

    /** Memory is for what is sent now; the rest is read back when its time comes. */
    @Test
    void accept_notSentSoon_isNotHeldInMemory() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("first"), "a@parked.test", "a@untried.test");
            fixture.settle(fixture.take("parked.test"), deferred());
            long minute = fixture.time.epochMillis() + 60_000;
            fixture.queue("parked.test").park(minute, "quiet");
            fixture.queue("untried.test").parkUntried(minute, "warms up");
            long before = fresh(fixture);
            fixture.accept(message("parked"), "b@parked.test");
            fixture.accept(message("untried"), "b@untried.test");
            Submission plain = SpoolFixture.submission(message("later"), "app@example.com",
                    new Recipient(SpoolFixture.address("a@later.test")));
            fixture.accept(message("later"), new Submission(plain.sender(), plain.recipients(),
                    MailOptions.NONE.withRelease(minute), plain.facts(), plain.tenant(),
                    plain.from()));
            assertThat(fresh(fixture)).isEqualTo(before);
            fixture.time.advance(Duration.ofMillis(59_500));
            fixture.accept(message("x"), "c@parked.test");
            assertThat(fresh(fixture)).isEqualTo(before + message("x").length);
            fixture.time.advance(Duration.ofSeconds(1));
            assertThat(fixture.read(fixture.take("parked.test"))).isEqualTo(message("parked"));
            assertThat(fixture.read(fixture.take("later.test"))).isEqualTo(message("later"));
        }
    }

    private static long fresh(SpoolFixture fixture) {
        return fixture.metrics.snapshot().getOrDefault("spool_fresh_content_bytes", -1L);
    }

    @Test
    void accept_severalDomains_makesOneEnvelopeEachAndKeepsContentToTheLast() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            byte[] content = message("three");
            fixture.accept(content, "a@one.test", "b@two.test", "c@one.test", "d@three.test");
            Envelope one = fixture.take("one.test");
            Envelope two = fixture.take("two.test");
            Envelope three = fixture.take("three.test");
            assertThat(one.recipients()).hasSize(2);
            assertThat(List.of(one.ordinal(), two.ordinal(), three.ordinal()))
                    .containsExactly(0, 1, 2);
            fixture.settle(one, delivered(), delivered());
            fixture.settle(three, delivered());
            assertThat(fixture.read(two)).isEqualTo(content);
            fixture.settle(two, delivered());
            assertThatThrownBy(() -> fixture.read(two)).isInstanceOf(SpoolException.class);
        }
    }

    @Test
    void settle_mixedOutcomes_leavesOnlyTheDeferredRecipientsWaiting() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(message("mixed"), "a@one.test", "b@one.test", "c@one.test");
            Envelope first = fixture.take("one.test");
            fixture.settle(first, delivered(), deferred(), bounced());
            assertThat(fixture.queue("one.test").take(10)).isEmpty();
            fixture.time.advance(Duration.ofMinutes(3));
            Envelope second = fixture.take("one.test");
            assertThat(second.attempts()).isEqualTo(1);
            assertThat(second.recipients()).extracting(r -> r.address().toString())
                    .containsExactly("b@one.test");
            // One notification to the sender, in the queue of the sender's domain.
            Envelope dsn = fixture.take("example.com");
            assertThat(dsn.sender().isNull()).isTrue();
            assertThat(fixture.events(id)).hasAtLeastOneElementOfType(Event.DsnSent.class);
        }
    }

    @Test
    void settle_withAdditions_sumsThemInTheSameBatchAndOverReopening() {
        for (int round = 0; round < 2; round++) {
            try (SpoolFixture fixture = new SpoolFixture(directory)) {
                fixture.accept(message("x"), "a@one.test", "b@two.test", "c@three.test");
                List<SpoolFixture.Outcome> outcomes = new ArrayList<>();
                for (String domain : List.of("one.test", "two.test", "three.test")) {
                    Envelope envelope = fixture.take(domain);
                    SpoolFixture.Outcome outcome = new SpoolFixture.Outcome();
                    outcomes.add(outcome);
                    fixture.spool.settle(new Settlement(envelope, Event.Route.NONE, 1,
                            List.of(new RecipientOutcome(envelope.recipients().getFirst()
                                    .address(), delivered())),
                            false, List.of(new Memos.Addition("sum/a", List.of(1L, 10L)),
                                    new Memos.Addition("sum/b", List.of(0L, 0L, 5L)))),
                            Runnable::run, outcome);
                }
                outcomes.forEach(SpoolFixture.Outcome::get);
            }
        }
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            assertThat(fixture.spool.memos().beginningWith("sum/").values().stream()
                    .map(Memos.Addition::numbers)).containsExactly(List.of(6L, 60L),
                            List.of(0L, 0L, 30L));
        }
    }

    @Test
    void settle_notTaken_isRefused() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("x"), "a@one.test");
            Envelope envelope = fixture.take("one.test");
            fixture.queue("one.test").putBack(envelope);
            assertThatThrownBy(() -> fixture.settle(envelope, delivered()))
                    .isInstanceOf(IllegalStateException.class);
            Envelope again = fixture.take("one.test");
            assertThat(again.attempts()).isZero();
            fixture.settle(again, delivered());
            assertThatThrownBy(() -> fixture.settle(again, delivered()))
                    .isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void restart_keepsQueuesAttemptsAndDueTimes() {
        SpoolFixture before = new SpoolFixture(directory);
        byte[] content = message("kept");
        before.accept(content, "a@one.test", "b@two.test");
        before.settle(before.take("one.test"), deferred());
        Envelope taken = before.take("two.test");
        assertThat(taken.attempts()).isZero();
        QueueStatus waiting = before.queue("one.test").status();
        before.close();
        try (SpoolFixture after = new SpoolFixture(directory, before.time, sink -> sink)) {
            assertThat(after.spool.queues().waiting()).isEqualTo(2);
            assertThat(after.queue("one.test").status()).isEqualTo(waiting);
            assertThat(after.queue("one.test").take(1)).isEmpty();
            Envelope dueAgain = after.take("two.test");
            assertThat(after.read(dueAgain)).isEqualTo(content);
            after.time.advance(Duration.ofMinutes(3));
            Envelope retried = after.take("one.test");
            assertThat(retried.attempts()).isEqualTo(1);
            assertThat(retried.acceptedEpochMillis()).isEqualTo(taken.acceptedEpochMillis());
            after.settle(retried, delivered());
            after.settle(dueAgain, delivered());
            assertThatThrownBy(() -> after.read(retried)).isInstanceOf(SpoolException.class);
        }
    }

    /** Twenty times what a queue keeps in memory, in the order of acceptance. */
    @Test
    void take_manyMoreThanTheWindow_givesEachOnceInOrder() {
        int count = 20_000;
        try (SpoolFixture fixture = new SpoolFixture(directory, "spool.durability = async")) {
            List<SpoolFixture.Outcome> outcomes = new ArrayList<>();
            byte[] content = message("many");
            for (int i = 0; i < count; i++) {
                IncomingContent incoming = fixture.spool.newContent(Runnable::run, () -> {});
                incoming.append(content, 0, content.length);
                SpoolFixture.Outcome outcome = new SpoolFixture.Outcome();
                incoming.accept(SpoolFixture.submission(content, "app@example.com",
                        new io.mailrace.core.Recipient(SpoolFixture.address("u@one.test"))),
                        outcome);
                outcomes.add(outcome);
            }
            outcomes.forEach(SpoolFixture.Outcome::get);
            List<SpoolId> taken = new ArrayList<>();
            MailQueue queue = fixture.queue("one.test");
            await(() -> {
                for (Envelope envelope : queue.take(100)) {
                    taken.add(envelope.id());
                    if (taken.size() % 3 == 0) {
                        fixture.settle(envelope, false, delivered());
                    }
                }
                return taken.size() == count;
            });
            assertThat(taken).isSorted().doesNotHaveDuplicates();
            await(() -> queue.status().waiting() == count - count / 3);
        }
    }

    @Test
    void append_manyChunks_streamsToDiskAndComesBackExact() {
        byte[] content = new byte[5 * Content.CHUNK_BYTES + 17];
        new Random(1).nextBytes(content);
        SpoolFixture fixture = new SpoolFixture(directory);
        SpoolId id = fixture.accept(content, "a@one.test");
        Envelope envelope = fixture.take("one.test");
        assertThat(fixture.spool.content(envelope).chunkIfLoaded(0)).isNull();
        assertThat(fixture.read(envelope)).isEqualTo(content);
        fixture.close();
        try (SpoolFixture after = new SpoolFixture(directory)) {
            Envelope again = after.take("one.test");
            assertThat(again.id()).isEqualTo(id);
            assertThat(after.read(again)).isEqualTo(content);
            after.settle(again, delivered());
            assertThatThrownBy(() -> after.read(again)).isInstanceOf(SpoolException.class);
        }
    }

    @Test
    void accept_sizesAroundAChunk_comeBackExact() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            int[] sizes = {0, 1, Content.CHUNK_BYTES - 1, Content.CHUNK_BYTES,
                    Content.CHUNK_BYTES + 1, 2 * Content.CHUNK_BYTES};
            for (int size : sizes) {
                byte[] content = new byte[size];
                new Random(size).nextBytes(content);
                fixture.accept(content, "a@one.test");
                Envelope envelope = fixture.take("one.test");
                assertThat(fixture.read(envelope)).isEqualTo(content);
                fixture.settle(envelope, delivered());
            }
        }
    }

    @Test
    void discard_afterChunksOrDeath_leavesNothingBehind() {
        byte[] content = new byte[3 * Content.CHUNK_BYTES];
        SpoolFixture fixture = new SpoolFixture(directory);
        IncomingContent discarded = fixture.spool.newContent(Runnable::run, () -> {});
        discarded.append(content, 0, content.length);
        discarded.discard();
        IncomingContent cutOff = fixture.spool.newContent(Runnable::run, () -> {});
        cutOff.append(content, 0, content.length);
        await(cutOff::writable);
        fixture.close();
        new SpoolFixture(directory).close();
        try (Store store = Store.open(directory.resolve("db"),
                SpoolFixture.config(directory).spool())) {
            List<String> left = new ArrayList<>();
            for (Store.Family family : Store.CONTENTS) {
                store.scan(family, new byte[0], Keys.ofMessage(Long.MAX_VALUE),
                        (key, value) -> left.add("chunk"));
            }
            assertThat(SpoolLog.stored(store)).isEmpty();
            store.scan(Store.Family.STATE, Keys.kind(Keys.MARKER), Keys.kind(Keys.MARKER + 1),
                    (key, value) -> left.add("marker"));
            assertThat(left).isEmpty();
        }
    }

    @Test
    void open_twice_isRefusedClearly() {
        try (SpoolFixture first = new SpoolFixture(directory)) {
            assertThat(first.spool.refusal()).isEmpty();
            assertThatThrownBy(() -> new SpoolFixture(directory))
                    .isInstanceOf(SpoolException.class).hasMessageContaining("in use by another");
            first.accept(message("still works"), "a@one.test");
        }
    }

    @Test
    void open_newerFormat_isRefusedAndLeftAlone() throws Exception {
        new SpoolFixture(directory).close();
        try (Store store = Store.open(directory.resolve("db"),
                SpoolFixture.config(directory).spool());
                org.rocksdb.WriteBatch batch = new org.rocksdb.WriteBatch()) {
            batch.put(store.handle(Store.Family.STATE), Keys.FORMAT,
                    QueueCodec.number(Store.FORMAT + 1));
            store.write(batch, true);
        }
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(() -> new SpoolFixture(directory))
                    .isInstanceOf(SpoolException.class).hasMessageContaining("newer Mailrace");
        }
    }

    private void damageTheDatabasesLog() throws IOException {
        Path log;
        try (var files = Files.list(directory.resolve("db"))) {
            log = files.filter(f -> f.toString().endsWith(".log")).max((a, b) -> a.compareTo(b))
                    .orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(log);
        bytes[bytes.length / 2] ^= 1;
        Files.write(log, bytes);
    }

    private void acceptTwenty() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            for (int i = 0; i < 20; i++) {
                fixture.accept(message("m" + i), "a@one.test");
            }
        }
    }

    private long keptLogs() throws IOException {
        try (var files = Files.list(directory)) {
            return files.filter(f -> f.toString().contains("wal-kept-")).count();
        }
    }

    @Test
    void open_databaseLogWithAHole_isFilledFromTheSpoolsLog() throws Exception {
        acceptTwenty();
        damageTheDatabasesLog();
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.metrics.snapshot().get("spool_lost_batches_total")).isZero();
            assertThat(after.spool.queues().waiting()).isEqualTo(20);
            for (int i = 0; i < 20; i++) {
                assertThat(after.read(after.take("one.test"))).isEqualTo(message("m" + i));
            }
        }
        assertThat(keptLogs()).isZero();
    }

    @Test
    void open_bothLogsWithAHole_isReportedAndTheLogKept() throws Exception {
        acceptTwenty();
        damageTheDatabasesLog();
        try (var files = Files.list(directory.resolve("log"))) {
            for (Path slot : files.toList()) {
                Files.write(slot, new byte[0]);
            }
        }
        try (SpoolFixture after = new SpoolFixture(directory)) {
            assertThat(after.metrics.snapshot().get("spool_lost_batches_total")).isPositive();
            assertThat(after.spool.queues().waiting()).isBetween(1L, 19L);
            await(() -> !after.queue("one.test").take(1).isEmpty());
        }
        assertThat(keptLogs()).isEqualTo(1);
    }

    @Test
    void damagedEnvelope_isSetAsideAndTheRestGoesOn() throws Exception {
        SpoolFixture fixture = new SpoolFixture(directory);
        SpoolId bad = fixture.accept(message("bad"), "a@one.test");
        fixture.accept(message("good"), "a@one.test");
        fixture.close();
        try (Store store = Store.open(directory.resolve("db"),
                SpoolFixture.config(directory).spool());
                org.rocksdb.WriteBatch batch = new org.rocksdb.WriteBatch()) {
            batch.put(store.handle(Store.Family.ENVELOPE), Keys.envelope(bad, 0), new byte[]{1, 2});
            store.write(batch, true);
        }
        for (int i = 0; i < 2; i++) {
            try (SpoolFixture after = new SpoolFixture(directory)) {
                Envelope good = after.take("one.test");
                assertThat(new String(after.read(good), java.nio.charset.StandardCharsets.UTF_8))
                        .contains("Hello good");
                await(() -> after.spool.queues().waiting() == 1);
                assertThat(after.queue("one.test").take(1)).isEmpty();
            }
        }
    }

    @Test
    void idleQueues_areForgottenAndComeBack() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(message("x"), "a@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
            fixture.time.advance(Duration.ofMinutes(11));
            await(() -> {
                fixture.time.advance(Duration.ofMinutes(1));
                return fixture.spool.queues().find(SpoolFixture.key("one.test")).isEmpty();
            });
            fixture.accept(message("y"), "a@one.test");
            fixture.settle(fixture.take("one.test"), delivered());
        }
    }

    @Test
    void close_thenUse_failsWithoutCrash() {
        SpoolFixture fixture = new SpoolFixture(directory);
        fixture.accept(message("x"), "a@one.test");
        Envelope envelope = fixture.take("one.test");
        IncomingContent incoming = fixture.spool.newContent(Runnable::run, () -> {});
        fixture.close();
        byte[] content = message("late");
        incoming.append(content, 0, content.length);
        SpoolFixture.Outcome outcome = new SpoolFixture.Outcome();
        incoming.accept(SpoolFixture.submission(content, "app@example.com",
                new io.mailrace.core.Recipient(SpoolFixture.address("u@one.test"))), outcome);
        assertThatThrownBy(outcome::get).hasMessage("not committed");
        assertThatThrownBy(() -> fixture.settle(envelope, bounced()))
                .isInstanceOf(AssertionError.class);
        assertThat(fixture.spool.refusal()).isPresent();
    }
}
