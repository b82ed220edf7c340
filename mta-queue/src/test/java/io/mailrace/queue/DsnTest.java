// SPDX-License-Identifier: Apache-2.0
package io.mailrace.queue;

import static io.mailrace.queue.SpoolFixture.address;
import static io.mailrace.queue.SpoolFixture.bounced;
import static io.mailrace.queue.SpoolFixture.deferred;
import static io.mailrace.queue.SpoolFixture.delivered;
import static io.mailrace.queue.SpoolFixture.facts;
import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ContentFacts;
import io.mailrace.core.Disposition;
import io.mailrace.core.Event;
import io.mailrace.core.Lane;
import io.mailrace.core.MailAddress;
import io.mailrace.core.MailOptions;
import io.mailrace.core.Recipient;
import io.mailrace.core.SmtpReply;
import io.mailrace.core.SpoolId;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Notifications as their reader gets them: taken from the spool and read part by part. */
class DsnTest {
    private static final byte[] MESSAGE = """
            From: app@example.com
            To: bob@example.net
            Subject: hello

            .the body
            """.replace("\n", "\r\n").getBytes(StandardCharsets.US_ASCII);

    @TempDir
    Path directory;

    /** A notification cut at its boundaries. */
    private record Dsn(Envelope envelope, String header, List<String> parts) {
        String human() {
            return parts.get(0);
        }

        String fields() {
            return parts.get(1);
        }

        String original() {
            return parts.get(2);
        }
    }

    private static Dsn parse(SpoolFixture fixture, Envelope envelope) {
        byte[] bytes = fixture.read(envelope);
        assertThat(envelope.facts().sizeBytes()).isEqualTo(bytes.length);
        String text = new String(bytes, StandardCharsets.UTF_8);
        assertThat(text.replace("\r\n", "")).doesNotContain("\r").doesNotContain("\n");
        int end = text.indexOf("\r\n\r\n");
        String header = text.substring(0, end + 2);
        String boundary = header.substring(header.indexOf("boundary=\"") + 10);
        boundary = boundary.substring(0, boundary.indexOf('"'));
        assertThat(text).endsWith("\r\n--" + boundary + "--\r\n");
        List<String> parts = new ArrayList<>(
                List.of(text.substring(end).split("\r\n--" + boundary + "(--)?\r\n")));
        parts.removeFirst();
        return new Dsn(envelope, header, parts);
    }

    private static Submission from(String sender, MailOptions options, ContentFacts facts,
            Recipient... recipients) {
        return new Submission(sender.isEmpty() ? MailAddress.NULL : address(sender),
                List.of(recipients), options, facts, "default", Event.Intake.LOCAL);
    }

