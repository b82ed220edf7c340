// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import static org.assertj.core.api.Assertions.assertThat;

import io.mailrace.core.ConfigSource;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Events other than the client's bytes: commits, back-pressure, deadlines, stopping. */
class SmtpSessionTest {
    private static final String[] TO_DATA = {"EHLO c", "MAIL FROM:<a@example.com>",
            "RCPT TO:<b@example.net>", "DATA"};
    private static final Duration IDLE = Duration.ofMinutes(5);

    private static SessionDriver inData() {
        return SessionDriver.relay().say(TO_DATA);
    }

    @Test
    void commit_pending_nothingIsAnsweredBeforeIt() {
        SessionDriver driver = inData();
        driver.spool.commits = RecordingSpool.Commits.HELD;
        driver.say("A: b", "", "x", ".", "NOOP", "MAIL FROM:<c@example.com>");
        assertThat(driver.session.mode()).isEqualTo(SmtpSession.Mode.COMMITTING);
        assertThat(driver.session.listens()).isFalse();
        assertThat(driver.lastLine()).startsWith("354");
        assertThat(driver.session.deadlineNanos()).isEqualTo(Long.MAX_VALUE);
        driver.spool.releaseCommits();
        driver.pump();
        assertThat(driver.codes()).containsExactly(220, 250, 250, 250, 354, 250, 250, 250);
        assertThat(driver.lines.get(driver.lines.size() - 3))
                .isEqualTo("250 2.0.0 queued as " + driver.onlyMessage().id());
        assertThat(driver.accepted.sum()).isEqualTo(1);
    }

    @Test
    void commit_fails_451AndSessionGoesOn() {
        SessionDriver driver = inData();
        driver.spool.commits = RecordingSpool.Commits.FAILING;
        driver.say("A: b", "", ".");
        assertThat(driver.lastLine()).startsWith("451 4.3.0 ");
        assertThat(driver.accepted.sum()).isZero();
        assertThat(driver.told).contains("commit 451");
        driver.spool.commits = RecordingSpool.Commits.AT_ONCE;
        driver.say("MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA", ".");
        assertThat(driver.lastLine()).startsWith("250 2.0.0 queued as ");
    }

    @Test
    void lost_whileCommitting_messageStays() {
        SessionDriver driver = inData();
        driver.spool.commits = RecordingSpool.Commits.HELD;
        driver.say("A: b", "", ".");
        driver.session.lost();
        driver.spool.releaseCommits();
        driver.pump();
        assertThat(driver.spool.stored).hasSize(1);
        assertThat(driver.spool.discarded.get()).isZero();
        assertThat(driver.lastLine()).startsWith("354");
    }

    /** Its content waits for the disk, so its room does too. */
    @Test
    void lost_whileCommitting_keepsItsRoomUntilTheCommit() {
        for (boolean closedBefore : new boolean[]{false, true}) {
            SessionDriver driver = inData();
            driver.spool.commits = RecordingSpool.Commits.HELD;
            driver.say("A: b", "", ".");
            if (closedBefore) {
                driver.session.stopNow();
            }
            driver.session.lost();
            driver.session.lost();
            assertThat(driver.budget.used()).isPositive();
            driver.spool.releaseCommits();
            driver.pump();
            assertThat(driver.budget.used()).isZero();
            assertThat(driver.spool.stored).hasSize(1);
        }
    }

    @Test
    void lost_inTheMiddle_contentIsDropped() {
        SessionDriver driver = inData().say("A: b", "", "half");
        driver.session.lost();
        driver.session.lost();
        assertThat(driver.spool.discarded.get()).isEqualTo(1);
        assertThat(driver.session.listens()).isFalse();
    }

    @Test
    void spoolRefuses_mailIsPutOff() {
        SessionDriver driver = SessionDriver.relay().say("EHLO c");
        driver.spool.refusal = Optional.of("disk full at /var/lib/mailrace");
        driver.say("MAIL FROM:<a@example.com>");
        assertThat(driver.lastLine()).isEqualTo(
                "452 4.3.1 Insufficient system storage, try again later");
        driver.spool.refusal = Optional.empty();
        driver.say("MAIL FROM:<a@example.com>");
        assertThat(driver.lastLine()).startsWith("250");
    }

