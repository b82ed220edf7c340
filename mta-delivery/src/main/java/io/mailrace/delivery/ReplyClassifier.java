// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import static io.mailrace.delivery.ReplyClassifier.Effect.CLEAR_TEXT;
import static io.mailrace.delivery.ReplyClassifier.Effect.CLOSE;
import static io.mailrace.delivery.ReplyClassifier.Effect.GO_ON;
import static io.mailrace.delivery.ReplyClassifier.Effect.NEXT_HOST;
import static io.mailrace.delivery.ReplyClassifier.Effect.PARK;
import static io.mailrace.delivery.ReplyClassifier.Effect.SAY_HELO;
import static io.mailrace.delivery.ReplyClassifier.Effect.SUSPEND_SOURCE;
import static io.mailrace.delivery.ReplyClassifier.Fate.BOUNCE;
import static io.mailrace.delivery.ReplyClassifier.Fate.DEFER;
import static io.mailrace.delivery.ReplyClassifier.Fate.MAYBE_DELIVERED;
import static io.mailrace.delivery.ReplyClassifier.Fate.SETTLED;
import static io.mailrace.delivery.ReplyClassifier.Fate.UNTOUCHED;

import io.mailrace.core.Disposition;
import io.mailrace.core.NextTry;
import io.mailrace.core.SmtpReply;
import java.util.EnumMap;
import java.util.Map;

/**
 * The whole failure policy of delivery as one table: at which stage, what went wrong, what becomes
 * of the mail, what is done next. Any thread. Only a peer's 5xx about mail, or a policy of ours,
 * bounces; what nobody foresaw defers.
 */
final class ReplyClassifier {
    /** What went wrong; the columns. */
    enum Failure {
        /** A 4xx reply. */
        TRANSIENT,
        /** A 5xx reply. */
        PERMANENT,
        /** 421: the peer ends the connection (RFC 5321 3.8). */
        CLOSING,
        /** Not SMTP, or a code that makes no sense here. */
        GARBAGE,
        /** A reply nobody asked for: what belongs to which command is unknown. */
        OUT_OF_STEP,
        /** The connection failed or ended. */
        LOST,
        TIMEOUT,
        /** Our own machine: disk, memory, address, key, a bug. */
        LOCAL
    }

    /** What becomes of the mail at hand. */
    enum Fate {
        /** Nothing happened to it: no attempt is counted, another connection takes it. */
        UNTOUCHED,
        DEFER,
        /** Deferred; the peer may hold the message already (RFC 1047). */
        MAYBE_DELIVERED,
        BOUNCE,
        /** Its fate was decided before. */
        SETTLED
    }

    /** What is done next. */
    enum Effect {
        /** The connection stays in use. */
        GO_ON,
        /** EHLO is not known: HELO on the same connection (RFC 5321 3.2). */
        SAY_HELO,
        /** The connection is closed. */
        CLOSE,
        /** The connection is closed and the next address or host is tried. */
        NEXT_HOST,
        /** As {@link #NEXT_HOST}, unless TLS is opportunistic: then the same host in the clear. */
        CLEAR_TEXT,
        /** The source rests for a while. */
        SUSPEND_SOURCE,
        /** The queue waits as a whole. */
        PARK
    }

    /** What follows from a failure. */
    record Verdict(Fate fate, Effect effect) {}

    private static final Verdict NEXT = new Verdict(UNTOUCHED, NEXT_HOST);
    private static final Verdict CLEAR = new Verdict(UNTOUCHED, CLEAR_TEXT);
    private static final Verdict HELO = new Verdict(UNTOUCHED, SAY_HELO);
    private static final Verdict REST = new Verdict(UNTOUCHED, SUSPEND_SOURCE);
    private static final Verdict OVER = new Verdict(UNTOUCHED, CLOSE);
    private static final Verdict LATER = new Verdict(DEFER, GO_ON);
    private static final Verdict DROP = new Verdict(DEFER, CLOSE);
    private static final Verdict NEVER = new Verdict(BOUNCE, GO_ON);
    private static final Verdict WAIT = new Verdict(DEFER, PARK);
    private static final Verdict MAYBE = new Verdict(MAYBE_DELIVERED, CLOSE);
    private static final Verdict DONE = new Verdict(SETTLED, CLOSE);

    private static final Map<Stage, Map<Failure, Verdict>> TABLE = table();

    private ReplyClassifier() {}

