// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import io.mailrace.core.Disposition;
import io.mailrace.core.NextTry;
import io.mailrace.core.ReplyClass;
import io.mailrace.core.SmtpReply;
import io.mailrace.delivery.ReplyClassifier.Effect;
import io.mailrace.delivery.ReplyClassifier.Failure;
import io.mailrace.delivery.ReplyClassifier.Fate;
import io.mailrace.delivery.ReplyClassifier.Verdict;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The dialogue with one peer over one connection (RFC 5321): a state machine without I/O. Events
 * come in (connected, reply, TLS up, content sent, lost, mail at hand); what is to be done goes to
 * a {@link Wire}. Confined to its event loop. At most two messages are under way: one whose content
 * is out, and the next one's commands behind it (RFC 2920 3.1).
 */
final class SmtpClientSession {
    /* Promises
     *
     * One reply for each command, in order: each command puts what it expects at the end of a
     * queue, each reply takes the head. A reply that nobody expects, or anything behind the last
     * expected one, means the peer is out of step: the connection ends and nothing at hand counts
     * as delivered.
     *
     * A mail that was given to the session ends in exactly one call: finished (every recipient
     * decided) or handBack (nothing happened to it).
     *
     * Grouping. With PIPELINING: MAIL, all RCPT and DATA in one group; behind the final dot the
     * next message's MAIL, RCPT, DATA. So a message costs one round trip. With CHUNKING too a
     * small content goes into the group at once (BDAT LAST): one round trip even for a single
     * message; then there is no looking ahead, since there is nothing to gain. A large content
     * waits for the recipients' replies, and so does a small one behind another message.
     *
     * RSET is sent only where a transaction was left open: RCPT accepted by nobody, DATA or BDAT
     * refused. It leads the next message's group.
     *
     * Long because a dialogue is to be read in one piece: what may follow what is all here.
     */

    /** What the session wants done, in order. */
    interface Wire {
        /** Adds one command line, without its CRLF, to the present group. */
        void send(String command);

        /**
         * Adds signature and content, dot-stuffed and ended by the final dot, or as they are for
         * BDAT; then calls {@link SmtpClientSession#contentSent}.
         */
        void sendContent(Attempt attempt, boolean dots);

        /** Begins the handshake. */
        void startTls();

        /** The next mail if one is at hand. */
        @Nullable
        Attempt next();

        /** The peer takes mail: the connection has proven itself. */
        void established();

        /** There is nothing to send at the moment. */
        void idle();

        /** Every recipient has its disposition. */
        void finished(Attempt attempt, boolean peerTakesDsn);

        /** Nothing happened to it. */
        void handBack(Attempt attempt);

        /**
         * What a refusal means; asked once for each.
         *
         * @param attempt it is about; null when it is about none
         */
        Ruling judge(Stage stage, SmtpReply reply, @Nullable Attempt attempt);

        /** Ends the connection. The session does nothing any more. */
        void close(Ending ending);

        /** Whether the peer proved to be who the mail is for (REQUIRETLS, RFC 8689 4.2.1). */
        boolean authenticated(Attempt attempt);
    }

    private record Expected(Stage stage, @Nullable Transaction transaction, int recipient) {}

    static final int MAX_HAND_BACKS = 3;

    private final SessionTerms terms;
    private final Wire wire;
    private final ArrayDeque<Expected> expected = new ArrayDeque<>();
    private Capabilities offered = Capabilities.NONE;
    private @Nullable Transaction streaming;
    private boolean tls;
    private boolean handshaking;
    private boolean established;
    private boolean needsReset;
    private boolean draining;
    private boolean closed;
    private int messages;
    private int logins;
    private int recipientLimit;

    SmtpClientSession(SessionTerms terms, Wire wire) {
        this.terms = terms;
        this.wire = wire;
        recipientLimit = terms.recipientsPerTransaction();
    }

