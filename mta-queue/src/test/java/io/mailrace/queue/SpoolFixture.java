// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import io.mailrace.core.ConfigSource;
import io.mailrace.core.Content;
import io.mailrace.core.ContentFacts;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Metrics;
import io.mailrace.core.Recipient;
import io.mailrace.core.RecipientOutcome;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import io.mailrace.core.testing.FakeTimeSource;
import io.mailrace.core.testing.Patience;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;

/** A spool on a directory of a test, with the shortest way to each thing a test does with it. */
final class SpoolFixture implements AutoCloseable {
    static final SmtpReply OK = SmtpReply.of(250, "2.0.0", "taken");
    static final SmtpReply LATER = SmtpReply.of(451, "4.3.0", "come again");
    static final SmtpReply NO = SmtpReply.of(550, "5.1.1", "no such user");
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    /** Small, so that files of the log are used again in every test. */
    static final int SLOT_BYTES = 256 << 10;

    final FakeTimeSource time;
    final Metrics metrics = new Metrics();
    final RocksSpool spool;

    SpoolFixture(Path directory, String... config) {
        this(directory, new FakeTimeSource(), sink -> sink, config);
    }

    SpoolFixture(Path directory, FakeTimeSource time, UnaryOperator<BatchSink> disk,
            String... config) {
        this(directory, time, true, disk, config);
    }

    /** @param late whether the database may come after the log, or gets each batch at once */
    SpoolFixture(Path directory, FakeTimeSource time, boolean late, UnaryOperator<BatchSink> disk,
            String... config) {
        this.time = time;
        spool = RocksSpool.open(config(directory, config), time, metrics, SLOT_BYTES, late, disk);
    }

    static QueueConfig config(Path directory, String... lines) {
        ConfigSource source = ConfigSource.ofText("spool { path = \"" + directory
                + "\", write-buffer = 4m, min-free = 0 }\n" + String.join("\n", lines));
        QueueConfig config = QueueConfig.from(source.root(), "mta.example.com");
        source.finish();
        return config;
    }

    static MailAddress address(String text) {
        return MailAddress.parse(text).orElseThrow();
    }

    static ContentFacts facts(byte[] content) {
        return new ContentFacts(content.length, false, false, false, false, "example.com",
                "<1@example.com>");
    }

    static Submission submission(byte[] content, String sender, Recipient... recipients) {
        return new Submission(sender.isEmpty() ? MailAddress.NULL : address(sender),
                List.of(recipients), MailOptions.NONE, facts(content), "default",
                new Event.Intake("relay", "127.0.0.1", "", "test", ""));
    }

    static byte[] message(String subject) {
        return ("From: app@example.com\r\nSubject: " + subject + "\r\n\r\nHello " + subject
                + "\r\n").getBytes(StandardCharsets.US_ASCII);
    }

    /** Accepts a message and waits until it is durable. */
    SpoolId accept(byte[] content, String... recipients) {
        Recipient[] all = Arrays.stream(recipients).map(one -> new Recipient(address(one)))
                .toArray(Recipient[]::new);
        return accept(content, submission(content, "app@example.com", all));
    }

    SpoolId accept(byte[] content, Submission submission) {
        IncomingContent incoming = spool.newContent(Runnable::run, () -> {});
        incoming.append(content, 0, content.length);
        Outcome outcome = new Outcome();
        incoming.accept(submission, outcome);
        outcome.get();
        return incoming.id();
    }

    MailQueue queue(String destination) {
        return spool.queues().find(key(destination)).orElseThrow();
    }

    /** Envelopes of its queue; 0 where the spool has dropped it, as it does when it idles. */
    long waiting(String destination) {
        return spool.queues().find(key(destination)).map(queue -> queue.status().waiting())
                .orElse(0L);
    }

    static QueueKey key(String destination) {
        return new QueueKey(Lane.DEFAULT, "default", destination, "default");
    }

    /** Takes one envelope, waiting for it to be loaded. */
    Envelope take(String destination) {
        List<Envelope> taken = new ArrayList<>();
        await(() -> {
            taken.addAll(queue(destination).take(1));
            return !taken.isEmpty();
        });
        return taken.getFirst();
    }

    void settle(Envelope envelope, Disposition... dispositions) {
        settle(envelope, false, dispositions).get();
    }

    Outcome settle(Envelope envelope, boolean peerTakesDsn, Disposition... dispositions) {
        List<RecipientOutcome> outcomes = new ArrayList<>();
        for (int i = 0; i < dispositions.length; i++) {
            outcomes.add(new RecipientOutcome(envelope.recipients().get(i).address(),
                    dispositions[i]));
        }
        Outcome outcome = new Outcome();
        spool.settle(new Settlement(envelope,
                new Event.Route("site", "source", "mx.example.net", "192.0.2.1:25", "", ""), 12,
                outcomes, peerTakesDsn), Runnable::run, outcome);
        return outcome;
    }

    byte[] read(Envelope envelope) {
        Content content = spool.content(envelope);
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int i = 0; i < content.chunkCount(); i++) {
            all.writeBytes(content.chunk(i));
        }
        return all.toByteArray();
    }

    List<Event> events(SpoolId id) {
        return spool.journal().ofMessage(id, 100).events().stream()
                .map(EventJournal.Recorded::event).toList();
    }

    static Disposition delivered() {
        return new Disposition.Delivered(OK);
    }

    static Disposition deferred() {
        return new Disposition.Deferred(LATER);
    }

    static Disposition bounced() {
        return new Disposition.Bounced(NO);
    }

    /** Waits until something holds that other threads bring about. */
    static void await(BooleanSupplier condition) {
        Patience.await(PATIENCE, condition);
    }

    @Override
    public void close() {
        spool.close();
    }

    /** Waits for a commit. */
    static final class Outcome implements CommitListener {
        private final CompletableFuture<Boolean> done = new CompletableFuture<>();

        @Override
        public void committed() {
            done.complete(true);
        }

        @Override
        public void failed(SpoolException why) {
            done.completeExceptionally(why);
        }

        /** Runs {@code after} once it is committed. */
        void then(Runnable after) {
            done.thenRun(after);
        }

        boolean isDone() {
            return done.isDone();
        }

        void get() {
            await(done::isDone);
            try {
                done.get();
            } catch (Exception failed) {
                throw new AssertionError("not committed", failed);
            }
        }
    }
}