    @Test
    void spoolFull_contentWaits() {
        SessionDriver driver = inData();
        driver.spool.writable = false;
        driver.say("A: b", "", "text", ".");
        assertThat(driver.session.listens()).isFalse();
        assertThat(driver.session.deadlineNanos()).isEqualTo(Long.MAX_VALUE);
        driver.time.advance(IDLE.multipliedBy(3));
        driver.spool.writable = true;
        driver.spool.incoming.getFirst().becomeWritable();
        driver.pump();
        assertThat(driver.lastLine()).startsWith("250 2.0.0 queued as ");
    }

    @Test
    void spoolFull_waitCountsNeitherAsSilenceNorAsSlowness() {
        SessionDriver driver = inData().say("A: b", "");
        driver.spool.writable = false;
        driver.time.advance(IDLE.multipliedBy(3));
        driver.spool.writable = true;
        driver.session.writableAgain();
        assertThat(driver.session.deadlineNanos() - driver.time.nanos())
                .as("the speed counts after half a minute, the waiting does not")
                .isEqualTo(Duration.ofSeconds(30).toNanos());
    }

    @Test
    void silence_meetsItsDeadline() {
        SessionDriver driver = SessionDriver.relay().say("EHLO c");
        assertThat(driver.session.deadlineNanos() - driver.time.nanos())
                .isEqualTo(IDLE.toNanos());
        driver.session.timedOut();
        assertThat(driver.lastLine()).startsWith("421 4.4.2 ");
        assertThat(driver.closed).isTrue();
    }

    @Test
    void trickledCommand_doesNotMoveTheDeadline() {
        SessionDriver driver = SessionDriver.relay();
        long deadline = driver.session.deadlineNanos();
        for (int i = 0; i < 10; i++) {
            driver.time.advance(Duration.ofSeconds(10));
            driver.feed("N");
        }
        assertThat(driver.session.deadlineNanos()).isEqualTo(deadline);
    }

    @Test
    void trickledContent_meetsTheRateAfterHalfAMinute() {
        SessionDriver driver = inData().say("A: b", "");
        long start = driver.time.nanos();
        while (driver.session.deadlineNanos() > driver.time.nanos()) {
            driver.time.advance(Duration.ofSeconds(1));
            driver.feed("x");
            assertThat(driver.time.nanos() - start).isLessThan(IDLE.toNanos());
        }
        assertThat(Duration.ofNanos(driver.time.nanos() - start))
                .isEqualTo(Duration.ofSeconds(30));
    }

    @Test
    void contentAtTheRate_mayTakeItsTime() {
        SessionDriver driver = inData().say("A: b", "");
        for (int i = 0; i < 60; i++) {
            driver.time.advance(Duration.ofSeconds(4));
            driver.say("x".repeat(998));
            assertThat(driver.session.deadlineNanos()).isGreaterThan(driver.time.nanos());
            if (i % 15 == 14) {
                driver.say(".");
                assertThat(driver.lastLine()).startsWith("250 2.0.0 queued as");
                driver.say("MAIL FROM:<a@b>", "RCPT TO:<b@c>", "DATA");
            }
        }
    }

    @Test
    void stop_idle_endsAtOnce() {
        SessionDriver driver = SessionDriver.relay().say("EHLO c");
        driver.session.stop();
        assertThat(driver.lastLine()).startsWith("421 4.3.2 ");
        assertThat(driver.closed).isTrue();
    }

    @Test
    void stop_inTransaction_finishesIt() {
        SessionDriver driver = inData();
        driver.session.stop();
        assertThat(driver.closed).isFalse();
        driver.say("A: b", "", ".");
        assertThat(driver.codes()).endsWith(250, 421);
        assertThat(driver.closed).isTrue();
        assertThat(driver.spool.stored).hasSize(1);
    }

    @Test
    void stop_thenReset_ends() {
        SessionDriver driver = SessionDriver.relay().say("EHLO c", "MAIL FROM:<a@example.com>");
        driver.session.stop();
        driver.say("RSET");
        assertThat(driver.codes()).endsWith(250, 421);
    }

