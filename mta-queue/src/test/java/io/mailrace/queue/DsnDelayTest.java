// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.address;
import static io.mailrace.queue.SpoolFixture.await;
import static io.mailrace.queue.SpoolFixture.bounced;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.facts;
import static io.mailrace.queue.SpoolFixture.message;
import static io.mailrace.queue.SpoolFixture.submission;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.Cause;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.MailOptions;
import io.mailrace.core.NextTry;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;

/** The notification of delay: when it is sent, to whom, and that it is sent once. */
class DsnDelayTest {
    private static final String CONFIG = "retry.default { intervals = [30m], max-age = 4d,"
            + " delay-notice = 4h }";
    private static final Duration INTERVAL = Duration.ofMinutes(34);
    private static final byte[] MESSAGE = message("late");

    @TempDir
    Path directory;

    private SpoolFixture open() {
        return new SpoolFixture(directory, CONFIG);
    }

    private SpoolFixture open(Path spool, FakeTimeSource time) {
        return new SpoolFixture(spool, time, UnaryOperator.identity(), CONFIG);
    }

    /** Lets time pass until the next attempt, which is deferred for everybody. */
    private static void attempt(SpoolFixture fixture) {
        fixture.time.advance(INTERVAL);
        deferAll(fixture, fixture.take("example.net"));
    }

    private static void deferAll(SpoolFixture fixture, Envelope envelope) {
        Disposition[] all = envelope.recipients().stream().map(one -> deferred())
                .toArray(Disposition[]::new);
        fixture.settle(envelope, all);
    }

    private static long notices(SpoolFixture fixture, SpoolId id) {
        return fixture.events(id).stream().filter(event -> event instanceof Event.DsnSent sent
                && sent.action().equals("delayed")).count();
    }

    private static long toSender(SpoolFixture fixture) {
        return fixture.waiting("example.com");
    }

    @Test
    void deferredAndOld_tellsTheSenderOnceAndGoesOn() {
        try (SpoolFixture fixture = open()) {
            MailOptions full = MailOptions.NONE.with(MailOptions.Ret.FULL).withEnvid("QQ314");
            long accepted = fixture.time.epochMillis();
            SpoolId id = fixture.accept(MESSAGE, new Submission(address("app@example.com"),
                    List.of(new Recipient(address("bob@example.net"), 0, "rfc822;b@example.org")),
                    full, facts(MESSAGE), "default", Event.Intake.LOCAL));
            for (int i = 0; i < 7; i++) {
                attempt(fixture);
                assertThat(notices(fixture, id)).isZero();
            }
            attempt(fixture);
            assertThat(notices(fixture, id)).isEqualTo(1);
            ReadDsn dsn = ReadDsn.of(fixture, fixture.take("example.com"));
            assertThat(dsn.envelope().sender().isNull()).isTrue();
            assertThat(dsn.subject()).isEqualTo("Delayed mail, delivery is still being tried");
            assertThat(dsn.human()).contains(
                    "could not be delivered to the following recipients yet",
                    "It is not necessary to send the message again.", "until 2023-11-18 22:13 UTC",
                    "<bob@example.net>", "the last answer of mx.example.net was: 451 come again");
            assertThat(dsn.fields()).contains("Original-Envelope-Id: QQ314\r\n",
                    "Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
                    "\r\n\r\nOriginal-Recipient: rfc822; b@example.org\r\n",
                    "Final-Recipient: rfc822; bob@example.net\r\n", "Action: delayed\r\n",
                    "Status: 4.3.0\r\n", "Remote-MTA: dns; mx.example.net\r\n",
                    "Last-Attempt-Date: Wed, 15 Nov 2023 02:45:20 +0000\r\n",
                    "Will-Retry-Until: Sat, 18 Nov 2023 22:13:20 +0000\r\n");
            // RFC 3461 4.3: RET=FULL is about failures only.
            assertThat(dsn.original()).contains("Subject: late").doesNotContain("Hello");
            assertThat(fixture.metrics.snapshot()).anySatisfy((name, value) -> {
                assertThat(name).contains("queue_dsn_total", "action=delayed");
                assertThat(value).isEqualTo(1);
            });
            fixture.settle(dsn.envelope(), delivered());
            for (int i = 0; i < 30; i++) {
                attempt(fixture);
            }
            assertThat(notices(fixture, id)).isEqualTo(1);
            assertThat(toSender(fixture)).isZero();
            Duration sinceAccepted = Duration.ofMillis(fixture.time.epochMillis() - accepted);
            // before a sweep would give it up untried
            fixture.time.advance(Duration.ofDays(4).plusMinutes(5).minus(sinceAccepted));
            deferAll(fixture, fixture.take("example.net"));
            assertThat(ReadDsn.of(fixture, fixture.take("example.com")).fields())
                    .contains("Action: failed\r\n").doesNotContain("Will-Retry-Until");
        }
    }