    // Columns in the order of Failure. The surprising cells:
    // - DNS PERMANENT is what the answer itself says (no such domain, null MX), never an rcode.
    // - GREETING and EHLO 5xx: the host refuses us, not the mail; so another host or time may help.
    // - AUTH 5xx: our password is wrong, which says nothing about the mail.
    // - TLS OUT_OF_STEP: bytes followed the 220 in the clear; somebody may be injecting.
    // - MAIL LOST: on a connection used before, SmtpClientSession turns it into UNTOUCHED when
    //   nothing was answered: the peer closed between two messages.
    // - END_OF_DATA GARBAGE: something was answered, but nobody knows what.
    private static Map<Stage, Map<Failure, Verdict>> table() {
        Map<Stage, Map<Failure, Verdict>> t = new EnumMap<>(Stage.class);
        // TRANSIENT PERMANENT CLOSING GARBAGE OUT_OF_STEP LOST TIMEOUT LOCAL
        row(t, Stage.DNS, WAIT, NEVER, WAIT, WAIT, WAIT, WAIT, WAIT, WAIT);
        row(t, Stage.SIGNING, LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER);
        row(t, Stage.BIND, REST, REST, REST, REST, REST, REST, REST, REST);
        row(t, Stage.CONNECT, NEXT, NEXT, NEXT, NEXT, NEXT, NEXT, NEXT, OVER);
        row(t, Stage.GREETING, NEXT, NEXT, NEXT, NEXT, NEXT, NEXT, NEXT, OVER);
        row(t, Stage.EHLO, NEXT, HELO, NEXT, NEXT, NEXT, NEXT, NEXT, OVER);
        row(t, Stage.HELO, NEXT, NEXT, NEXT, NEXT, NEXT, NEXT, NEXT, OVER);
        row(t, Stage.STARTTLS, CLEAR, CLEAR, NEXT, NEXT, NEXT, CLEAR, CLEAR, OVER);
        row(t, Stage.TLS, CLEAR, CLEAR, CLEAR, CLEAR, NEXT, CLEAR, CLEAR, OVER);
        row(t, Stage.AUTH, NEXT, NEXT, NEXT, NEXT, NEXT, NEXT, NEXT, OVER);
        row(t, Stage.IDLE, OVER, OVER, OVER, OVER, OVER, OVER, OVER, OVER);
        row(t, Stage.RSET, OVER, OVER, OVER, OVER, OVER, OVER, OVER, OVER);
        row(t, Stage.MAIL, LATER, NEVER, DROP, DROP, DROP, DROP, DROP, DROP);
        row(t, Stage.RCPT, LATER, NEVER, DROP, DROP, DROP, DROP, DROP, DROP);
        row(t, Stage.DATA, LATER, NEVER, DROP, DROP, DROP, DROP, DROP, DROP);
        row(t, Stage.CONTENT, DROP, new Verdict(BOUNCE, CLOSE), DROP, DROP, DROP, DROP, DROP,
                DROP);
        row(t, Stage.END_OF_DATA, LATER, NEVER, DROP, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE);
        row(t, Stage.QUIT, DONE, DONE, DONE, DONE, DONE, DONE, DONE, DONE);
        return t;
    }

    private static void row(Map<Stage, Map<Failure, Verdict>> table, Stage stage,
            Verdict... verdicts) {
        Map<Failure, Verdict> row = new EnumMap<>(Failure.class);
        Failure[] columns = Failure.values();
        for (int i = 0; i < columns.length; i++) {
            row.put(columns[i], verdicts[i]);
        }
        table.put(stage, row);
    }

    static Verdict verdict(Stage stage, Failure failure) {
        Map<Failure, Verdict> row = TABLE.get(stage);
        Verdict verdict = row == null ? null : row.get(failure);
        if (verdict == null) {
            throw new IllegalStateException("no verdict on " + stage + " " + failure);
        }
        return verdict;
    }

    /** The column of a reply that was not what we wanted. */
    static Failure failureOf(Stage stage, SmtpReply reply) {
        if (reply.code() == 421) {
            return Failure.CLOSING;
        }
        if (stage == Stage.RCPT && reply.code() == 552) {
            // Old servers mean "too many recipients" by it (RFC 5321 4.5.3.1.10).
            return Failure.TRANSIENT;
        }
        return reply.isTransient() ? Failure.TRANSIENT
                : reply.isPermanent() ? Failure.PERMANENT : Failure.GARBAGE;
    }

    /** Whether a reply to RCPT says that this transaction takes no more (RFC 5321 4.5.3.1.10). */
    static boolean tooManyRecipients(SmtpReply reply) {
        boolean says = reply.status().map(s -> s.subject() == 5 && s.detail() == 3)
                .orElse(reply.code() == 452 || reply.code() == 552);
        return says && (reply.code() == 452 || reply.code() == 451 || reply.code() == 552);
    }

    /** The disposition a fate means; there is none for untouched mail. */
    static Disposition disposition(Fate fate, SmtpReply reply, Ruling ruling) {
        return switch (fate) {
            case MAYBE_DELIVERED ->
                new Disposition.Deferred(reply, true, NextTry.SCHEDULE, ruling.cause());
            case BOUNCE -> ruling.disposition(reply);
            case DEFER, UNTOUCHED, SETTLED -> ruling.fails()
                    ? new Disposition.Deferred(reply, false, NextTry.SCHEDULE, ruling.cause())
                    : ruling.disposition(reply);
        };
    }
}
