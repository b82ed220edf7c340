// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import io.mailrace.queue.CommitListener;
import io.mailrace.queue.SpoolException;
import io.mailrace.queue.Submission;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is put into a header, what is learned of a content, what is refused. */
class MessageIntakeTest {
    private static final String DATE = "Fri, 20 Nov 2026 12:00:00 +0000";
    /** Not that of the date. */
    private static final long NOW = 1_700_000_000_000L;
    private final RecordingSpool spool = new RecordingSpool();
    private ContentFacts facts = new ContentFacts(0, false, false, false, false, "", "");
    private String id = "";
    /** Bytes given at once. */
    private int pieces = Integer.MAX_VALUE / 2;

    /** All of them, and to hold mail for two days. */
    private static final UserRights RIGHTS = new UserRights("default", List.of(),
            Optional.empty(), EnumSet.allOf(Lane.class), Optional.empty(), Optional.empty(),
            Optional.empty(), Long.MAX_VALUE, Duration.ofDays(2),
            EnumSet.allOf(ControlField.class));
    private static final Recipient BOB = new Recipient(MailAddress.parse("b@example.net")
            .orElseThrow());
    private static final MessageIntake.Sent SENT = new MessageIntake.Sent(MailAddress.NULL,
            List.of(BOB), MailOptions.NONE, RIGHTS, Set.of(ControlField.TAG, ControlField.LANE),
            NOW, DATE);
    private final HeaderBuffer buffer = new HeaderBuffer();

    private String take(String content, SmtpServerConfig config) {
        return take(content, config, SENT);
    }

    private String take(String content, SmtpServerConfig config, MessageIntake.Sent sent) {
        RecordingSpool.Incoming incoming = (RecordingSpool.Incoming) spool.newContent(
                Runnable::run, () -> {});
        MessageIntake intake = new MessageIntake(incoming, octets -> true, false,
                Fixture.latin1("Received: x\r\n"), buffer, Fixture.policy(config), sent);
        byte[] bytes = Fixture.latin1(content);
        int at = 0;
        while (at < bytes.length) {
            int next = Math.min(bytes.length, at + pieces);
            assertThat(intake.receive(bytes, at, next)).isEqualTo(next);
            at = next;
        }
        assertThat(intake.ended()).isTrue();
        Optional<SmtpReply> refusal = intake.finish();
        if (refusal.isPresent()) {
            return refusal.get().toString();
        }
        facts = intake.facts();
        id = incoming.id().toString();
        incoming.accept(new Submission(MailAddress.NULL, intake.recipients(), intake.options(),
                facts, intake.tenant(), Event.Intake.LOCAL, intake.hints(), intake.lint()),
                new CommitListener() {
                    @Override
                    public void committed() {}

                    @Override
                    public void failed(SpoolException why) {}
                });
        return spool.stored.getLast().text();
    }

