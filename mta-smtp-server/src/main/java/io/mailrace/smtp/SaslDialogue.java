// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.SmtpReply;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;

/**
 * One mechanism of AUTH, line by line (RFC 4954 4): {@link Plain}, {@link NameThenPassword} or
 * {@link ScramDialogue}. Only decodes: whether it is right is {@link LoginCheck}'s to say.
 */
sealed interface SaslDialogue permits SaslDialogue.Plain, SaslDialogue.NameThenPassword,
        ScramDialogue {
    int MAX_NAME = 255;
    int MAX_PASSWORD = 1024;

    /** What follows a line of the client. */
    sealed interface Step {
        /** Send this and wait for a line. */
        record Ask(SmtpReply challenge) implements Step {}

        /** Check it. */
        record Login(Credentials credentials) implements Step {}

        /** The dialogue is over without credentials. */
        record Broken(SmtpReply reply) implements Step {}
    }

    /** Who it claims to be, and by what. The name holds no control characters. */
    sealed interface Credentials {
        String name();

        /** A password as it was sent. */
        final class Password implements Credentials {
            private final String name;
            private final byte[] octets;

            Password(String name, byte[] octets) {
                this.name = name;
                this.octets = octets;
            }

            @Override
            public String name() {
                return name;
            }

            byte[] octets() {
                return octets;
            }
        }

        /** A proof of SCRAM, for what was said before it. */
        final class Proof implements Credentials {
            private final String name;
            private final ScramSecret secret;
            private final byte[] authMessage;
            private final byte[] proof;

            Proof(String name, ScramSecret secret, byte[] authMessage, byte[] proof) {
                this.name = name;
                this.secret = secret;
                this.authMessage = authMessage;
                this.proof = proof;
            }

            @Override
            public String name() {
                return name;
            }

            /** Whether it proves the password behind the secret; costs three digests. */
            boolean holds() {
                return secret.proven(authMessage, proof);
            }
        }
    }

    /** Takes what the client sends, decoded; nothing when it sent no initial response. */
    Step take(Optional<byte[]> response);

    /** What the server still has to say once the login is right; most have nothing. */
    default Optional<SmtpReply> lastWord() {
        return Optional.empty();
    }

    /** Begins, with the initial response of the command; empty when it had none. */
    default Step begin(String initialResponse) {
        if (initialResponse.isEmpty()) {
            return take(Optional.empty());
        }
        // RFC 4954 4: a single "=" is a response of no octets.
        return next(initialResponse.equals("=") ? "" : initialResponse);
    }

    /** Takes a line of the client. */
    default Step next(String line) {
        if (line.equals("*")) {
            return new Step.Broken(Replies.AUTH_CANCELLED);
        }
        try {
            return take(Optional.of(Base64.getDecoder().decode(line)));
        } catch (IllegalArgumentException notBase64) {
            return new Step.Broken(Replies.AUTH_MALFORMED);
        }
    }

    /** Octets as a challenge. */
    static SmtpReply challenge(String text) {
        return SmtpReply.of(334, Base64.getEncoder().encodeToString(
                text.getBytes(StandardCharsets.UTF_8)));
    }

    /** A login with a name and a password. */
    static Step login(Optional<String> name, byte[] password) {
        if (name.isEmpty() || password.length == 0 || password.length > MAX_PASSWORD
                || indexOfNul(password, 0) >= 0) {
            return new Step.Broken(Replies.AUTH_MALFORMED);
        }
        return new Step.Login(new Credentials.Password(name.get(), password));
    }

    static Optional<String> name(byte[] bytes) {
        if (bytes.length == 0 || bytes.length > MAX_NAME) {
            return Optional.empty();
        }
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes))
                    .toString();
            return text.chars().anyMatch(Character::isISOControl)
                    ? Optional.empty()
                    : Optional.of(text);
        } catch (CharacterCodingException broken) {
            return Optional.empty();
        }
    }

    static int indexOfNul(byte[] bytes, int from) {
        for (int i = from; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                return i;
            }
        }
        return -1;
    }

    /** AUTH PLAIN (RFC 4616): one message. */
    final class Plain implements SaslDialogue {
        private static final SmtpReply ASK = SmtpReply.of(334, "");

        @Override
        public Step take(Optional<byte[]> response) {
            return response.isEmpty() ? new Step.Ask(ASK) : decoded(response.get());
        }

        /** {@code [authzid] NUL authcid NUL passwd}; acting for somebody else is not offered. */
        private static Step decoded(byte[] message) {
            int first = indexOfNul(message, 0);
            int second = first < 0 ? -1 : indexOfNul(message, first + 1);
            if (second < 0) {
                return new Step.Broken(Replies.AUTH_MALFORMED);
            }
            byte[] user = Arrays.copyOfRange(message, first + 1, second);
            if (first > 0 && !Arrays.equals(user, Arrays.copyOf(message, first))) {
                return new Step.Broken(Replies.LOGIN_WRONG);
            }
            return login(SaslDialogue.name(user),
                    Arrays.copyOfRange(message, second + 1, message.length));
        }
    }

    /** AUTH LOGIN, which no RFC describes: the name, then the password. */
    final class NameThenPassword implements SaslDialogue {
        private static final SmtpReply ASK_NAME = challenge("Username:");
        private static final SmtpReply ASK_PASSWORD = challenge("Password:");

        private Optional<String> name = Optional.empty();

        @Override
        public Step take(Optional<byte[]> response) {
            if (response.isEmpty()) {
                return new Step.Ask(ASK_NAME);
            }
            if (name.isEmpty()) {
                name = SaslDialogue.name(response.get());
                return name.isEmpty()
                        ? new Step.Broken(Replies.AUTH_MALFORMED)
                        : new Step.Ask(ASK_PASSWORD);
            }
            return login(name, response.get());
        }
    }
}
