// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.Event;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.Submission;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is put into a header, what is learned of a content, what is refused. */
class MessageIntakeTest {
    private static final String DATE = "Fri, 20 Nov 2026 12:00:00 +0000";
    private final RecordingSpool spool = new RecordingSpool();
    private ContentFacts facts = new ContentFacts(0, false, false, false, false, "", "");
    private String id = "";

    private String take(String content, SubmissionConfig limits) {
        RecordingSpool.Incoming incoming = (RecordingSpool.Incoming) spool.newContent(
                Runnable::run, () -> {});
        MessageIntake intake = new MessageIntake(incoming, octets -> true, false,
                Fixture.latin1("Received: x\r\n"), limits, "mta.test", DATE);
        byte[] bytes = Fixture.latin1(content);
        intake.receive(bytes, 0, bytes.length);
        assertThat(intake.ended()).isTrue();
        Optional<SmtpReply> refusal = intake.finish();
        if (refusal.isPresent()) {
            return refusal.get().toString();
        }
        facts = intake.facts();
        id = incoming.id().toString();
        incoming.accept(new Submission(MailAddress.NULL,
                List.of(new Recipient(MailAddress.parse("b@example.net").orElseThrow())),
                MailOptions.NONE, facts, "default",
                Event.Intake.LOCAL), new CommitListener() {
                    @Override
                    public void committed() {}

                    @Override
                    public void failed(SpoolException why) {}
                });
        return spool.stored.getLast().text();
    }

    private String take(String content) {
        return take(content, Fixture.config().submission());
    }

    @Test
    void header_lacksDateAndMessageId_addedAtItsEnd() {
        assertThat(take("From: a@Example.COM\r\nSubject: s\r\n\r\nbody\r\n.\r\n"))
                .isEqualTo("Received: x\r\nFrom: a@Example.COM\r\nSubject: s\r\nDate: " + DATE
                        + "\r\nMessage-ID: <" + id + "@mta.test>\r\n\r\nbody\r\n");
        assertThat(facts.messageId()).isEqualTo("<" + id + "@mta.test>");
        assertThat(facts.fromDomain()).isEqualTo("example.com");
    }

    @Test
    void header_hasBoth_untouched() {
        String message = "DATE: x\r\nmessage-id:\r\n <1@a>\r\n\r\nDate in the body\r\n";
        assertThat(take(message + ".\r\n")).isEqualTo("Received: x\r\n" + message);
        assertThat(facts.messageId()).isEqualTo("<1@a>");
    }

    @Test
    void header_switchedOff_untouched() {
        SmtpServerConfig config = Fixture.config("submission.add-missing-headers = false");
        assertThat(take("A: b\r\n\r\nbody\r\n.\r\n", config.submission()))
                .isEqualTo("Received: x\r\nA: b\r\n\r\nbody\r\n");
        assertThat(facts.messageId()).isEmpty();
    }

    @Test
    void header_neverEnds_closedByUs() {
        assertThat(take("Date: d\r\nMessage-ID: <m@a>\r\n.\r\n"))
                .isEqualTo("Received: x\r\nDate: d\r\nMessage-ID: <m@a>\r\n\r\n");
    }

    @Test
    void header_breaksOff_emptyLinePutBetween() {
        String both = "Date: d\r\nMessage-ID: <m@a>\r\n";
        assertThat(take(both + "no field here\r\nmore: text\r\n.\r\n"))
                .isEqualTo("Received: x\r\n" + both + "\r\nno field here\r\nmore: text\r\n");
        assertThat(take(both + "x".repeat(HeaderScanner.MAX_NAME + 1) + ": long name\r\n.\r\n"))
                .isEqualTo("Received: x\r\n" + both + "\r\n"
                        + "x".repeat(HeaderScanner.MAX_NAME + 1) + ": long name\r\n");
        assertThat(take(" starts folded\r\n.\r\n")).contains("mta.test>\r\n\r\n starts folded");
        assertThat(take(": no name\r\n.\r\n")).contains("mta.test>\r\n\r\n: no name");
    }

    @Test
    void facts_areThoseOfTheStoredBytes() {
        String text = take("Subject: s\r\n\r\nplain\r\n.\r\n");
        assertThat(facts.sizeBytes()).isEqualTo(text.length());
        assertThat(facts.eightBit() || facts.utf8Header() || facts.leadingDot()
                || facts.longLine()).isFalse();
        take("Subject: s\u00c3\u00bc\r\n\r\nplain\r\n.\r\n");
        assertThat(facts.eightBit()).isTrue();
        assertThat(facts.utf8Header()).isTrue();
        take("Subject: s\r\n\r\nb\u00fcody\r\n..x\r\n.\r\n");
        assertThat(facts.eightBit()).isTrue();
        assertThat(facts.utf8Header()).isFalse();
        assertThat(facts.leadingDot()).isTrue();
        take("Subject: s\r\n\r\n.x\r\n" + "y".repeat(998) + "\r\n.\r\n");
        assertThat(facts.leadingDot()).isFalse();
        assertThat(facts.longLine()).isFalse();
        take("Subject: s\r\n\r\n" + "y".repeat(999) + "\r\nz\r\n.\r\n");
        assertThat(facts.longLine()).isTrue();
        take("Subject: " + "y".repeat(991) + "\r\n\r\nz\r\n.\r\n");
        assertThat(facts.longLine()).isTrue();
    }

    @Test
    void longLine_refusedWhenToldTo() {
        SmtpServerConfig config = Fixture.config("submission.refuse-long-lines = true");
        assertThat(take("A: b\r\n\r\n" + "y".repeat(999) + "\r\n.\r\n", config.submission()))
                .startsWith("554 5.6.0");
        assertThat(take("A: b\r\n\r\n" + "y".repeat(998) + "\r\n.\r\n", config.submission()))
                .startsWith("Received");
    }

    @Test
    void header_tooLargeInOneField_refused() {
        assertThat(take("A: " + "y".repeat(2100) + "\r\n\r\nbody\r\n.\r\n"))
                .startsWith("554 5.6.0");
        assertThat(take("A: " + "y".repeat(1900) + "\r\n\r\nbody\r\n.\r\n"))
                .startsWith("Received");
    }

    @Test
    void size_countsOnlyWhatTheClientSent() {
        String head = "A: b\r\n\r\n";
        String body = "y".repeat(98) + "\r\n";
        String exact = head + body.repeat(204) + "z".repeat(20480 - 8 - 20400 - 2) + "\r\n";
        assertThat(exact).hasSize(20480);
        assertThat(take(exact + ".\r\n")).startsWith("Received");
        assertThat(take("z" + exact + ".\r\n")).startsWith("552 5.3.4");
    }
}