    /** Where the dialogue is: decides the time-out. */
    Stage stage() {
        if (handshaking) {
            return Stage.TLS;
        }
        Expected head = expected.peek();
        return head == null ? Stage.IDLE : stageOf(head);
    }

    /** Whether it waits for mail. */
    boolean idle() {
        return established && expected.isEmpty() && !closed && !handshaking;
    }

    boolean established() {
        return established;
    }

    boolean encrypted() {
        return tls;
    }

    /** Messages begun on this connection. */
    int messages() {
        return messages;
    }

    /** TCP is up. */
    void connected() {
        if (terms.hop().implicitTls()) {
            handshaking = true;
            wire.startTls();
        } else {
            expect(Stage.GREETING, null, 0);
        }
    }

    /** The handshake is done: all that was said before is forgotten (RFC 3207 4.2). */
    void tlsEstablished() {
        handshaking = false;
        tls = true;
        offered = Capabilities.NONE;
        if (terms.hop().implicitTls()) {
            expect(Stage.GREETING, null, 0);
        } else {
            hello();
        }
    }

    private void hello() {
        say(Stage.EHLO, (terms.hop().lmtp() ? "LHLO " : "EHLO ") + terms.ehlo());
    }

    /** There may be mail: asks for it when idle. */
    void mailAtHand() {
        if (idle()) {
            advance();
        }
    }

    /** Finishes what runs, then says QUIT. */
    void drain() {
        draining = true;
        if (idle()) {
            advance();
        }
    }

    /** The content and its end are handed over; the place to look ahead (RFC 2920 3.1). */
    void contentSent() {
        Transaction sent = streaming;
        if (sent == null || closed) {
            return;
        }
        streaming = null;
        sent.endContent();
        if (!bdat(sent) && pipelining() && terms.lookAhead() && mayBegin() && sent.coversRest()) {
            beginNext();
        }
    }

    /**
     * One reply.
     *
     * @param surplus bytes follow it that do not begin a 421
     */
    void reply(SmtpReply reply, boolean surplus) {
        if (closed) {
            return;
        }
        Expected asked = expected.poll();
        if (asked == null) {
            fail(new Expected(Stage.IDLE, null, 0), reply.code() == 421 ? Failure.CLOSING
                    : Failure.OUT_OF_STEP, reply);
        } else if (surplus && expected.isEmpty() && asked.stage() != Stage.QUIT) {
            fail(asked, Failure.OUT_OF_STEP, ours("4.5.0", "sent more replies than were asked "
                    + "for, the first: " + reply));
        } else if (asked.stage() != Stage.QUIT && reply.code() == 421) {
            fail(asked, Failure.CLOSING, reply);
        } else {
            answered(asked, reply);
        }
    }

    /** The connection failed, ended, timed out, or must end for a reason of ours. */
    void lost(Failure failure, String detail) {
        if (closed) {
            return;
        }
        Stage at = stage();
        Expected head = expected.poll();
        SmtpReply reply = at == Stage.TLS
                ? SmtpReply.of(451, "4.7.5", terms.peer() + " failed in TLS: " + detail)
                : switch (failure) {
                    case TIMEOUT -> ours("4.4.2", "timed out " + at.words());
                    case GARBAGE, OUT_OF_STEP -> ours("4.5.0", "made no sense " + at.words()
                            + ": " + detail);
                    case LOCAL -> SmtpReply.of(451, "4.3.0", "local trouble " + at.words()
                            + ": " + detail);
                    case TRANSIENT, PERMANENT, CLOSING, LOST -> ours("4.4.2",
                            "was lost " + at.words() + ": " + detail);
                };
        fail(head == null ? new Expected(at, null, 0) : head, failure, reply);
    }

    private SmtpReply ours(String status, String text) {
        return SmtpReply.of(451, status, terms.peer() + " " + text);
    }