    @Test
    void bounce_tellsPeopleAndMachines() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(MESSAGE, from("app@example.com",
                    MailOptions.NONE.withEnvid("QQ+2B314"),
                    facts(MESSAGE), new Recipient(address("bob@example.net"), 0,
                            "rfc822;Bob+2Bx@example.org")));
            fixture.settle(fixture.take("example.net"), bounced());
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.envelope.sender().isNull()).isTrue();
            assertThat(dsn.header).contains("From: Mail Delivery System "
                    + "<mailer-daemon@mta.example.com>\r\n", "To: <app@example.com>\r\n",
                    "Auto-Submitted: auto-replied\r\n", "In-Reply-To: <1@example.com>\r\n",
                    "report-type=delivery-status", "Date: ", "Message-ID: <dsn.");
            assertThat(dsn.parts).hasSize(3);
            assertThat(dsn.human()).startsWith("Content-Type: text/plain")
                    .contains("<bob@example.net>", "was refused by mx.example.net: 550 no such");
            assertThat(dsn.fields()).startsWith("Content-Type: message/delivery-status\r\n")
                    .contains("\r\nOriginal-Envelope-Id: QQ+314\r\n",
                            "\r\nReporting-MTA: dns; mta.example.com\r\n",
                            "\r\n\r\nOriginal-Recipient: rfc822; Bob+x@example.org\r\n",
                            "\r\nFinal-Recipient: rfc822; bob@example.net\r\n",
                            "\r\nAction: failed\r\n", "\r\nStatus: 5.1.1\r\n",
                            "\r\nRemote-MTA: dns; mx.example.net\r\n",
                            "\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n");
            assertThat(dsn.original()).startsWith("Content-Type: text/rfc822-headers\r\n\r\n")
                    .contains("Subject: hello\r\n").doesNotContain("the body");
            assertThat(fixture.events(id)).filteredOn(Event.DsnSent.class::isInstance).hasSize(1)
                    .first().extracting(event -> ((Event.DsnSent) event).dsn())
                    .isEqualTo(dsn.envelope.id());
        }
    }

    @Test
    void bounceOfADsn_isOmitted() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(MESSAGE, from("", MailOptions.NONE, facts(MESSAGE),
                    new Recipient(address("bob@example.net"))));
            fixture.settle(fixture.take("example.net"), bounced());
            assertThat(fixture.spool.queues().waiting()).isZero();
            assertThat(fixture.events(id)).hasAtLeastOneElementOfType(Event.DsnOmitted.class);
        }
    }

    @Test
    void notify_isRespected() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            SpoolId id = fixture.accept(MESSAGE, from("app@example.com", MailOptions.NONE,
                    facts(MESSAGE),
                    new Recipient(address("never@example.net"), Recipient.NOTIFY_NEVER, ""),
                    new Recipient(address("success@example.net"), Recipient.NOTIFY_SUCCESS, ""),
                    new Recipient(address("both@example.net"),
                            Recipient.NOTIFY_SUCCESS | Recipient.NOTIFY_FAILURE, "")));
            fixture.settle(fixture.take("example.net"), bounced(), bounced(), bounced());
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.fields()).contains("both@").doesNotContain("never@", "success@");
            assertThat(fixture.events(id)).hasAtLeastOneElementOfType(Event.DsnOmitted.class);
        }
    }

    @Test
    void success_isReportedAsRelayedOnlyWhenThePeerWillNot() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            Recipient wants = new Recipient(address("bob@example.net"), Recipient.NOTIFY_SUCCESS,
                    "");
            Submission submission = from("app@example.com", MailOptions.NONE, facts(MESSAGE),
                    wants);
            fixture.accept(MESSAGE, submission);
            fixture.settle(fixture.take("example.net"), true, delivered()).get();
            assertThat(fixture.spool.queues().waiting()).isZero();
            fixture.accept(MESSAGE, submission);
            fixture.settle(fixture.take("example.net"), false, delivered()).get();
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.fields()).contains("Action: relayed\r\n", "Status: 2.0.0\r\n");
            assertThat(dsn.header).contains("Subject: Mail was relayed");
        }
    }

    @Test
    void retFull_returnsTheMessage() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            MailOptions full = MailOptions.NONE.with(MailOptions.Ret.FULL);
            fixture.accept(MESSAGE, from("app@example.com", full, facts(MESSAGE),
                    new Recipient(address("bob@example.net"))));
            fixture.settle(fixture.take("example.net"), bounced());
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.original()).isEqualTo("Content-Type: message/rfc822\r\n\r\n"
                    + new String(MESSAGE, StandardCharsets.US_ASCII));
            assertThat(dsn.envelope.facts().leadingDot()).isTrue();
        }
    }

    /** RFC 3030 3: what is no text cannot stand in a text; its header can. */
    @Test
    void retFull_ofBinaryContent_returnsItsHeaderOnly() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            byte[] content = String.join("\r\n", "Subject: hello",
                    "Content-Transfer-Encoding: binary", "", "body\0\n\r", ".", "")
                    .getBytes(StandardCharsets.US_ASCII);
            ContentFacts plain = facts(content);
            SpoolId id = fixture.accept(content, from("app@example.com", MailOptions.NONE
                    .with(MailOptions.Body.BINARY_MIME).with(MailOptions.Ret.FULL),
                    new ContentFacts(content.length, false, false, true, false, true,
                            plain.fromDomain(), plain.messageId(), ""),
                    new Recipient(address("bob@example.net"))));
            Envelope taken = fixture.take("example.net");
            assertThat(fixture.read(taken)).isEqualTo(content);
            fixture.settle(taken, bounced());
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.original()).startsWith("Content-Type: text/rfc822-headers\r\n\r\n")
                    .contains("Subject: hello\r\n", "Content-Transfer-Encoding: binary\r\n")
                    .doesNotContain("body").doesNotContain("\0");
            assertThat(dsn.envelope.facts().binary()).isFalse();
            assertThat(dsn.envelope.options().body()).isEqualTo(MailOptions.Body.SEVEN_BIT);
            assertThat(fixture.events(id)).anyMatch(Event.DsnSent.class::isInstance);
        }
    }

    /** What was announced as binary and is text can be returned like any other. */
    @Test
    void retFull_ofTextAnnouncedAsBinary_returnsAll() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            fixture.accept(MESSAGE, from("app@example.com", MailOptions.NONE
                    .with(MailOptions.Body.BINARY_MIME).with(MailOptions.Ret.FULL), facts(MESSAGE),
                    new Recipient(address("bob@example.net"))));
            fixture.settle(fixture.take("example.net"), bounced());
            assertThat(parse(fixture, fixture.take("example.com")).original())
                    .contains("the body");
        }
    }

    @Test
    void retFull_ofALargeMessage_returnsItsHeaderOnly() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            byte[] large = (new String(MESSAGE, StandardCharsets.US_ASCII)
                    + "0123456789\r\n".repeat(20_000)).getBytes(StandardCharsets.US_ASCII);
            MailOptions full = MailOptions.NONE.with(MailOptions.Ret.FULL);
            fixture.accept(large, from("app@example.com", full, facts(large),
                    new Recipient(address("bob@example.net"))));
            fixture.settle(fixture.take("example.net"), bounced());
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.original()).contains("text/rfc822-headers").doesNotContain("012345");
        }
    }

    @Test
    void utf8Addresses_useTheFormsOfRfc6533() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            byte[] utf8 = "Subject: gr\u00fc\u00dfe\r\n\r\nbody\r\n"
                    .getBytes(StandardCharsets.UTF_8);
            MailOptions options = MailOptions.NONE.with(MailOptions.Body.EIGHT_BIT_MIME)
                    .withSmtputf8(true).with(MailOptions.Ret.HEADERS);
            fixture.accept(utf8, from("j\u00f6rg@example.com", options, facts(utf8),
                    new Recipient(address("\u4f60@example.net"))));
            fixture.settle(fixture.take("example.net"), bounced());
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.header).contains("report-type=global-delivery-status",
                    "To: <j\u00f6rg@example.com>");
            assertThat(dsn.fields()).startsWith("Content-Type: message/global-delivery-status\r\n")
                    .contains("Final-Recipient: utf-8; \u4f60@example.net");
            assertThat(dsn.original()).startsWith("Content-Type: message/global-headers\r\n"
                    + "Content-Transfer-Encoding: 8bit").contains("gr\u00fc\u00dfe");
            assertThat(dsn.envelope.options().smtputf8()).isTrue();
            assertThat(dsn.envelope.facts().utf8Header()).isTrue();
            assertThat(dsn.envelope.facts().eightBit()).isTrue();
        }
    }

    /** What a sender or a peer wrote cannot forge a line of the notification. */
    @Test
    void injection_isHarmless() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            byte[] content = "Subject: x\r\n--=_0\r\nAction: delivered\r\n\r\n"
                    .getBytes(StandardCharsets.US_ASCII);
            MailOptions options = MailOptions.NONE.with(MailOptions.Ret.FULL)
                    .withEnvid("a+0D+0AAction:+20delivered");
            fixture.accept(content, from("app@example.com", options, facts(content),
                    new Recipient(address("bob@example.net"), 0, "rfc822;b+0AAction: delivered")));
            Disposition refusal = new Disposition.Bounced(
                    SmtpReply.of(550, "5.7.1", "no\r\nAction: delivered\u0007"));
            fixture.settle(fixture.take("example.net"), refusal);
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.parts).hasSize(3);
            assertThat(dsn.fields()).doesNotContain("\r\nAction: delivered")
                    .contains("Original-Envelope-Id: a+0D+0AAction:+20delivered\r\n")
                    .contains("Diagnostic-Code: smtp; 550 5.7.1 no??Action: delivered?\r\n");
        }
    }

    @Test
    void aThousandRecipients_areAllListed() {
        try (SpoolFixture fixture = new SpoolFixture(directory)) {
            Recipient[] recipients = new Recipient[1000];
            Disposition[] dispositions = new Disposition[1000];
            SmtpReply wordy = SmtpReply.of(550, "5.1.1", "x".repeat(900));
            for (int i = 0; i < 1000; i++) {
                recipients[i] = new Recipient(address("user" + i + "@example.net"));
                dispositions[i] = new Disposition.Bounced(wordy);
            }
            fixture.accept(MESSAGE,
                    from("app@example.com", MailOptions.NONE, facts(MESSAGE), recipients));
            fixture.settle(fixture.take("example.net"), dispositions);
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.fields().split("Action: failed")).hasSize(1001);
            assertThat(dsn.human()).contains("and 980 more");
        }
    }

    @Test
    void deferredTooLong_expiresWithOneNotification() {
        try (SpoolFixture fixture = new SpoolFixture(directory,
                "retry.default { intervals = [30m], max-age = 1h }")) {
            SpoolId id = fixture.accept(MESSAGE, "bob@example.net");
            int attempts = 0;
            while (fixture.spool.queues().find(SpoolFixture.key("example.com")).isEmpty()) {
                assertThat(attempts++).isLessThan(4);
                fixture.settle(fixture.take("example.net"), deferred());
                fixture.time.advance(Duration.ofMinutes(34));
            }
            // The last attempt comes when the age is reached, not an interval later.
            assertThat(attempts).isBetween(3, 4);
            Dsn dsn = parse(fixture, fixture.take("example.com"));
            assertThat(dsn.fields()).contains("Action: failed\r\n", "Status: 4.4.7\r\n",
                    "Diagnostic-Code: smtp; 451 4.3.0 come again\r\n");
            assertThat(fixture.events(id)).filteredOn(Event.Expired.class::isInstance).hasSize(1);
            assertThat(fixture.waiting("example.net")).isZero();
        }
    }

    @Test
    void dsnLane_isNeverBulk() {
        try (SpoolFixture fixture = new SpoolFixture(directory,
                "routes = [ { when { tenant = default }, lane = bulk, pool = slow } ]")) {
            fixture.accept(MESSAGE, "bob@example.net");
            QueueKey key = new QueueKey(Lane.BULK, "default", "example.net", "slow");
            Envelope envelope = fixture.spool.queues().find(key).orElseThrow().take(1).getFirst();
            fixture.settle(envelope, bounced());
            assertThat(fixture.spool.queues().statuses()).extracting(QueueStatus::key)
                    .containsExactly(
                            new QueueKey(Lane.DEFAULT, "default", "example.com", "slow"));
        }
    }

    @Test
    void xtext_decodesOnlyPrintableText() {
        assertThat(Xtext.decode("a+2Bb+3Dc")).isEqualTo("a+b=c");
        assertThat(Xtext.decode("a+00b")).isEqualTo("a+00b");
        assertThat(Xtext.decode("a+")).isEqualTo("a+");
        assertThat(Xtext.decode("a+4")).isEqualTo("a+4");
        assertThat(Xtext.decode("a\r\nb")).isEmpty();
        assertThat(Xtext.decode("x".repeat(600))).isEmpty();
    }
}
