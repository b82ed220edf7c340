// SPDX-License-Identifier: Apache-2.0
package io.mailrace.smtp;

import io.mailrace.core.SmtpReply;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * SCRAM-SHA-256 without channel binding (RFC 5802 5 to 7, RFC 7677). Takes exactly the attributes
 * of the RFC in their order; optional extensions after them are kept and ignored, a mandatory one
 * ({@code m=}) ends the dialogue. Messages of at most {@value #MAX_MESSAGE} octets.
 */
final class ScramDialogue implements SaslDialogue {
    private static final int MAX_MESSAGE = 2048;
    private static final int MAX_NONCE = 256;

    private final Function<String, ScramSecret> secrets;
    private final String ourNonce;
    private boolean begun;
    private String gs2 = "";
    private String name = "";
    private String nonce = "";
    private String firstBare = "";
    private String serverFirst = "";
    private @Nullable ScramSecret secret;
    private byte[] authMessage = new byte[0];

    /**
     * @param secrets gives something for every name, whether there is such a user or not
     * @param ourNonce printable ASCII without comma, fresh for each dialogue
     */
    ScramDialogue(Function<String, ScramSecret> secrets, String ourNonce) {
        this.secrets = secrets;
        this.ourNonce = ourNonce;
    }

    @Override
    public Step take(Optional<byte[]> response) {
        if (response.isEmpty()) {
            return new Step.Ask(SmtpReply.of(334, ""));
        }
        // The name is the only part that may be more than ASCII, and then as UTF-8.
        byte[] octets = response.get();
        String message = new String(octets, StandardCharsets.UTF_8);
        boolean clean = octets.length <= MAX_MESSAGE && Arrays.equals(octets,
                message.getBytes(StandardCharsets.UTF_8))
                && message.chars().noneMatch(Character::isISOControl);
        if (!clean) {
            return new Step.Broken(Replies.AUTH_MALFORMED);
        }
        if (begun) {
            return last(message);
        }
        begun = true;
        return first(message);
    }

    /** {@code n,[a=authzid],[m=...,]n=user,r=nonce[,...]}. */
    private Step first(String message) {
        if (message.startsWith("p=")) {
            return new Step.Broken(Replies.NO_CHANNEL_BINDING);
        }
        String[] parts = message.split(",", -1);
        boolean formed = parts.length >= 4 && (parts[0].equals("n") || parts[0].equals("y"))
                && (parts[1].isEmpty() || parts[1].startsWith("a="))
                && parts[2].startsWith("n=") && parts[3].startsWith("r=");
        Optional<String> user = formed ? saslName(parts[2].substring(2)) : Optional.empty();
        String theirs = formed ? parts[3].substring(2) : "";
        if (user.isEmpty() || theirs.isEmpty() || theirs.length() > MAX_NONCE
                || !theirs.chars().allMatch(c -> c > 32 && c < 127)
                || !extensions(parts, 4, parts.length)) {
            return new Step.Broken(Replies.AUTH_MALFORMED);
        }
        if (!parts[1].isEmpty() && !saslName(parts[1].substring(2)).equals(user)) {
            return new Step.Broken(Replies.LOGIN_WRONG);
        }
        name = user.get();
        gs2 = parts[0] + "," + parts[1] + ",";
        firstBare = message.substring(gs2.length());
        nonce = theirs + ourNonce;
        ScramSecret known = secrets.apply(name);
        secret = known;
        serverFirst = "r=" + nonce + ",s=" + known.saltText() + ",i=" + known.iterations();
        return new Step.Ask(SaslDialogue.challenge(serverFirst));
    }

    /** {@code c=channel-binding,r=nonce[,...],p=proof}. */
    private Step last(String message) {
        String[] parts = message.split(",", -1);
        int proofAt = parts.length - 1;
        String binding = "c=" + Base64.getEncoder().encodeToString(
                gs2.getBytes(StandardCharsets.UTF_8));
        if (proofAt < 2 || !parts[0].equals(binding) || !parts[1].equals("r=" + nonce)
                || !parts[proofAt].startsWith("p=") || !extensions(parts, 2, proofAt)
                || secret == null) {
            return new Step.Broken(Replies.AUTH_MALFORMED);
        }
        byte[] proof;
        try {
            proof = Base64.getDecoder().decode(parts[proofAt].substring(2));
        } catch (IllegalArgumentException notBase64) {
            return new Step.Broken(Replies.AUTH_MALFORMED);
        }
        String withoutProof = message.substring(0, message.lastIndexOf(','));
        authMessage = (firstBare + "," + serverFirst + "," + withoutProof)
                .getBytes(StandardCharsets.UTF_8);
        return new Step.Login(new Credentials.Proof(name, secret, authMessage, proof));
    }

    /** Attributes nobody must know: a letter, but none that has a meaning, and a value. */
    private static boolean extensions(String[] parts, int from, int to) {
        for (int i = from; i < to; i++) {
            String part = parts[i];
            boolean optional = part.length() > 2 && part.charAt(1) == '='
                    && Character.isLetter(part.charAt(0)) && part.charAt(0) < 128
                    && "anmrcsipve".indexOf(part.charAt(0)) < 0;
            if (!optional) {
                return false;
            }
        }
        return true;
    }

    /** {@code =2C} and {@code =3D} are comma and equals sign; no other use of {@code =}. */
    private static Optional<String> saslName(String text) {
        String plain = text.replace("=2C", "").replace("=3D", "");
        return plain.indexOf('=') >= 0
                ? Optional.empty()
                : SaslDialogue.name(text.replace("=2C", ",").replace("=3D", "=")
                        .getBytes(StandardCharsets.UTF_8));
    }

    /** The server's proof; the client answers with nothing (RFC 4954 4). */
    @Override
    public Optional<SmtpReply> lastWord() {
        return secret == null ? Optional.empty()
                : Optional.of(SaslDialogue.challenge(
                        "v=" + Base64.getEncoder()
                                .encodeToString(secret.serverSignature(authMessage))));
    }
}