    private String take(String content) {
        return take(content, Fixture.config());
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
        assertThat(take("A: b\r\n\r\nbody\r\n.\r\n", config))
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
        assertThat(take(both + "x".repeat(HeaderBuffer.MAX_NAME + 1) + ": long name\r\n.\r\n"))
                .isEqualTo("Received: x\r\n" + both + "\r\n"
                        + "x".repeat(HeaderBuffer.MAX_NAME + 1) + ": long name\r\n");
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
        assertThat(take("A: b\r\n\r\n" + "y".repeat(999) + "\r\n.\r\n", config))
                .startsWith("554 5.6.0");
        assertThat(take("A: b\r\n\r\n" + "y".repeat(998) + "\r\n.\r\n", config))
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

    private static MessageIntake.Sent to(String recipient, ControlField... controls) {
        return new MessageIntake.Sent(MailAddress.NULL,
                List.of(new Recipient(MailAddress.parse(recipient).orElseThrow())),
                MailOptions.NONE, RIGHTS, Set.of(controls), NOW, DATE);
    }

    private static SmtpServerConfig large() {
        return Fixture.config("submission { max-size = 1m, max-header = 256k }");
    }

    @Test
    void header_atTheBound_takenAndOneMoreRefused() {
        String frame = "A: \r\n";
        int room = (int) Fixture.config().submission().maxHeader() - frame.length();
        for (int size : new int[]{1, 7, 1000, 100_000}) {
            pieces = size;
            assertThat(take("A: " + "y".repeat(room) + "\r\n\r\nbody\r\n.\r\n"))
                    .startsWith("Received");
            assertThat(take("A: " + "y".repeat(room + 1) + "\r\n\r\nbody\r\n.\r\n"))
                    .isEqualTo(Replies.LONG_HEADER.toString());
        }
    }

    @Test
    void fields_tenThousand_areRepeatedTakenOutOrPassed() {
        String many = "Subject: s\r\n".repeat(10_000);
        assertThat(take("From: a@signed.test\r\n" + many + "\r\nx\r\n.\r\n", large(),
                to("b@fix.test"))).contains("From: a@signed.test\r\nSubject: s\r\nDate: ");
        assertThat(spool.stored.getLast().findings()).isEqualTo("+subject-repeated");
        assertThat(take(many + "\r\nx\r\n.\r\n", large(), to("b@off.test"))).contains(many);
        String ours = "X-Mailrace-Tag: t\r\nX-A: b\r\n".repeat(ControlField.MAX_READ);
        assertThat(take(ours + "X-A: b\r\n".repeat(5000) + "\r\nx\r\n.\r\n", large()))
                .contains("X-A: b\r\n".repeat(5020)).doesNotContain("Mailrace");
        assertThat(facts.tag()).isEqualTo("t");
        assertThat(take(ours.repeat(200) + "\r\nx\r\n.\r\n", large()))
                .isEqualTo(Replies.TOO_MANY_CONTROLS.toString());
        assertThat(take("a:\r\n".repeat(60_000) + "\r\n.\r\n", large())).hasSizeGreaterThan(
                240_000);
    }

    @Test
    void buffer_ofAnUnusualHeader_isGivenBack() {
        take("A: b\r\n".repeat(10_000) + "\r\nx\r\n.\r\n", large());
        assertThat(buffer.bytes().length).isLessThan(20_000);
        assertThat(take("C: d\r\n\r\nx\r\n.\r\n")).startsWith("Received: x\r\nC: d\r\nDate");
    }

    @Test
    void nulAndBareLineEnds_inAHeader_refusedWhereverTheyStand() {
        String header = "From: a@signed.test\r\nX-Mailrace-Lane: bulk\r\nTo: b@c\r\n";
        for (int size : new int[]{1, 100_000}) {
            pieces = size;
            for (int at = 0; at < header.length(); at++) {
                for (String bad : List.of("\0", "\n", "\r")) {
                    String text = header.substring(0, at) + bad + header.substring(at);
                    boolean stillACrlf = bad.equals("\r") && header.charAt(at) == '\n'
                            || bad.equals("\n") && at > 0 && header.charAt(at - 1) == '\r';
                    if (!stillACrlf) {
                        assertThat(take(text + "\r\nbody\r\n.\r\n")).as("%s at %d", (int) bad
                                .charAt(0), at).isEqualTo(Replies.BARE_LINE_ENDS.toString());
                    }
                }
            }
        }
    }

    /** Headers of pieces that matter, cut at every byte, come out as in one piece. */
    @Test
    void header_inPiecesOfAnySize_isTheSame() {
        List<String> parts = List.of("From: a@signed.test\r\n", "from : b@c\r\n", "To:\r\n x\r\n",
                "X-Mailrace-Lane: bulk\r\n", "X-Mailrace-X:\r\n\ty\r\n", "Subject:\r\n",
                "Message-ID: <a@b>\r\n", "no field\r\n", ": none\r\n", " folded\r\n",
                "S\u00fcbject: x\r\n", "Subject: \u00fc\r\n", "\r\n", "..dot\r\n",
                "n".repeat(HeaderBuffer.MAX_NAME) + ": v\r\n",
                "n".repeat(HeaderBuffer.MAX_NAME + 1) + ": v\r\n");
        long seed = 6_10_2026;
        Random random = new Random(seed);
        for (int round = 0; round < 400; round++) {
            StringBuilder text = new StringBuilder();
            for (int i = random.nextInt(8); i >= 0; i--) {
                text.append(parts.get(random.nextInt(parts.size())));
            }
            String message = text + "\r\nX-Mailrace-Tag: body\r\n.\r\n";
            MessageIntake.Sent sent = to(random.nextBoolean() ? "b@fix.test" : "b@warn.test",
                    ControlField.LANE);
            pieces = 1 << 20;
            String whole = unnumbered(take(message, Fixture.config(), sent));
            String found = spool.stored.getLast().findings();
            ContentFacts known = facts;
            pieces = 1 + random.nextInt(40);
            assertThat(unnumbered(take(message, Fixture.config(), sent))).as("seed %d", seed)
                    .isEqualTo(whole);
            assertThat(spool.stored.getLast().findings()).isEqualTo(found);
            assertThat(facts.sizeBytes()).isEqualTo(known.sizeBytes());
            assertThat(List.of(facts.eightBit(), facts.utf8Header(), facts.leadingDot(),
                    facts.longLine(), facts.fromDomain())).isEqualTo(List.of(known.eightBit(),
                            known.utf8Header(), known.leadingDot(), known.longLine(),
                            known.fromDomain()));
            assertThat(whole.substring(0, whole.indexOf("\r\n\r\n"))).doesNotContain("Mailrace");
        }
    }

    /** Without our own identifier. */
    private String unnumbered(String text) {
        return text.replace(id, "ID");
    }

    @Test
    void control_whoMay_decidesTenantAndPool() {
        String header = "X-Mailrace-Tenant: Shop.1\r\nX-Mailrace-Pool: fast\r\n";
        ControlField[] both = {ControlField.TENANT, ControlField.POOL};
        take(header + "\r\n.\r\n", Fixture.config(), to("b@c.test", both));
        Submission taken = spool.stored.getLast().submission();
        assertThat(taken.tenant()).isEqualTo("shop.1");
        assertThat(taken.hints().pool()).contains("fast");
        assertThat(take("X-Mailrace-Pool: slow\r\n\r\n.\r\n", Fixture.config(),
                to("b@c.test", both))).isEqualTo("554 5.6.0 X-Mailrace-Pool has a value that "
                        + "means nothing");
        for (String tenant : List.of("", "a b", "a/b", "x".repeat(101), "\u00fc")) {
            assertThat(take("X-Mailrace-Tenant: " + tenant + "\r\n\r\n.\r\n", Fixture.config(),
                    to("b@c.test", both))).startsWith("554 5.6.0 X-Mailrace-Tenant");
        }
        assertThat(take(header + "\r\n.\r\n", Fixture.config(), to("b@c.test",
                ControlField.POOL))).startsWith("550 5.7.1 X-Mailrace-Tenant is not allowed");
        assertThat(take("X-Mailrace-Lane: bulk\r\n\r\n.\r\n", Fixture.config(), to("b@c.test",
                both))).startsWith("550 5.7.1 X-Mailrace-Lane is not allowed");
    }

    private long release(String value) {
        assertThat(take("x-mailrace-not-before: " + value + "\r\n\r\n.\r\n", Fixture.config(),
                to("b@c.test", ControlField.NOT_BEFORE))).startsWith("Received");
        return spool.stored.getLast().submission().options().releaseEpochMillis();
    }

    @Test
    void notBefore_secondsOrADate_isTheRelease() {
        assertThat(release("3600")).isEqualTo(NOW + 3_600_000);
        assertThat(release("0")).isZero();
        assertThat(release("172800")).isEqualTo(NOW + Duration.ofDays(2).toMillis());
        assertThat(release("2023-11-15T23:00:00+01:00")).isEqualTo(1_700_085_600_000L);
        assertThat(release("2023-11-15T22:00:00.5Z")).isEqualTo(1_700_085_600_500L);
        assertThat(release("Wed, 15 Nov 2023 22:00:00 +0000")).isEqualTo(1_700_085_600_000L);
        assertThat(release("Wed,\r\n 15 Nov 2023 22:00:00 GMT")).isEqualTo(1_700_085_600_000L);
        assertThat(release("1999-01-01T00:00:00Z")).isZero();
    }

    @Test
    void notBefore_noTimeOrTooFar_refused() {
        for (String bad : List.of("", "172801", "9999999999", "-5", "tomorrow", "2023-11-15",
                "2023-11-15T22:00:00", "2030-01-01T00:00:00Z", "+999999999-12-31T23:59:59Z",
                "Thu, 15 Nov 2023 22:00:00 +0000")) {
            assertThat(take("X-Mailrace-Not-Before: " + bad + "\r\n\r\n.\r\n", Fixture.config(),
                    to("b@c.test", ControlField.NOT_BEFORE))).as(bad).isEqualTo(
                            "554 5.6.0 X-Mailrace-Not-Before has a value that means nothing");
        }
        assertThat(take("X-Mailrace-Not-Before: 5\r\n\r\n.\r\n")).isEqualTo(
                "550 5.7.1 X-Mailrace-Not-Before is not allowed for this sender");
    }

    @Test
    void notBefore_besideTimesOfMail_laterCountsAndMustComeBeforeTheLast() {
        MailOptions by = MailOptions.NONE.with(new MailOptions.DeliverBy(
                MailOptions.DeliverBy.Mode.RETURN, NOW + 60_000, false));
        for (MailOptions options : List.of(by, MailOptions.NONE.withRelease(NOW + 100_000))) {
            MessageIntake.Sent sent = new MessageIntake.Sent(MailAddress.NULL, List.of(BOB),
                    options,
                    RIGHTS, Set.of(ControlField.NOT_BEFORE), NOW, DATE);
            boolean bounded = options.releaseEpochMillis() == 0;
            assertThat(take("X-Mailrace-Not-Before: 60\r\n\r\n.\r\n", Fixture.config(), sent))
                    .startsWith(bounded ? "554 5.6.0" : "Received");
            take("X-Mailrace-Not-Before: 59\r\n\r\n.\r\n", Fixture.config(), sent);
            assertThat(spool.stored.getLast().submission().options().releaseEpochMillis())
                    .isEqualTo(bounded ? NOW + 59_000 : NOW + 100_000);
        }
    }
}
