// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

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
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Fills a spool in this process with deferred mail, through the spool's own interface but without
 * any SMTP: a backlog of ten million in minutes. One thread, used once.
 */
final class BacklogFill {
    private static final int AHEAD = 2000;
    private static final SmtpReply LATER = SmtpReply.of(450, "4.2.1", "come again");

    private final DeferralLog log;
    private final int firstNumber;
    private final int messages;
    private final int domains;
    private final long bodyBytes;
    private final Semaphore ahead = new Semaphore(AHEAD);
    private final AtomicReference<SpoolException> failure = new AtomicReference<>();

    BacklogFill(DeferralLog log, int firstNumber, int messages, int domains, long bodyBytes) {
        this.log = log;
        this.firstNumber = firstNumber;
        this.messages = messages;
        this.domains = domains;
        this.bodyBytes = bodyBytes;
    }

    void run(QueueConfig config) throws IOException, InterruptedException {
        try (RocksSpool spool = RocksSpool.open(config, TimeSource.system(), new Metrics())) {
            spool.queues().listen(queue -> spool.readers().execute(() -> defer(spool, queue)));
            for (int number = firstNumber; number < firstNumber + messages; number++) {
                ahead.acquire();
                accept(spool, number);
                SpoolException broken = failure.get();
                if (broken != null) {
                    throw broken;
                }
            }
            ahead.acquire(AHEAD);
        }
    }

    private void accept(RocksSpool spool, int number) throws IOException {
        String recipient = "u" + number + "@d" + (1 + number % domains) + ".test";
        var message = new LoadMessage(number, "load@load.test", recipient, bodyBytes);
        var bytes = new ByteArrayOutputStream();
        message.writeTo(bytes);
        IncomingContent incoming = spool.newContent(Runnable::run, () -> {});
        incoming.append(bytes.toByteArray(), 0, bytes.size());
        var facts = new ContentFacts(bytes.size(), false, false, true, false, "load.test",
                "<load." + number + "@load.test>");
        incoming.accept(new Submission(address("load@load.test"),
                List.of(new Recipient(address(recipient))), MailOptions.NONE, facts, "default",
                new Event.Intake("fill", "", "", "", "")), new Told(() -> {}));
    }

    private void defer(RocksSpool spool, MailQueue queue) {
        List<Envelope> taken;
        do {
            taken = queue.take(16);
            for (Envelope envelope : taken) {
                RecipientOutcome outcome = new RecipientOutcome(
                        envelope.recipients().getFirst().address(),
                        new Disposition.Deferred(LATER));
                String local = outcome.address().localPart();
                log.note(Integer.parseInt(local, 1, local.length(), 10), System.nanoTime());
                spool.settle(new Settlement(envelope, Event.Route.NONE, 0, List.of(outcome),
                        false), Runnable::run, new Told(ahead::release));
            }
        } while (taken.size() == 16);
    }

    private static MailAddress address(String text) {
        return MailAddress.parse(text).orElseThrow();
    }

    private final class Told implements CommitListener {
        private final Runnable then;

        Told(Runnable then) {
            this.then = then;
        }

        @Override
        public void committed() {
            then.run();
        }

        @Override
        public void failed(SpoolException why) {
            failure.set(why);
            ahead.release(AHEAD);
        }
    }
}
