// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.SmtpReply;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * AUTH in one session (RFC 4954): what follows a line of the client or a verdict, and who the
 * client turned out to be. Does no I/O and keeps no mode: the session does what the returned
 * {@link Next} says. Holds at most one SASL dialogue; takes {@value #MAX_FAILURES} wrong logins.
 * Confined to the event loop of its session.
 */
final class AuthExchange {
    private static final int MAX_FAILURES = 5;

    /** What the session is to do. */
    sealed interface Next {
        /** Send this; the client's next line comes to {@link AuthExchange#next}. */
        record Ask(SmtpReply challenge) implements Next {}

        /** Have it checked; what was found comes to {@link AuthExchange#verdict}. */
        record Check(SaslDialogue.Credentials login) implements Next {}

        /** Say how it ended: the client is logged in, or may try again. */
        record Over(SmtpReply reply) implements Next {}

        /** The client broke the rules, which counts as an error of the session. */
        record Broken(SmtpReply reply) implements Next {}

        /** Name or password were wrong: no error of the dialogue, but somebody may ask. */
        record Wrong(SmtpReply reply) implements Next {}

        /** Too much was wrong: end the session. */
        record TooMany(SmtpReply reply) implements Next {}
    }

    private final LongAdder failed;
    private @Nullable SaslDialogue dialogue;
    private Optional<Identity> identity = Optional.empty();
    private int failures;

    /** @param failed counts wrong logins, of all sessions */
    AuthExchange(LongAdder failed) {
        this.failed = failed;
    }

    /** Takes the argument of AUTH: a mechanism, perhaps an initial response. */
    Next begin(String argument) {
        int blank = argument.indexOf(' ');
        String mechanism = blank < 0 ? argument : argument.substring(0, blank);
        Optional<SaslDialogue> known = SaslDialogue.of(mechanism);
        if (known.isEmpty()) {
            return new Next.Broken(mechanism.isEmpty()
                    ? Replies.NEEDS_NAME
                    : Replies.AUTH_UNKNOWN);
        }
        SaslDialogue begun = known.get();
        dialogue = begun;
        return after(begun.begin(blank < 0 ? "" : argument.substring(blank + 1).strip()));
    }

    /** Takes a line that answers {@link Next.Ask}; empty when it was no text at all. */
    Next next(Optional<String> line) {
        if (dialogue == null || line.isEmpty()) {
            return new Next.Broken(Replies.AUTH_MALFORMED);
        }
        return after(dialogue.next(line.get()));
    }

    private static Next after(SaslDialogue.Step step) {
        return switch (step) {
            case SaslDialogue.Step.Ask(SmtpReply challenge) -> new Next.Ask(challenge);
            case SaslDialogue.Step.Login(SaslDialogue.Credentials login) -> new Next.Check(login);
            case SaslDialogue.Step.Broken(SmtpReply reply) -> new Next.Broken(reply);
        };
    }

    /** Takes what {@link Next.Check} found. */
    Next verdict(LoginCheck.Verdict verdict) {
        return switch (verdict) {
            case LoginCheck.Verdict.Right(Identity who) -> {
                identity = Optional.of(who);
                yield new Next.Over(Replies.AUTHENTICATED);
            }
            case LoginCheck.Verdict.Wrong() -> {
                failed.increment();
                yield ++failures < MAX_FAILURES
                        ? new Next.Wrong(Replies.LOGIN_WRONG)
                        : new Next.TooMany(Replies.TOO_MANY_LOGINS_FAILED);
            }
            case LoginCheck.Verdict.Busy() -> new Next.Over(Replies.LOGINS_BUSY);
            case LoginCheck.Verdict.Braked() -> new Next.TooMany(Replies.TOO_MANY_LOGINS_FAILED);
        };
    }

    /** Somebody we trust has checked who it is. */
    void vouchedFor(Identity who) {
        identity = Optional.of(who);
    }

    /** Who logged in; empty when nobody did. */
    Optional<Identity> identity() {
        return identity;
    }
}