    private void answered(Expected asked, SmtpReply reply) {
        switch (asked.stage()) {
            case GREETING -> {
                if (reply.code() == 220) {
                    hello();
                } else {
                    refused(asked, reply);
                }
            }
            case EHLO, HELO -> greeted(asked, reply);
            case AUTH -> loggedIn(asked, reply);
            case STARTTLS -> {
                if (reply.code() == 220) {
                    handshaking = true;
                    wire.startTls();
                } else {
                    refused(asked, reply);
                }
            }
            case RSET -> {
                if (reply.isPositive()) {
                    mailIfAlone(asked);
                } else {
                    refused(asked, reply);
                }
            }
            case MAIL -> mailAnswered(asked, reply);
            case RCPT -> recipientAnswered(asked, reply);
            case DATA -> dataAnswered(asked, reply);
            case END_OF_DATA -> endAnswered(asked, reply);
            case QUIT -> end(Ending.ORDERLY);
            case DNS, SIGNING, BIND, CONNECT, TLS, IDLE, CONTENT ->
                throw new IllegalStateException("no command is answered at " + asked.stage());
        }
    }

    private void greeted(Expected asked, SmtpReply reply) {
        if (reply.code() != 250) {
            refused(asked, reply);
            return;
        }
        offered = asked.stage() == Stage.EHLO ? Capabilities.of(reply) : Capabilities.NONE;
        boolean must = terms.proof().encrypted();
        boolean wanted = !tls && (must
                || (terms.proof() != TlsProof.CLEAR_TEXT && !terms.clearText()));
        if (wanted && offered.startTls()) {
            say(Stage.STARTTLS, "STARTTLS");
        } else if (wanted && must) {
            fail(new Expected(Stage.STARTTLS, null, 0), Failure.PERMANENT,
                    SmtpReply.of(451, "4.7.5", terms.peer() + " offers no TLS but it is "
                            + required()));
        } else if (terms.hop().login().isPresent()) {
            logIn(terms.hop().login().get());
        } else {
            ready();
        }
    }

    private void ready() {
        established = true;
        wire.established();
        advance();
    }

    /** By PLAIN or LOGIN (RFC 4616, RFC 4954), in the clear only when TLS is switched off. */
    private void logIn(SmartHostConfig.Login login) {
        boolean plain = offered.auth().contains("PLAIN");
        if (!tls && terms.proof() != TlsProof.CLEAR_TEXT) {
            fail(new Expected(Stage.AUTH, null, 0), Failure.PERMANENT, ours("4.7.11",
                    "offers no TLS: the password is not sent in the clear"));
        } else if (plain) {
            say(Stage.AUTH, "AUTH PLAIN " + base64("\0" + login.user() + "\0"
                    + login.password()));
        } else if (offered.auth().contains("LOGIN")) {
            say(Stage.AUTH, "AUTH LOGIN");
        } else {
            fail(new Expected(Stage.AUTH, null, 0), Failure.PERMANENT, ours("4.7.0",
                    "offers neither AUTH PLAIN nor LOGIN"));
        }
    }