    @Test
    void byDefault_nobodyIsTold() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(MESSAGE, "bob@example.net");
            fixture.time.advance(Duration.ofDays(3));
            deferAll(fixture, fixture.take("example.net"));
            assertThat(notices(fixture, id)).isZero();
            assertThat(fixture.waiting("example.net")).isEqualTo(1);
        }
    }

    @Test
    void notify_decidesWhoIsNamed() {
        try (SpoolFixture fixture = open()) {
            SpoolId id = fixture.accept(MESSAGE, submission(MESSAGE, "app@example.com",
                    new Recipient(address("absent@example.net")),
                    new Recipient(address("never@example.net"), Recipient.NOTIFY_NEVER, ""),
                    new Recipient(address("failure@example.net"), Recipient.NOTIFY_FAILURE, ""),
                    new Recipient(address("delay@example.net"), Recipient.NOTIFY_DELAY, ""),
                    new Recipient(address("all@example.net"), Recipient.NOTIFY_SUCCESS
                            | Recipient.NOTIFY_FAILURE | Recipient.NOTIFY_DELAY, "")));
            fixture.time.advance(Duration.ofHours(5));
            deferAll(fixture, fixture.take("example.net"));
            ReadDsn dsn = ReadDsn.of(fixture, fixture.take("example.com"));
            for (String text : List.of(dsn.fields(), dsn.human())) {
                assertThat(text).contains("absent@", "delay@", "all@")
                        .doesNotContain("never@", "failure@");
            }
            assertThat(notices(fixture, id)).isEqualTo(1);
            assertThat(fixture.events(id)).noneMatch(Event.DsnOmitted.class::isInstance);
            fixture.time.advance(INTERVAL);
            assertThat(fixture.take("example.net").recipients()).hasSize(5);
        }
    }

    @Test
    void nobodyWantsIt_nothingIsSentEver() {
        try (SpoolFixture fixture = open()) {
            SpoolId id = fixture.accept(MESSAGE, submission(MESSAGE, "app@example.com",
                    new Recipient(address("never@example.net"), Recipient.NOTIFY_NEVER, ""),
                    new Recipient(address("both@example.net"),
                            Recipient.NOTIFY_SUCCESS | Recipient.NOTIFY_FAILURE, "")));
            fixture.time.advance(Duration.ofHours(5));
            deferAll(fixture, fixture.take("example.net"));
            attempt(fixture);
            assertThat(notices(fixture, id)).isZero();
            assertThat(toSender(fixture)).isZero();
        }
    }

    /** Nor the sender of a notification that is late itself, which is nobody. */
    @Test
    void nullSender_isNeverTold() {
        try (SpoolFixture fixture = open()) {
            SpoolId id = fixture.accept(MESSAGE, submission(MESSAGE, "",
                    new Recipient(address("bob@example.net"), Recipient.NOTIFY_DELAY, "")));
            fixture.time.advance(Duration.ofHours(5));
            deferAll(fixture, fixture.take("example.net"));
            assertThat(notices(fixture, id)).isZero();
            fixture.accept(MESSAGE, "gone@example.org");
            fixture.settle(fixture.take("example.org"), bounced());
            fixture.time.advance(Duration.ofHours(5));
            deferAll(fixture, fixture.take("example.com"));
            assertThat(fixture.spool.queues().waiting()).isEqualTo(2);
        }
    }

    /** Nothing was tried: what set the mail aside is no business of the sender. */
    @Test
    void postponed_tellsNobodyUntilAnAttempt() {
        try (SpoolFixture fixture = open()) {
            SpoolId id = fixture.accept(MESSAGE, "bob@example.net");
            fixture.time.advance(Duration.ofHours(5));
            fixture.settle(fixture.take("example.net"), new Disposition.Deferred(
                    SpoolFixture.LATER, false, NextTry.uncounted(Duration.ofMinutes(1)),
                    Cause.UNKNOWN));
            assertThat(notices(fixture, id)).isZero();
            attempt(fixture);
            assertThat(notices(fixture, id)).isEqualTo(1);
        }
    }

    /** A rule keeps mail that was refused for good: the status says that it is tried again. */
    @Test
    void refusedButKept_hasAStatusOfClass4() {
        try (SpoolFixture fixture = open()) {
            fixture.accept(MESSAGE, "bob@example.net");
            fixture.time.advance(Duration.ofHours(5));
            fixture.settle(fixture.take("example.net"), new Disposition.Deferred(
                    SmtpReply.of(550, "5.7.1", "listed")));
            assertThat(ReadDsn.of(fixture, fixture.take("example.com")).fields())
                    .contains("Action: delayed\r\nStatus: 4.7.1\r\n",
                            "Diagnostic-Code: smtp; 550 5.7.1 listed\r\n");
        }
    }

    @Test
    void leapOfTheClock_isNoDelay() {
        try (SpoolFixture fixture = open()) {
            SpoolId id = fixture.accept(MESSAGE, "bob@example.net");
            fixture.time.stepWallClock(Duration.ofHours(5));
            deferAll(fixture, fixture.take("example.net"));
            assertThat(notices(fixture, id)).isZero();
            fixture.time.advance(Duration.ofHours(4));
            deferAll(fixture, fixture.take("example.net"));
            assertThat(notices(fixture, id)).isEqualTo(1);
        }
    }

    /** Some bounce, some are relayed, some wait: three notifications, and the rest is told once. */
    @Test
    void mixedOutcomes_areToldApartAndTheRestKeepsTheMark() {
        SpoolId id;
        FakeTimeSource time;
        try (SpoolFixture fixture = open()) {
            id = fixture.accept(MESSAGE, submission(MESSAGE, "app@example.com",
                    new Recipient(address("no@example.net")),
                    new Recipient(address("yes@example.net"), Recipient.NOTIFY_SUCCESS, ""),
                    new Recipient(address("later@example.net")),
                    new Recipient(address("last@example.net"))));
            fixture.time.advance(Duration.ofHours(5));
            fixture.settle(fixture.take("example.net"), bounced(), delivered(), deferred(),
                    deferred());
            assertThat(fixture.events(id)).filteredOn(Event.DsnSent.class::isInstance)
                    .extracting(event -> ((Event.DsnSent) event).action())
                    .containsExactlyInAnyOrder("failed", "delayed", "relayed");
            fixture.time.advance(INTERVAL);
            fixture.settle(fixture.take("example.net"), delivered(), deferred());
            time = fixture.time;
        }
        try (SpoolFixture fixture = open(directory, time)) {
            attempt(fixture);
            assertThat(notices(fixture, id)).isEqualTo(1);
        }
    }

    @Test
    void reopened_remembersThatItTold() {
        SpoolFixture before = open();
        SpoolId id = before.accept(MESSAGE, "bob@example.net");
        attempt(before);
        before.close();
        SpoolFixture told = open(directory, before.time);
        told.time.advance(Duration.ofHours(4));
        attempt(told);
        assertThat(notices(told, id)).isEqualTo(1);
        told.close();
        try (SpoolFixture after = open(directory, before.time)) {
            attempt(after);
            attempt(after);
            assertThat(notices(after, id)).isEqualTo(1);
            assertThat(toSender(after)).isEqualTo(1);
        }
    }

    /** What the disk would hold after a crash just before the settlement, and just after it. */
    @Test
    void crashAroundTheSettlement_leavesBothNoticeAndMarkOrNeither() throws IOException {
        Path before = directory.resolve("before");
        Path after = directory.resolve("after");
        Path live = directory.resolve("live");
        SpoolId id;
        FakeTimeSource time;
        try (SpoolFixture fixture = open(live, new FakeTimeSource())) {
            id = fixture.accept(MESSAGE, "bob@example.net");
            fixture.time.advance(Duration.ofHours(5));
            Envelope taken = fixture.take("example.net");
            image(live, before);
            deferAll(fixture, taken);
            image(live, after);
            time = fixture.time;
        }
        try (SpoolFixture fixture = open(before, time)) {
            assertThat(notices(fixture, id)).isZero();
            assertThat(toSender(fixture)).isZero();
            // Due at once: the attempt that never settled is made again.
            deferAll(fixture, fixture.take("example.net"));
            attempt(fixture);
            assertThat(notices(fixture, id)).isEqualTo(1);
            assertThat(toSender(fixture)).isEqualTo(1);
        }
        try (SpoolFixture fixture = open(after, time)) {
            assertThat(toSender(fixture)).isEqualTo(1);
            attempt(fixture);
            assertThat(notices(fixture, id)).isEqualTo(1);
            assertThat(toSender(fixture)).isEqualTo(1);
        }
    }

    /** Copies a spool at rest that is open: its newest batches are in the log only. */
    private static void image(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                if (!file.endsWith("LOCK")) {
                    Files.copy(file, to.resolve(from.relativize(file)));
                }
            }
        }
    }

    /** Hold, release, retry and another queue leave it told; a split tells neither half again. */
    @Test
    void operations_keepTheMark() {
        try (SpoolFixture fixture = new SpoolFixture(directory, CONFIG,
                "routes = [ { when.sender-domain = example.com, via = \"smtp://10.0.0.9\" } ]")) {
            SpoolId id = fixture.accept(MESSAGE, "bob@one.test", "bob@two.test");
            fixture.time.advance(Duration.ofHours(5));
            deferAll(fixture, fixture.take("smtp://10.0.0.9:25"));
            assertThat(notices(fixture, id)).isEqualTo(1);
            run(fixture, new SetAction.Hold("a look"));
            run(fixture, new SetAction.Release());
            deferAll(fixture, fixture.take("smtp://10.0.0.9:25"));
            run(fixture, new SetAction.RetryNow());
            deferAll(fixture, fixture.take("smtp://10.0.0.9:25"));
            run(fixture, new SetAction.Rebind(Optional.empty(), Optional.empty(),
                    Optional.of(SetAction.Rebind.MX)));
            fixture.time.advance(INTERVAL);
            deferAll(fixture, fixture.take("one.test"));
            deferAll(fixture, fixture.take("two.test"));
            assertThat(notices(fixture, id)).isEqualTo(1);
        }
    }

    private static void run(SpoolFixture fixture, SetAction action) {
        Selection all = Selection.ALL;
        long number = fixture.spool.operations().start(all, action, "tester");
        await(() -> fixture.spool.operations().statuses().stream()
                .anyMatch(one -> one.number() == number && one.endedEpochMillis() != 0));
    }

    /** The lane decides, and mail that moved to another lane goes by that one. */
    @Test
    void lane_hasAnAgeOfItsOwn() {
        try (SpoolFixture fixture = new SpoolFixture(directory, CONFIG,
                "retry.transactional { delay-notice = 10m }", "routes = [ { when.recipient-domain ="
                        + " fast.test, lane = transactional } ]")) {
            SpoolId slow = fixture.accept(MESSAGE, "bob@example.net");
            SpoolId fast = fixture.accept(MESSAGE, "bob@fast.test");
            fixture.time.advance(Duration.ofMinutes(20));
            deferAll(fixture, fixture.take("example.net"));
            MailQueue queue = fixture.spool.queues().find(new QueueKey(Lane.TRANSACTIONAL,
                    "default", "fast.test", "default")).orElseThrow();
            deferAll(fixture, queue.take(1).getFirst());
            assertThat(notices(fixture, slow)).isZero();
            assertThat(notices(fixture, fast)).isEqualTo(1);
        }
    }

    /** A due time that was lost is given anew, an envelope is rebuilt from the journal. */
    @Test
    void repaired_remembersThatItTold() throws RocksDBException {
        SpoolFixture fixture = open();
        SpoolId noDue = fixture.accept(MESSAGE, "bob@example.net");
        SpoolId noEnvelope = fixture.accept(MESSAGE, "eve@example.net");
        fixture.time.advance(Duration.ofHours(5));
        deferAll(fixture, fixture.take("example.net"));
        deferAll(fixture, fixture.take("example.net"));
        fixture.close();
        QueueConfig config = SpoolFixture.config(directory, CONFIG);
        try (Store store = Store.open(directory.resolve("db"), config.spool());
                WriteBatch batch = new WriteBatch()) {
            store.scan(Store.Family.SCHEDULE, new byte[0], new byte[]{-1}, (key, value) -> {
                if (Keys.placeOf(key).id() == noDue.value()) {
                    remove(store, batch, key);
                }
                return true;
            });
            batch.delete(store.handle(Store.Family.ENVELOPE), Keys.envelope(noEnvelope, 0));
            store.write(batch, true);
        }
        assertThat(SpoolFolder.check(config, directory, true, line -> {}, fixture.time).mended())
                .isPositive();
        try (SpoolFixture after = open(directory, fixture.time)) {
            after.time.advance(INTERVAL);
            deferAll(after, after.take("example.net"));
            deferAll(after, after.take("example.net"));
            assertThat(notices(after, noDue)).isEqualTo(1);
            assertThat(notices(after, noEnvelope)).isEqualTo(1);
        }
    }

    private static void remove(Store store, WriteBatch batch, byte[] key) {
        try {
            batch.singleDelete(store.handle(Store.Family.SCHEDULE), key);
        } catch (RocksDBException refused) {
            throw new AssertionError(refused);
        }
    }
}
