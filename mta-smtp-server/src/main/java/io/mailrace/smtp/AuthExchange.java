// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.SmtpReply;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
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
    private static final int NONCE_BYTES = 18;
    private static final SecureRandom RANDOM = new SecureRandom();

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
    private final Outside outside;
    private @Nullable SaslDialogue dialogue;
    /** AUTH EXTERNAL was begun and its response is awaited. */
    private boolean external;
    /** Who is logged in once the client has answered the server's proof. */
    private Optional<Identity> proven = Optional.empty();
    private Optional<Identity> certified = Optional.empty();
    private Optional<Identity> identity = Optional.empty();
    private int failures;

    /** @param failed counts wrong logins, of all sessions */
    AuthExchange(LongAdder failed, Outside outside) {
        this.failed = failed;
        this.outside = outside;
    }

    /** TLS was established: whoever logged in before is forgotten, the certificate counts. */
    void encrypted(Optional<Identity> certificate) {
        certified = certificate;
        identity = Optional.empty();
        proven = Optional.empty();
    }

    /** What a client that may log in can do so by. */
    List<String> mechanisms() {
        List<String> offer = new ArrayList<>(List.of("PLAIN", "LOGIN"));
        if (outside.offersScram()) {
            offer.add("SCRAM-SHA-256");
        }
        if (certified.isPresent()) {
            offer.add("EXTERNAL");
        }
        return offer;
    }

    /** Takes the argument of AUTH: a mechanism, perhaps an initial response. */
    Next begin(String argument) {
        int blank = argument.indexOf(' ');
        String mechanism = Ascii.upper(blank < 0 ? argument : argument.substring(0, blank));
        String initial = blank < 0 ? "" : argument.substring(blank + 1).strip();
        dialogue = null;
        external = false;
        if (mechanism.isEmpty()) {
            return new Next.Broken(Replies.NEEDS_NAME);
        }
        if (!mechanisms().contains(mechanism)) {
            return new Next.Broken(Replies.AUTH_UNKNOWN);
        }
        if (mechanism.equals("EXTERNAL")) {
            return external(initial);
        }
        SaslDialogue begun = switch (mechanism) {
            case "PLAIN" -> new SaslDialogue.Plain();
            case "LOGIN" -> new SaslDialogue.NameThenPassword();
            default -> new ScramDialogue(outside::scramSecret, nonce());
        };
        dialogue = begun;
        return after(begun.begin(initial));
    }

    private static String nonce() {
        byte[] bytes = new byte[NONCE_BYTES];
        RANDOM.nextBytes(bytes);
        return Base64.getEncoder().encodeToString(bytes);
    }

    /** EXTERNAL (RFC 4422 A): who, if anybody, is named must be whom the certificate names. */
    private Next external(String initial) {
        if (initial.isEmpty()) {
            external = true;
            return new Next.Ask(SmtpReply.of(334, ""));
        }
        return externalName(initial.equals("=") ? "" : initial);
    }

    private Next externalName(String line) {
        external = false;
        if (line.equals("*")) {
            return new Next.Broken(Replies.AUTH_CANCELLED);
        }
        String name;
        try {
            name = new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException notBase64) {
            return new Next.Broken(Replies.AUTH_MALFORMED);
        }
        if (!name.isEmpty() && !certified.map(Identity::user).equals(Optional.of(name))) {
            return wrong();
        }
        identity = certified;
        return new Next.Over(Replies.AUTHENTICATED);
    }

    /** Takes a line that answers {@link Next.Ask}; empty when it was no text at all. */
    Next next(Optional<String> line) {
        if (line.isEmpty()) {
            proven = Optional.empty();
            external = false;
            return new Next.Broken(Replies.AUTH_MALFORMED);
        }
        if (external) {
            return externalName(line.get());
        }
        if (proven.isPresent()) {
            return acknowledged(line.get());
        }
        return dialogue == null
                ? new Next.Broken(Replies.AUTH_MALFORMED)
                : after(dialogue.next(line.get()));
    }

    private Next acknowledged(String line) {
        Optional<Identity> who = proven;
        proven = Optional.empty();
        if (!line.isEmpty()) {
            return new Next.Broken(line.equals("*")
                    ? Replies.AUTH_CANCELLED
                    : Replies.AUTH_MALFORMED);
        }
        identity = who;
        return new Next.Over(Replies.AUTHENTICATED);
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
            case LoginCheck.Verdict.Right(Identity who) -> right(who);
            case LoginCheck.Verdict.Wrong() -> wrong();
            case LoginCheck.Verdict.Busy() -> new Next.Over(Replies.LOGINS_BUSY);
            case LoginCheck.Verdict.Braked() -> new Next.TooMany(Replies.TOO_MANY_LOGINS_FAILED);
        };
    }

    /** Somebody we trust has checked who it is. */
    void vouchedFor(Identity who) {
        identity = Optional.of(who);
    }

    private Next right(Identity who) {
        Optional<SmtpReply> last = dialogue == null ? Optional.empty() : dialogue.lastWord();
        if (last.isPresent()) {
            proven = Optional.of(who);
            return new Next.Ask(last.get());
        }
        identity = Optional.of(who);
        return new Next.Over(Replies.AUTHENTICATED);
    }

    private Next wrong() {
        failed.increment();
        return ++failures < MAX_FAILURES
                ? new Next.Wrong(Replies.LOGIN_WRONG)
                : new Next.TooMany(Replies.TOO_MANY_LOGINS_FAILED);
    }

    /** Whether AUTH succeeded: it cannot be said twice (RFC 4954 4). */
    boolean said() {
        return identity.isPresent();
    }

    /** Who logged in, by AUTH or else by certificate; empty when nobody did. */
    Optional<Identity> identity() {
        return identity.isPresent() ? identity : certified;
    }
}