    @Test
    void stop_beforeTheGreeting_greetsAndEnds() {
        SessionDriver driver = new SessionDriver(Fixture.config(), "relay");
        driver.session.stop();
        driver.open();
        assertThat(driver.codes()).containsExactly(421);
        assertThat(driver.closed).isTrue();
    }

    @Test
    void stopNow_whileCommitting_doesNotDropTheMessage() {
        SessionDriver driver = inData();
        driver.spool.commits = RecordingSpool.Commits.HELD;
        driver.say("A: b", "", ".");
        driver.session.stopNow();
        driver.spool.releaseCommits();
        driver.pump();
        assertThat(driver.spool.stored).hasSize(1);
        assertThat(driver.spool.discarded.get()).isZero();
        assertThat(driver.codes()).endsWith(421);
    }

    @Test
    void verdict_busy_454AndAnotherTry() {
        SessionDriver driver = SessionDriver.opened("submissions").say("EHLO c");
        driver.answersLogins = false;
        driver.say("AUTH PLAIN " + Fixture.plainLogin("alice", "x"));
        driver.session.verdict(new LoginCheck.Verdict.Busy());
        assertThat(driver.lastLine()).startsWith("454 4.7.0 ");
        assertThat(driver.closed).isFalse();
        driver.say("AUTH PLAIN " + Fixture.plainLogin("alice", "x"));
        driver.session.verdict(new LoginCheck.Verdict.Braked());
        assertThat(driver.lastLine()).startsWith("421 4.7.0 ");
        assertThat(driver.closed).isTrue();
    }

    @Test
    void submission_carriesUserTenantAndOptions() {
        SessionDriver driver = SessionDriver.opened("submissions").say("EHLO c",
                "AUTH PLAIN " + Fixture.plainLogin(Fixture.USER, Fixture.PASSWORD),
                "MAIL FROM:<a@example.com> RET=FULL ENVID=e1 BODY=8BITMIME",
                "RCPT TO:<b@example.net> NOTIFY=NEVER", "RCPT TO:<b@example.net>",
                "RCPT TO:<c@example.net> ORCPT=rfc822;c@d", "DATA", "A: b", "", ".");
        var submission = driver.onlyMessage().submission();
        assertThat(submission.tenant()).isEqualTo("alice");
        assertThat(submission.from().user()).isEqualTo("alice");
        assertThat(submission.from().listener()).isEqualTo("submissions");
        assertThat(submission.from().tls()).isNotEmpty();
        assertThat(submission.options().envid()).isEqualTo("e1");
        assertThat(submission.recipients()).hasSize(2);
        assertThat(submission.recipients().getFirst().notifyFlags()).isEqualTo(1);
        assertThat(submission.recipients().getLast().orcpt()).isEqualTo("rfc822;c@d");
        assertThat(driver.onlyMessage().text()).doesNotContain("alice").doesNotContain("for <");
    }

    @Test
    void received_namesTheOnlyRecipientAndCleansTheName() {
        SessionDriver driver = SessionDriver.relay().say("EHLO %s<x>/../${y}",
                "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA", "A: b", "", ".");
        assertThat(driver.onlyMessage().text()).startsWith(
                "Received: from -s-x--..---y- ([127.0.0.1])\r\n\tby mta.test with ESMTP id "
                        + driver.onlyMessage().id() + "\r\n\tfor <b@example.net>;\r\n\tTue, 14 Nov "
                        + "2023 22:13:20 +0000\r\n");
    }

    @Test
    void swallowing_hasABound() {
        SessionDriver driver = inData();
        String line = "x".repeat(998) + "\r\n";
        for (int i = 0; i < 70 && !driver.closed; i++) {
            driver.feed(line);
        }
        assertThat(driver.closed).isTrue();
        assertThat(driver.lastLine()).startsWith("552 5.3.4");
        assertThat(driver.spool.discarded.get()).isEqualTo(1);
    }