    private void loggedIn(Expected asked, SmtpReply reply) {
        SmartHostConfig.Login login = terms.hop().login().orElseThrow();
        boolean asks = reply.code() == 334 && !offered.auth().contains("PLAIN");
        if (reply.code() == 235) {
            ready();
        } else if (asks && logins < 2) {
            logins++;
            say(Stage.AUTH, base64(logins == 1 ? login.user() : login.password()));
        } else {
            refused(asked, reply);
        }
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private String required() {
        return switch (terms.proof()) {
            case DANE -> "required by its TLSA records (DANE)";
            case NAME -> "required by MTA-STS or by delivery.tls";
            case CLEAR_TEXT, NOTHING, NAME_WATCHED, ENCRYPTION -> "required";
        };
    }

    /** A command that is not about mail was not answered as it should be. */
    private void refused(Expected asked, SmtpReply reply) {
        Failure failure = ReplyClassifier.failureOf(asked.stage(), reply);
        if (ReplyClassifier.verdict(asked.stage(), failure).effect() == Effect.SAY_HELO
                && !terms.hop().lmtp()) {
            say(Stage.HELO, "HELO " + terms.ehlo());
            return;
        }
        boolean required = asked.stage() == Stage.STARTTLS && terms.proof().encrypted();
        fail(asked, failure, required ? SmtpReply.of(451, "4.7.5",
                terms.peer() + " refused STARTTLS but TLS is " + required() + ": " + reply)
                : failure == Failure.GARBAGE
                        ? ours("4.5.0", "made no sense " + asked.stage().words() + ": " + reply)
                        : reply);
    }

    // ------------------------------------------------------------------ transactions

    /** Nothing is expected: the next message, or QUIT, or rest. */
    private void advance() {
        if (closed || !expected.isEmpty()) {
            return;
        }
        if (!mayBegin()) {
            say(Stage.QUIT, "QUIT");
        } else if (!beginNext() && !closed) {
            wire.idle();
        }
    }

    private boolean mayBegin() {
        return !draining && messages < Math.min(terms.messages(), offered.limits().mails());
    }

    /** Begins the next mail at hand that this peer can take; false when there is none. */
    private boolean beginNext() {
        for (Attempt next = wire.next(); next != null; next = mayBegin() ? wire.next() : null) {
            if (begin(next)) {
                return true;
            }
        }
        return false;
    }

    /** False when a rule of ours decided every recipient without asking the peer. */
    private boolean begin(Attempt attempt) {
        boolean tlsOnly = attempt.envelope().options().requireTls();
        if (tlsOnly && !tls && terms.proof() != TlsProof.CLEAR_TEXT) {
            // what it offers in the clear does not say that it never takes such mail, and whoever
            // is on the way can take STARTTLS out
            attempt.decideRest(new Disposition.Deferred(ours("4.7.10", (terms.clearText()
                    ? "failed in TLS lately"
                    : "offers no TLS") + ", but REQUIRETLS was asked for")));
        }
        if (MailCommands.tooLate(attempt)) {
            // the queue gives it up: to it that is mail grown too old
            attempt.decideRest(new Disposition.Deferred(ours("4.4.7", "is asked no more: the time "
                    + "to deliver by is over")));
        }
        Optional<SmtpReply> never = MailCommands.obstacle(attempt, offered, chunks(),
                terms.hop().lmtp(), terms.peer());
        never.ifPresent(reply -> attempt.decideRest(new Disposition.Bounced(reply)));
        if (tlsOnly && !attempt.decided() && !wire.authenticated(attempt)) {
            attempt.decideRest(new Disposition.Deferred(ours("4.7.10", "did not prove who it is, "
                    + "but REQUIRETLS was asked for")));
        }
        if (!attempt.decided()) {
            MailCommands.refuseUtf8Recipients(attempt, offered, terms.peer());
        }
        if (attempt.decided()) {
            wire.finished(attempt, offered.dsn());
            return false;
        }
        Transaction transaction = new Transaction(attempt, Math.min(recipientLimit,
                offered.limits().recipients()), offered.limits().domains(), messages > 0);
        messages++;
        if (needsReset) {
            needsReset = false;
            say(Stage.RSET, "RSET", transaction, 0);
            if (!pipelining()) {
                return true;
            }
        }
        sendMail(transaction);
        return true;
    }

    private void mailIfAlone(Expected asked) {
        if (!pipelining() && asked.transaction() != null) {
            sendMail(asked.transaction());
        }
    }

    private void sendMail(Transaction transaction) {
        Attempt attempt = transaction.attempt();
        attempt.reach();
        say(Stage.MAIL, MailCommands.mail(attempt, offered, chunks()), transaction, 0);
        if (!pipelining()) {
            return;
        }
        for (int i = 0; i < transaction.size(); i++) {
            sendRecipient(transaction, i);
        }
        if (!bdat(transaction)) {
            say(Stage.DATA, "DATA", transaction, 0);
        } else if (attempt.sizeBytes() <= terms.smallContent() && alone(transaction)) {
            sendContent(transaction);
        }
    }

    /** Nothing of another message is outstanding: what is lost on the way is of this one. */
    private boolean alone(Transaction transaction) {
        for (Expected one : expected) {
            if (one.transaction() != transaction) {
                return false;
            }
        }
        return true;
    }

    private void sendRecipient(Transaction transaction, int index) {
        say(Stage.RCPT, MailCommands.recipient(transaction.attempt(),
                transaction.recipient(index), offered), transaction, index);
    }

    private void mailAnswered(Expected asked, SmtpReply reply) {
        Transaction transaction = transactionOf(asked);
        if (reply.code() == 250) {
            if (!pipelining()) {
                sendRecipient(transaction, 0);
            }
            return;
        }
        Failure failure = ReplyClassifier.failureOf(Stage.MAIL, reply);
        if (failure == Failure.GARBAGE) {
            fail(asked, failure, ours("4.5.0", "answered MAIL with " + reply));
            return;
        }
        Ruling ruling = wire.judge(Stage.MAIL, reply, transaction.attempt());
        if (ruling.category() == ReplyClass.MESSAGE_LIMIT && messages > 1) {
            end(asked, Failure.CLOSING, reply, ruling);
            return;
        }
        // it wants the TLS that failed with it lately: that says nothing about the mail
        boolean wantsTls = reply.code() == 530 && !tls && terms.clearText();
        transaction.refuseMail(wantsTls ? new Disposition.Deferred(ours("4.7.5", "wants TLS, "
                + "which failed with it lately: " + reply)) : ruling.disposition(reply));
        if (!expectsMoreOf(transaction)) {
            complete(transaction);
        }
    }

    private void recipientAnswered(Expected asked, SmtpReply reply) {
        Transaction transaction = transactionOf(asked);
        if (!transaction.mailRefused()) {
            int place = transaction.recipient(asked.recipient());
            // 251: will forward; 252 is a reply to VRFY but some give it (RFC 5321 4.2.3)
            if (reply.code() >= 250 && reply.code() <= 252) {
                transaction.accept(asked.recipient());
            } else {
                Failure failure = ReplyClassifier.failureOf(Stage.RCPT, reply);
                if (failure == Failure.GARBAGE) {
                    fail(asked, failure, ours("4.5.0", "answered RCPT with " + reply));
                    return;
                }
                Ruling ruling = wire.judge(Stage.RCPT, reply, transaction.attempt());
                boolean split = ruling.does(RuleAction.SPLIT)
                        || ReplyClassifier.tooManyRecipients(reply);
                if (split && transaction.accepted() > 0) {
                    recipientLimit = transaction.accepted();
                } else {
                    transaction.attempt().decideAlone(place, ruling.disposition(reply));
                }
            }
        }
        if (expectsMoreOf(transaction)) {
            return;
        }
        int next = asked.recipient() + 1;
        if (!pipelining() && next < transaction.size()) {
            sendRecipient(transaction, next);
        } else if (transaction.hopeless()) {
            needsReset = !transaction.mailRefused();
            complete(transaction);
        } else if (bdat(transaction)) {
            sendContent(transaction);
        } else {
            say(Stage.DATA, "DATA", transaction, 0);
        }
    }

    private void dataAnswered(Expected asked, SmtpReply reply) {
        Transaction transaction = transactionOf(asked);
        if (reply.code() == 354) {
            if (transaction.hopeless()) {
                // RFC 2920 3.1: DATA was in the group, so the data must end at once
                transaction.beginContent();
                say(Stage.END_OF_DATA, ".", transaction, 0);
                transaction.endContent();
            } else {
                sendContent(transaction);
            }
            return;
        }
        Failure failure = ReplyClassifier.failureOf(Stage.DATA, reply);
        if (failure == Failure.GARBAGE) {
            fail(asked, failure, ours("4.5.0", "answered DATA with " + reply));
            return;
        }
        transaction.decideAccepted(wire.judge(Stage.DATA, reply, transaction.attempt())
                .disposition(reply));
        needsReset = !transaction.mailRefused();
        complete(transaction);
    }

    private void sendContent(Transaction transaction) {
        transaction.beginContent();
        boolean chunk = bdat(transaction);
        if (chunk) {
            wire.send("BDAT " + transaction.attempt().sizeBytes() + " LAST");
        }
        if (terms.hop().lmtp()) {
            transaction.eachAccepted(place -> expect(Stage.END_OF_DATA, transaction, place));
        } else {
            expect(Stage.END_OF_DATA, transaction, 0);
        }
        streaming = transaction;
        wire.sendContent(transaction.attempt(), !chunk);
    }

    private void endAnswered(Expected asked, SmtpReply reply) {
        Transaction transaction = transactionOf(asked);
        if (!transaction.contentSent()) {
            early(asked, transaction, reply);
            return;
        }
        if (transaction.hopeless()) {
            needsReset = bdat(transaction) && !transaction.mailRefused();
            complete(transaction);
            return;
        }
        if (reply.isPositive() && reply.code() != 250) {
            fail(asked, Failure.GARBAGE, ours("4.5.0", "answered the end of data with " + reply));
            return;
        }
        Disposition disposition = reply.code() == 250 ? new Disposition.Delivered(reply)
                : wire.judge(Stage.END_OF_DATA, reply, transaction.attempt()).disposition(reply);
        needsReset |= reply.code() != 250 && bdat(transaction);
        if (terms.hop().lmtp()) {
            transaction.attempt().decideAlone(transaction.recipient(asked.recipient()),
                    disposition);
            if (expectsMoreOf(transaction)) {
                return;
            }
        } else {
            transaction.decideAccepted(disposition);
        }
        complete(transaction);
    }

    /** An answer before the content is out: a refusal counts, anything else is out of step. */
    private void early(Expected asked, Transaction transaction, SmtpReply reply) {
        if (transaction.hopeless() || reply.isPositive()) {
            fail(asked, Failure.OUT_OF_STEP, ours("4.5.0", "answered before the message was "
                    + "sent: " + reply));
        } else {
            fail(asked, ReplyClassifier.failureOf(Stage.CONTENT, reply), reply);
        }
    }

    /** All replies of a transaction are in. */
    private void complete(Transaction transaction) {
        Attempt attempt = transaction.attempt();
        if (attempt.decided()) {
            wire.finished(attempt, offered.dsn());
        } else if (!closed && expected.isEmpty() && mayContinue()) {
            begin(attempt);
        } else {
            attempt.decideRest(new Disposition.Deferred(ours("4.5.3",
                    "took only a part of the recipients")));
            wire.finished(attempt, offered.dsn());
        }
        advance();
    }

    /** The rest of a message's recipients goes even when the connection is to end. */
    private boolean mayContinue() {
        return messages < offered.limits().mails()
                && (!draining || messages < terms.messages() + MAX_HAND_BACKS);
    }

    // ------------------------------------------------------------------ ends

    private void fail(Expected asked, Failure failure, SmtpReply reply) {
        Stage stage = stageOf(asked);
        Transaction of = asked.transaction();
        boolean said = failure == Failure.TRANSIENT || failure == Failure.PERMANENT
                || failure == Failure.CLOSING;
        end(asked, failure, reply, said && stage != Stage.QUIT
                ? wire.judge(stage, reply, of == null ? null : of.attempt())
                : Ruling.ours(failure));
    }

    private void end(Expected asked, Failure failure, SmtpReply reply, Ruling ruling) {
        Stage stage = stageOf(asked);
        Verdict verdict = ReplyClassifier.verdict(stage, failure);
        closed = true;
        streaming = null;
        boolean ahead = false;
        Transaction head = asked.transaction();
        if (head != null) {
            give(head, stage, failure, verdict.fate(), reply, ruling);
        }
        Transaction last = head;
        for (Expected later : expected) {
            Transaction transaction = later.transaction();
            if (transaction != null && transaction != last) {
                last = transaction;
                ahead |= head != null;
                if (transaction.contentSent()) {
                    // whatever came before it: the peer may have taken it
                    transaction.decideAll(ReplyClassifier.disposition(Fate.MAYBE_DELIVERED, reply,
                            ruling));
                }
                handBack(transaction, reply);
            }
        }
        expected.clear();
        wire.close(new Ending(stage, Optional.of(failure), verdict.effect(), reply, ahead));
    }

    /** Decides, or gives back, the mail of the command that failed. */
    private void give(Transaction transaction, Stage stage, Failure failure, Fate fate,
            SmtpReply reply, Ruling ruling) {
        // A refused RSET says nothing about the group behind it.
        boolean answered = failure == Failure.CLOSING || (stage != Stage.RSET
                && (failure == Failure.TRANSIENT || failure == Failure.PERMANENT));
        boolean unknown = transaction.contentSent() && !answered && !transaction.mailRefused();
        boolean fresh = stage == Stage.RSET || (stage == Stage.MAIL && transaction.afterOthers());
        boolean aboutConnection = ruling.category() == ReplyClass.MESSAGE_LIMIT
                || ruling.category() == ReplyClass.CONNECTION_LIMIT;
        if (aboutConnection && !transaction.contentSent()) {
            handBack(transaction, reply);
            return;
        }
        if (fresh && !unknown && (failure == Failure.LOST || failure == Failure.CLOSING
                || stage == Stage.RSET)) {
            handBack(transaction, reply);
            return;
        }
        if (unknown) {
            // Part of the group may have been taken in before the connection was lost.
            transaction.decideAll(ReplyClassifier.disposition(Fate.MAYBE_DELIVERED, reply,
                    ruling));
        }
        transaction.decideRest(ReplyClassifier.disposition(fate, reply, ruling),
                new Disposition.Deferred(reply, false, NextTry.SCHEDULE, ruling.cause()));
        wire.finished(transaction.attempt(), offered.dsn());
    }

    private void handBack(Transaction transaction, SmtpReply why) {
        Attempt attempt = transaction.attempt();
        attempt.handedBack();
        if (attempt.anyDecided() || attempt.handBacks() > MAX_HAND_BACKS) {
            attempt.decideRest(new Disposition.Deferred(why));
            wire.finished(attempt, offered.dsn());
        } else {
            wire.handBack(attempt);
        }
    }

    private void end(Ending ending) {
        closed = true;
        wire.close(ending);
    }

    // ------------------------------------------------------------------ small parts

    private boolean pipelining() {
        return offered.pipelining() && terms.pipelining();
    }

    /** Binary content has no other way, whatever is configured for the rest. */
    private boolean bdat(Transaction transaction) {
        return MailCommands.binary(transaction.attempt()) || chunks();
    }

    /** Text goes by BDAT. */
    private boolean chunks() {
        return offered.chunking() && terms.chunking() && !terms.hop().lmtp();
    }

    private static Stage stageOf(Expected asked) {
        Transaction transaction = asked.transaction();
        return asked.stage() == Stage.END_OF_DATA && transaction != null
                && !transaction.contentSent() ? Stage.CONTENT : asked.stage();
    }

    private static Transaction transactionOf(Expected asked) {
        Transaction transaction = asked.transaction();
        if (transaction == null) {
            throw new IllegalStateException("a reply about mail without mail");
        }
        return transaction;
    }

    private boolean expectsMoreOf(Transaction transaction) {
        Expected head = expected.peek();
        return head != null && head.transaction() == transaction;
    }

    private void say(Stage stage, String command) {
        say(stage, command, null, 0);
    }

    private void say(Stage stage, String command, @Nullable Transaction transaction,
            int recipient) {
        expect(stage, transaction, recipient);
        wire.send(command);
    }

    private void expect(Stage stage, @Nullable Transaction transaction, int recipient) {
        expected.add(new Expected(stage, transaction, recipient));
    }
}
