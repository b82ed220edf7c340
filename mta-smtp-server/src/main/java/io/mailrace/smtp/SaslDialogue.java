// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.Ascii;
import io.mailrace.core.SmtpReply;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;

/**
 * The client's side of AUTH PLAIN (RFC 4616) and LOGIN, line by line (RFC 4954 4). Only decodes:
 * whether the password is right is {@link LoginCheck}'s to say.
 */
final class SaslDialogue {
    static final int MAX_NAME = 255;
    static final int MAX_PASSWORD = 1024;

    /** What follows a line of the client. */
    sealed interface Step {
        /** Send this and wait for a line. */
        record Ask(SmtpReply challenge) implements Step {}

        /** Check it. */
        record Login(Credentials credentials) implements Step {}

        /** The dialogue is over without credentials. */
        record Broken(SmtpReply reply) implements Step {}
    }

    /** Who it claims to be. The name holds no control characters. */
    static final class Credentials {
        private final String name;
        private final byte[] password;

        Credentials(String name, byte[] password) {
            this.name = name;
            this.password = password;
        }

        String name() {
            return name;
        }

        byte[] password() {
            return password;
        }
    }

    private static final SmtpReply ASK_PLAIN = SmtpReply.of(334, "");
    private static final SmtpReply ASK_NAME = SmtpReply.of(334, "VXNlcm5hbWU6");
    private static final SmtpReply ASK_PASSWORD = SmtpReply.of(334, "UGFzc3dvcmQ6");

    private final boolean plain;
    private Optional<String> name = Optional.empty();

    private SaslDialogue(boolean plain) {
        this.plain = plain;
    }

    /** For a mechanism; empty when it is not offered. */
    static Optional<SaslDialogue> of(String mechanism) {
        if (Ascii.equalsIgnoreCase(mechanism, "PLAIN")) {
            return Optional.of(new SaslDialogue(true));
        }
        return Ascii.equalsIgnoreCase(mechanism, "LOGIN")
                ? Optional.of(new SaslDialogue(false))
                : Optional.empty();
    }

    /** Begins, with the initial response of the command; empty when it had none. */
    Step begin(String initialResponse) {
        if (initialResponse.isEmpty()) {
            return new Step.Ask(plain ? ASK_PLAIN : ASK_NAME);
        }
        // RFC 4954 4: a single "=" is a response of no octets.
        return next(initialResponse.equals("=") ? "" : initialResponse);
    }

    Step next(String line) {
        if (line.equals("*")) {
            return new Step.Broken(Replies.AUTH_CANCELLED);
        }
        byte[] decoded;
        try {
            decoded = Base64.getDecoder().decode(line);
        } catch (IllegalArgumentException notBase64) {
            return new Step.Broken(Replies.AUTH_MALFORMED);
        }
        if (plain) {
            return plain(decoded);
        }
        if (name.isEmpty()) {
            name = name(decoded);
            return name.isEmpty()
                    ? new Step.Broken(Replies.AUTH_MALFORMED)
                    : new Step.Ask(ASK_PASSWORD);
        }
        return login(name, decoded);
    }

    /** {@code [authzid] NUL authcid NUL passwd}; acting for somebody else is not offered. */
    private static Step plain(byte[] decoded) {
        int first = indexOfNul(decoded, 0);
        int second = first < 0 ? -1 : indexOfNul(decoded, first + 1);
        if (second < 0) {
            return new Step.Broken(Replies.AUTH_MALFORMED);
        }
        byte[] user = Arrays.copyOfRange(decoded, first + 1, second);
        if (first > 0 && !Arrays.equals(user, Arrays.copyOf(decoded, first))) {
            return new Step.Broken(Replies.LOGIN_WRONG);
        }
        return login(name(user), Arrays.copyOfRange(decoded, second + 1, decoded.length));
    }

    private static Step login(Optional<String> name, byte[] password) {
        if (name.isEmpty() || password.length == 0 || password.length > MAX_PASSWORD
                || indexOfNul(password, 0) >= 0) {
            return new Step.Broken(Replies.AUTH_MALFORMED);
        }
        return new Step.Login(new Credentials(name.get(), password));
    }

    private static Optional<String> name(byte[] bytes) {
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

    private static int indexOfNul(byte[] bytes, int from) {
        for (int i = from; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                return i;
            }
        }
        return -1;
    }
}