    @Test
    void bytesAfterStartTls_inTheNextSegment_close() {
        SessionDriver driver = SessionDriver.opened("submission").say("STARTTLS");
        driver.say("EHLO x", "MAIL FROM:<evil@example.com>");
        assertThat(driver.closed).isTrue();
        assertThat(driver.codes()).containsExactly(220, 220);
    }

    @Test
    void errors_forgottenAfterAnAcceptedMessage() {
        SessionDriver driver = SessionDriver.relay();
        for (int i = 0; i < 4; i++) {
            driver.say("WHAT", "WHAT", "WHAT", "EHLO c", "MAIL FROM:<a@example.com>",
                    "RCPT TO:<b@example.net>", "DATA", "A: b", "", ".");
        }
        assertThat(driver.closed).isFalse();
        assertThat(driver.spool.stored).hasSize(4);
    }

    /**
     * TLS that begins after XCLIENT is the balancer's: what its certificate permits is not its
     * client's to use.
     */
    @Test
    void xclient_thenStarttlsWithCertificate_isNobody() {
        Identity balancer = new Identity("alice", UserRights.of("alice"));
        for (String attributes : List.of("ADDR=198.51.100.7", "ADDR=[UNAVAILABLE]",
                "ADDR=198.51.100.7 LOGIN=alice", "LOGIN=alice")) {
            SessionDriver driver = SessionDriver.opened("balanced-login");
            driver.say("EHLO balancer", "XCLIENT " + attributes, "EHLO client", "STARTTLS");
            assertThat(driver.tlsAsked).isTrue();
            driver.session.tlsEstablished("TLSv1.3 TEST", Optional.of(balancer));
            driver.say("EHLO client");
            assertThat(driver.replyText()).as(attributes).doesNotContain("EXTERNAL");
            driver.say("MAIL FROM:<a@example.com>");
            assertThat(driver.lastLine()).as(attributes).startsWith("530 5.7.0");
            driver.say("AUTH EXTERNAL =");
            assertThat(driver.lastLine()).as(attributes).startsWith("504");
        }
    }

    /** A balancer that speaks for itself shows its own. */
    @Test
    void starttlsWithCertificate_withoutXclient_isItsOwner() {
        SessionDriver driver = SessionDriver.opened("balanced-login");
        driver.say("EHLO balancer", "STARTTLS");
        driver.session.tlsEstablished("TLSv1.3 TEST",
                Optional.of(new Identity("alice", UserRights.of("alice"))));
        driver.say("EHLO balancer", "MAIL FROM:<a@example.com>");
        assertThat(driver.lastLine()).startsWith("250 2.1.0");
    }

    /** Clients leave out the encoding as soon as it is offered, and few receivers take that. */
    @Test
    void binarymime_byDefault_isNeitherOfferedNorTaken() {
        SessionDriver driver = new SessionDriver(Fixture.config("submission.binarymime = false"),
                "relay");
        driver.open();
        driver.say("EHLO c");
        assertThat(driver.replyText()).contains("250-CHUNKING").doesNotContain("BINARYMIME");
        assertThat(driver.say("MAIL FROM:<a@b> BODY=BINARYMIME").lastLine())
                .isEqualTo("555 5.5.4 Parameter not recognized");
        assertThat(driver.say("MAIL FROM:<a@b> BODY=8BITMIME").lastLine()).startsWith("250");
        assertThat(ConfigSource.ofText("").root().section("submission").flag("binarymime"))
                .isFalse();
    }

    /** Whom the balancer cannot name shares its address: limits and the brake count them as one. */
    @Test
    void xclient_unavailable_countsAsTheBalancer() {
        SessionDriver driver = SessionDriver.opened("balanced-login");
        driver.say("EHLO balancer", "XCLIENT ADDR=[UNAVAILABLE]");
        ClientOrigin unknown = driver.became.getFirst();
        assertThat(unknown.client()).isEqualTo(InetAddress.getLoopbackAddress());
        assertThat(unknown.relaysFrom()).isFalse();
        assertThat(unknown.speaksForOthers()).isFalse();
        assertThat(unknown.spokenFor()).isTrue();
    }
}
